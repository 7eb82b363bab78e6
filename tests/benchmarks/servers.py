"""The three servers that are measured, started as a person starts them, and what they take of the machine."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import requests

from segmentation import networks

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
REMBG = ROOT / ".venv-rembg" / "bin" / "rembg"
START_SECONDS = 300.0
UNAVAILABLE = 503
INHERITED = ("DATABASE_URL", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Server:
    """A running server.

    `path`, `field`, `fields` and `magic` are how it is called and told (see load.py); `process` is what was started,
    `state` StickerSnap's own folder.
    """

    name: str
    url: str
    path: str
    field: str
    magic: str
    process: subprocess.Popen[bytes]
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    state: Path | None = None
    began: float = dataclasses.field(default_factory=time.perf_counter)

    def call(self) -> dict[str, Any]:
        """What the load generator must know."""
        names = ("url", "path", "field", "magic", "fields")
        return {"road": "call", **{name: getattr(self, name) for name in names}}

    def processes(self) -> list[psutil.Process]:
        """The started process and all below it."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def web(self) -> list[psutil.Process]:
        """Those that answer requests."""
        found = [p for p in self.processes() if self.state is None or "gunicorn" in " ".join(_command(p))]
        return found or self.processes()

    def memory(self) -> float:
        """MiB resident in the processes that answer."""
        return sum(_resident(process) for process in self.web()) / 2**20

    def cpu(self) -> float:
        """Processor seconds that everything started here has used."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return sum(sum(p.cpu_times()[:2]) for p in [*self.processes(), *self._database()])
        return 0.0

    def all_memory(self) -> dict[str, float]:
        """MiB by part of StickerSnap: web, worker, postgres (what it alone holds), supervisor."""
        parts: dict[str, float] = {}
        for process in [*self.processes(), *self._database()]:
            command = " ".join(_command(process))
            part = next((p for p in ("gunicorn", "procrastinate", "postgres") if p in command), "supervisor")
            size = process.memory_full_info().uss if part == "postgres" else _resident(process)
            parts[part] = parts.get(part, 0.0) + size / 2**20
        return parts

    def _database(self) -> list[psutil.Process]:
        if self.state is None:
            return []
        root = psutil.Process(int((self.state / "postgres" / "postmaster.pid").read_text().split()[0]))
        return [root, *root.children(recursive=True)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


@contextlib.contextmanager
def stickersnap(state: Path, **settings: str) -> Iterator[Server]:
    """`manage.py up`, its state in `state`."""
    state.mkdir(exist_ok=True)
    state.chmod(0o711)  # root's PostgreSQL runs as another account, which must pass
    port = free_port()
    command = [sys.executable, "manage.py", "up", "--port", str(port)]
    environment = {"STICKERSNAP_STATE": str(state), "STICKERSNAP_UPLOADS_PER_MINUTE": "1000000", **settings}
    with started(command, environment, state / "terminal.txt") as process:
        url = f"http://127.0.0.1:{port}"
        yield Server("StickerSnap", url, "/?target=whatsapp", "data", "WEBP", process, state=state)


def manage(state: Path, *arguments: str, **settings: str) -> None:
    """A command of `manage.py` in the installation of that state."""
    environment = {name: value for name, value in os.environ.items() if name not in INHERITED}
    environment |= {"STICKERSNAP_STATE": str(state), **settings}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


@contextlib.contextmanager
def plain(folder: Path, weights: Path) -> Iterator[Server]:
    """The pipeline of 2020 on gunicorn, one worker, with our starter weights."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "plain_pipeline:make()", "--chdir", str(HERE), "--timeout", "300"]
    environment = {"PLAIN_NETWORK": networks.SHIPPED, "PLAIN_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)}
    with started([*command, "--bind", f"127.0.0.1:{port}"], environment, folder / "plain.txt") as process:
        yield Server("2020 pipeline", f"http://127.0.0.1:{port}", "/", "data", "PNG", process)


@contextlib.contextmanager
def rembg(folder: Path, graph: Path) -> Iterator[Server]:
    """`rembg s` with our starter weights in the graph form that it reads; nothing is downloaded."""
    port = free_port()
    command = [str(REMBG), "s", "--no-ui", "--host", "127.0.0.1", "--port", str(port), "--log_level", "warning"]
    environment = {"U2NET_HOME": str(graph.parent), "BROWSER": "true"}
    path = "/api/remove?" + urlencode({"extras": json.dumps({"model_path": str(graph)})})
    with started(command, environment, folder / "rembg.txt") as process:
        yield Server("rembg", f"http://127.0.0.1:{port}", path, "file", "PNG", process, {"model": "u2net_custom"})


@contextlib.contextmanager
def started(command: list[str], settings: dict[str, str], terminal: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in a file; asked to stop at the end, and made to after a minute."""
    environment = {name: value for name, value in os.environ.items() if name not in INHERITED} | settings
    with terminal.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def first_answer(server: Server, photo: Path) -> float:
    """Seconds from the start of the process to the first right sticker."""
    said = ""
    while time.perf_counter() - server.began < START_SECONDS and server.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError), photo.open("rb") as file:
            files = {server.field: file}
            answer = requests.post(server.url + server.path, files=files, data=server.fields, timeout=60)
            said = f"{answer.status_code} {answer.text[:300]}"
            if answer.ok and server.magic.encode() in answer.content[:16]:
                return time.perf_counter() - server.began
            assert answer.status_code == UNAVAILABLE, f"{server.name} answers {said}"
        time.sleep(0.05)
    raise AssertionError(f"{server.name} gave no right answer, at last {said or 'none'}: see the files in its folder.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
