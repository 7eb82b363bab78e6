"""Finds the processes of one embedded PostgreSQL, the living and the left over.

``postmaster.pid`` alone is no proof: after ``kill -9`` its number may name a zombie or somebody else's process.
The postmaster is known by the data folder on its command line; its children by the server's ``cluster_name``,
which PostgreSQL writes into their titles and which anybody may read (the working folder may not be).
"""

import hashlib
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

LEAVE_SECONDS = 1.0
QUIT_SECONDS = 3.0


def cluster_name(data: Path) -> str:
    """A name for the server on ``data``, the same for every process that asks."""
    return f"stickersnap-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


def postmaster(data: Path, pid: int | None) -> psutil.Process | None:
    """The process ``pid`` if it lives and is the postmaster of ``data``, else None."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        command = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if command and Path(command[0]).name == "postgres" and str(data) in command else None


def children(data: Path) -> Iterator[psutil.Process]:
    """Backends and helpers of the server on ``data``, whether their postmaster lives or not."""
    title = f"postgres: {cluster_name(data)}: "
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and " ".join(process.cmdline()).startswith(title):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def end_orphans(data: Path) -> None:
    """End what a dead postmaster left behind: they hold its shared memory, and a new one refuses to start.

    They leave by themselves when they notice; one that is busy is told to (SIGQUIT: at once, no checkpoint), then
    killed. Nothing committed is lost: the write-ahead log is on disk before a commit is acknowledged.
    """
    orphans = list(children(data))
    _, alive = psutil.wait_procs(orphans, timeout=LEAVE_SECONDS)
    for step in (signal.SIGQUIT, signal.SIGKILL):
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(step)
        _, alive = psutil.wait_procs(alive, timeout=QUIT_SECONDS)
