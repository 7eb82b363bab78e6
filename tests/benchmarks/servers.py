"""The three servers that are measured, started as a person starts them, and what they take of the machine."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
REMBG = ROOT / ".venv-rembg" / "bin" / "rembg"
START_SECONDS = 300.0
INHERITED = ("DATABASE_URL", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Server:
    """A running server.

    `road` and `fields` are the load generator's; `process` is what was started, `web` names the processes whose
    memory counts as the server's own.
    """

    name: str
    url: str
    road: str
    process: subprocess.Popen[bytes]
    fields: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def processes(self) -> list[psutil.Process]:
        """The started process and all below it."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def web(self) -> list[psutil.Process]:
        """Those that answer requests."""
        found = [p for p in self.processes() if self.road != "once" or "gunicorn" in " ".join(_command(p))]
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
        file = Path(str(self.fields.get("state", ""))) / "postgres" / "postmaster.pid"
        if self.road != "once" or not file.is_file():
            return []
        root = psutil.Process(int(file.read_text().split()[0]))
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
        yield Server("StickerSnap", f"http://127.0.0.1:{port}", "once", process, {"state": str(state)})


@contextlib.contextmanager
def plain(folder: Path, weights: Path) -> Iterator[Server]:
    """The pipeline of 2020 on gunicorn, one worker, with our starter weights."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "plain_pipeline:make()", "--chdir", str(HERE), "--timeout", "300"]
    environment = {"PLAIN_NETWORK": "basnet-small", "PLAIN_WEIGHTS": str(weights), "PYTHONPATH": str(ROOT)}
    with started([*command, "--bind", f"127.0.0.1:{port}"], environment, folder / "plain.txt") as process:
        yield Server("2020 pipeline", f"http://127.0.0.1:{port}", "plain", process)


@contextlib.contextmanager
def rembg(folder: Path, graph: Path) -> Iterator[Server]:
    """`rembg s` with our starter weights in the graph form that it reads; nothing is downloaded."""
    port = free_port()
    command = [str(REMBG), "s", "--no-ui", "--host", "127.0.0.1", "--port", str(port), "--log_level", "warning"]
    environment = {"U2NET_HOME": str(graph.parent), "BROWSER": "true"}
    fields = {"model": "u2net_custom", "extras": f'{{"model_path": "{graph}"}}'}
    with started(command, environment, folder / "rembg.txt") as process:
        yield Server("rembg", f"http://127.0.0.1:{port}", "rembg", process, fields)


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
    fields: dict[str, Any] = {k: v for k, v in server.fields.items() if k != "state"}
    address = {"once": "/?target=whatsapp", "plain": "/", "rembg": "/api/remove"}[server.road]
    name = "file" if server.road == "rembg" else "data"
    magic = b"WEBP" if server.road == "once" else b"PNG"
    while time.perf_counter() - server.began < START_SECONDS:
        with contextlib.suppress(requests.RequestException), photo.open("rb") as file:
            answer = requests.post(server.url + address, files={name: file}, data=fields, timeout=60)
            if answer.ok and magic in answer.content[:16]:
                return time.perf_counter() - server.began
        if server.process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"{server.name} gave no right answer: see the files in its folder.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
