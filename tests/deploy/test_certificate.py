"""From the placeholder to a certificate of Let's Encrypt's own test server: the real scripts, nginx and certbot."""

import contextlib
import json
import os
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

SCRIPT = "deploy/certbot/certificate.sh"
RELOADER = "deploy/nginx/entrypoint/90-reload-certificate.sh"
ACME_SERVER = ("certbot", "pebble", "pebble-challtestsrv")


@pytest.fixture
def environment(server_folder) -> dict[str, str]:
    return os.environ | {
        "STICKERSNAP_DOMAIN": "snap.test",
        "NGINX_CERTIFICATE": str(server_folder / "stickersnap.pem"),
        "NGINX_ACME_ROOT": str(server_folder / "acme"),
        "LETSENCRYPT_FOLDER": str(server_folder / "letsencrypt"),
        "LETSENCRYPT_EMAIL": "operator@snap.test",
    }


@pytest.fixture
def started():
    """Start programs whose whole process group ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(*command: str | Path, **options: object) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen(command, start_new_session=True, **options))
            stack.callback(_end, process)
            return process

        yield start


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 15)


def _reloader(proxy, folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment in which `nginx` means this test's nginx, as it means the container's there."""
    shim = folder / "bin/nginx"
    shim.parent.mkdir()
    program = proxy.process.args[0]
    shim.write_text(f'#!/bin/sh\nexec {program} -p {folder} -c {folder}/nginx.conf -e {folder}/error.log "$@"\n')
    shim.chmod(0o755)
    return environment | {"PATH": f"{shim.parent}:{environment['PATH']}", "NGINX_RELOAD_SECONDS": "0.2"}


def _served(proxy) -> x509.Certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with proxy.connect(context) as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def _trusted(proxy) -> bool:
    """Whether an answer comes with the certificate that is on disk."""
    try:
        return proxy.ask("GET", "/").status == 200
    except ssl.SSLCertVerificationError:
        return False


def test_the_placeholder_is_for_the_domain_and_for_no_other_eyes(root, environment, server_folder):
    subprocess.run(["sh", root / SCRIPT, "placeholder"], env=environment, check=True)
    file = server_folder / "stickersnap.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEY" in file.read_text()
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["snap.test"]


def test_the_placeholder_replaces_nothing(root, environment, server_folder):
    (server_folder / "stickersnap.pem").write_text("a real certificate")
    subprocess.run(["sh", root / SCRIPT, "placeholder"], env=environment, check=True)
    assert (server_folder / "stickersnap.pem").read_text() == "a real certificate"


@pytest.mark.parametrize("missing", ["STICKERSNAP_DOMAIN", "NGINX_CERTIFICATE"])
def test_it_says_what_is_missing(root, environment, missing):
    del environment[missing]
    done = subprocess.run(["sh", root / SCRIPT, "placeholder"], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{missing}: set it to" in done.stderr


def test_without_lets_encrypt_the_placeholder_stays(root, environment, server_folder, started, wait_until):
    log = server_folder / "log"
    with log.open("w") as out:
        keeper = started(
            "sh", root / SCRIPT, "keep", env=environment | {"STICKERSNAP_CERTIFICATE": "self-signed"}, stdout=out
        )
    wait_until(lambda: "Let's Encrypt is not asked" in log.read_text())
    assert (server_folder / "stickersnap.pem").exists()
    assert keeper.poll() is None


def test_nginx_takes_up_a_renewed_certificate_while_it_runs(
    root, nginx, environment, server_folder, self_signed, started, wait_until
):
    proxy = nginx()
    started("sh", root / RELOADER, env=_reloader(proxy, server_folder, environment)).wait()
    before = _served(proxy).serial_number
    live = server_folder / "letsencrypt/live/snap.test"
    live.mkdir(parents=True)
    self_signed(server_folder / "renewed.pem")
    for name in ("privkey.pem", "fullchain.pem"):  # nginx reads key and chain each from among both
        shutil.copy(server_folder / "renewed.pem", live / name)
    subprocess.run(["sh", root / SCRIPT, "install"], env=environment, check=True)
    wait_until(lambda: _served(proxy).serial_number != before)
    wait_until(lambda: _trusted(proxy))  # nginx's old worker may still take a connection or two
    assert proxy.process.poll() is None


def test_a_broken_certificate_never_takes_nginx_down(root, nginx, environment, server_folder, started, wait_until):
    proxy = nginx()
    before = _served(proxy).serial_number
    log = server_folder / "reloader.log"
    with log.open("w") as out:
        started("sh", root / RELOADER, env=_reloader(proxy, server_folder, environment), stderr=out).wait()
    (server_folder / "stickersnap.pem").write_text("half a certificate")
    wait_until(lambda: "cannot load certificate" in log.read_text())
    assert _served(proxy).serial_number == before


def test_lets_encrypt_answers_through_nginx(root, nginx, environment, server_folder, free_port, started, wait_until):
    if absent := [program for program in ACME_SERVER if shutil.which(program) is None]:
        pytest.skip(f"{', '.join(absent)} not installed: apt-get install certbot pebble")
    proxy = nginx()
    directory = _acme_server(proxy, server_folder, free_port, started)
    options = f"--server {directory} --no-verify-ssl --work-dir {server_folder}/work --logs-dir {server_folder}/logs"
    environment |= {"CERTBOT_OPTIONS": options, "NGINX_HEALTH": f"http://127.0.0.1:{proxy.http_port}/nginx-health"}
    assert "Pebble" not in _served(proxy).issuer.rfc4514_string()
    started("sh", root / RELOADER, env=_reloader(proxy, server_folder, environment)).wait()
    started("sh", root / SCRIPT, "keep", env=environment)
    wait_until(lambda: "Pebble" in _served(proxy).issuer.rfc4514_string())
    assert proxy.asked == [], "the challenge reached the service"


def _acme_server(proxy, folder: Path, free_port, started) -> str:
    """Start Let's Encrypt's small test server, for which every name is this machine. Answers its directory."""
    dns, pebble, management = free_port(), free_port(), free_port()
    key, chain = folder / "pebble.key", folder / "pebble.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )  # fmt: skip
    settings = {
        "listenAddress": f"127.0.0.1:{pebble}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(chain),
        "privateKey": str(key),
        "httpPort": proxy.http_port,
        "tlsPort": proxy.https_port,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    off = [f"-{name}=" for name in ("http01", "https01", "tlsalpn01", "defaultIPv6")]
    started("pebble-challtestsrv", *off, f"-dns01=127.0.0.1:{dns}", f"-management=127.0.0.1:{free_port()}")
    started(
        "pebble", "-config", folder / "pebble.json", "-dnsserver", f"127.0.0.1:{dns}",
        env=os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
    )  # fmt: skip
    return f"https://127.0.0.1:{pebble}/dir"
