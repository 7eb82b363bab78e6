"""The real nginx on loopback, with the configuration that is deployed, in front of a small service."""

import contextlib
import grp
import http.client
import http.server
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest
from ports import free_port as free_port_here
from waiting import wait_for

ROOT = Path(__file__).parents[2]
DOMAIN = "snap.test"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """See support.waiting.wait_for."""
    return wait_for


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port of this machine that nothing listens on."""
    return free_port_here


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)


class Service(http.server.BaseHTTPRequestHandler):
    """Answers what it was asked, as JSON; `/own/…` sends headers of its own, `/refuses` an error of its own."""

    asked: list[str]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers), "bytes": len(body)}
        data = json.dumps(told).encode()
        self.send_response(503 if self.path == "/refuses" else 200)
        self.send_header("Content-Type", "text/javascript" if self.path.startswith("/static/") else "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.path.startswith("/own"):
            self.send_header("Strict-Transport-Security", "max-age=7")
            self.send_header("X-Content-Type-Options", "nosniff")
        if self.path == "/refuses":
            self.send_header("Retry-After", "3")
        if self.path.startswith("/static/"):
            self.send_header("Cache-Control", "max-age=60, public")
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Proxy:
    """A running nginx and how to ask it something."""

    folder: Path
    http_port: int
    https_port: int
    asked: list[str]
    process: subprocess.Popen[bytes] = field(repr=False)
    stop_service: Callable[[], None] = field(repr=False)

    @property
    def certificate(self) -> Path:
        return self.folder / "stickersnap.pem"

    @property
    def acme(self) -> Path:
        return self.folder / "acme"

    def ask(self, method: str, path: str, *, https: bool = True, **options: object) -> Answer:
        """One request with options `headers`, `body`, `encode_chunked` of http.client."""
        connection = http.client.HTTPConnection(DOMAIN, self.https_port if https else self.http_port, timeout=30)
        connection.sock = self.connect() if https else socket.create_connection(("127.0.0.1", self.http_port), 30)
        with contextlib.closing(connection):
            connection.request(method, path, **options)
            answer = connection.getresponse()
            return Answer(answer.status, answer.msg, answer.read())

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A TLS connection that trusts nobody but the certificate on disk."""
        context = context or ssl.create_default_context(cafile=self.certificate)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.https_port), 30), server_hostname=DOMAIN)


@pytest.fixture
def self_signed() -> Callable[[Path], None]:
    """Write the placeholder certificate to a file, with the script that does so on a server."""

    def write(file: Path) -> None:
        subprocess.run(
            ["sh", ROOT / "deploy/certbot/certificate.sh", "placeholder"],
            env=os.environ | {"STICKERSNAP_DOMAIN": DOMAIN, "NGINX_CERTIFICATE": str(file)},
            check=True,
        )

    return write


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder that nginx's unprivileged workers may pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="stickersnap-nginx-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def nginx(server_folder: Path, self_signed: Callable[[Path], None]) -> Iterator[Callable[..., Proxy]]:
    """Start nginx with the deployed configuration; keyword arguments replace its variables."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light, or brew install nginx")
    with contextlib.ExitStack() as stack:
        yield lambda **variables: stack.enter_context(_running(server_folder, self_signed, variables))


@contextlib.contextmanager
def _running(folder: Path, self_signed: Callable[[Path], None], variables: dict[str, str]) -> Iterator[Proxy]:
    ports = free_port_here(), free_port_here()
    asked: list[str] = []
    handler = type("Handler", (Service,), {"asked": asked})
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=service.serve_forever, args=(0.05,), daemon=True).start()
    stopped = threading.Event()

    def stop_service() -> None:
        if not stopped.is_set():
            stopped.set()
            service.shutdown()
            service.server_close()

    self_signed(folder / "stickersnap.pem")
    (folder / "acme/.well-known/acme-challenge").mkdir(parents=True)
    values = {
        "STICKERSNAP_DOMAIN": DOMAIN,
        "NGINX_HTTP_PORT": f"127.0.0.1:{ports[0]}",
        "NGINX_HTTPS_PORT": f"127.0.0.1:{ports[1]}",
        "NGINX_UPSTREAM": f"127.0.0.1:{service.server_port}",
        "NGINX_RESOLVER": "127.0.0.1",
        "NGINX_CERTIFICATE": str(folder / "stickersnap.pem"),
        "NGINX_ACME_ROOT": str(folder / "acme"),
        "NGINX_CACHE": str(folder / "cache"),
        "NGINX_UPLOAD_RATE": "100r/s",
        "NGINX_UPLOAD_BURST": "100",
    } | variables
    _write_configuration(folder, values)
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    try:
        wait_for(lambda: process.poll() is not None or all(map(_listens, ports)))
        assert process.poll() is None, (folder / "error.log").read_text()
        yield Proxy(folder, *ports, asked, process, stop_service)
    finally:
        process.terminate()
        process.wait()
        stop_service()


def _write_configuration(folder: Path, values: dict[str, str]) -> None:
    """Fill in the template as the nginx image does, beside a main file like the image's."""
    template = (ROOT / "deploy/nginx/templates/default.conf.template").read_text()
    (folder / "conf.d").mkdir()
    filled = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], template)
    (folder / "conf.d/default.conf").write_text(filled)
    temporary = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    (folder / "nginx.conf").write_text(
        f"{_unprivileged()} worker_processes 1; daemon off; pid {folder}/nginx.pid;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {' '.join(temporary)} include {folder}/conf.d/*.conf; }}\n"
    )


def _unprivileged() -> str:
    """Which account nginx's workers run as where root starts them: one without rights, as in the image."""
    if os.geteuid() != 0:
        return ""
    nobody = pwd.getpwnam("nobody")
    return f"user {nobody.pw_name} {grp.getgrgid(nobody.pw_gid).gr_name};"
