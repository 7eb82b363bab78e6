"""One `manage.py up` at a time for one state folder, and what a killed one left running.

`state/up.json` is locked while the command runs; it says where the service is and which processes belong to it.
"""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from stickersnap.embedded.children import kill_group

LEAVE_SECONDS = 10.0


class ClaimError(Exception):
    """The service can't be started here and now; the message says what to do."""


@contextmanager
def claimed(state: Path, address: str) -> Iterator[None]:
    """Hold the state folder for this process; ends what a killed predecessor left running.

    Raises:
        ClaimError: the service runs already.
    """
    with _file(state).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClaimError(
                f"StickerSnap runs already, at {_read(state).get('address', 'an address it has yet to say')}. "
                "Stop it with Ctrl-C where it was started, or give this one another STICKERSNAP_STATE."
            ) from None
        for pid, created in _read(state).get("children", []):
            _end(pid, created)
        note(state, address, [])
        try:
            yield
        finally:
            file.truncate(0)


def note(state: Path, address: str, children: list[int]) -> None:
    """Write down where the service is and its child processes; by the process that holds the claim.

    Over what was there, which takes no new room of a full disk. Raises OSError where there is none all the same.
    """
    known = [(pid, psutil.Process(pid).create_time()) for pid in children if psutil.pid_exists(pid)]
    text = json.dumps({"pid": os.getpid(), "address": address, "children": known})
    with _file(state).open("r+b") as file:
        file.write(text.encode())
        file.truncate()


def address(state: Path) -> str | None:
    """Where the service says that it answers; None where none runs by `manage.py up`."""
    said = _read(state).get("address")
    return str(said) if said else None


def check_port(host: str, port: int) -> None:
    """Raises ClaimError where nothing can listen on host:port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ClaimError(
                    f"Port {port} is used by another program. Choose another: make run PORT={port + 1}"
                ) from None
            raise ClaimError(
                f"Can't listen on {host}:{port}: {error.strerror}. Choose another --host or --port."
            ) from None


def _file(state: Path) -> Path:
    return state / "up.json"


def _read(state: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_file(state).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _end(pid: int, created: float) -> None:
    """Stop a left-over process with its group, unless its number is somebody else's by now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.create_time() != created:
            return
        process.send_signal(signal.SIGTERM)
        psutil.wait_procs([process], timeout=LEAVE_SECONDS)
        kill_group(pid)
