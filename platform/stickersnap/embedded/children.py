"""A child process that is kept running, with all that it starts."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from stickersnap.embedded.logs import rotate

QUICK_SECONDS = 20.0
QUICK_DEATHS = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


class ChildFailed(Exception):
    """A child process died again and again as soon as it had started."""


@dataclass
class Child:
    """One process in a group of its own, so that the terminal's Ctrl-C reaches only who looks after it.

    Attributes:
        name: what messages call it.
        log: file that its output is appended to.
        stop_seconds: how long it may take to stop when asked, before it is killed.
    """

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    folder: Path
    stop_seconds: float = 40.0
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0  # quick ones, in a row
    proven: bool = False  # it has been ready, or has lived for a while, once
    started_at: float = field(default=0.0)
    start_again_at: float = field(default=0.0)

    def start(self) -> None:
        rotate(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def tend(self) -> str | None:
        """Start it again if it died; call this every now and then.

        Returns:
            A message for the terminal when something happened.

        Raises:
            ChildFailed: it died three times in a row as soon as it had started, and never ran for longer.
        """
        if self.process is None:
            if time.monotonic() < self.start_again_at:
                return None
            try:
                self.start()
            except OSError as error:  # a full disk, say: its log can't be opened
                self.start_again_at = time.monotonic() + LONGEST_PAUSE
                return f"{self.name} can't be started: {error}. Trying again in {LONGEST_PAUSE:.0f} s."
            return f"{self.name} started again"
        code = self.process.poll()
        if code is None:
            self.proven = self.proven or self._age() > QUICK_SECONDS
            return None
        self.kill()  # what it started and left behind
        self.deaths = self.deaths + 1 if self._age() < QUICK_SECONDS else 1
        if self.deaths >= QUICK_DEATHS and not self.proven:
            raise ChildFailed(f"{self.name} died {self.deaths} times as soon as it had started. See {self.log}.")
        pause = min(FIRST_PAUSE * 2 ** (self.deaths - 1), LONGEST_PAUSE)
        self.start_again_at = time.monotonic() + pause
        self.process = None
        return f"{self.name} died ({_cause(code)}); it starts again in {pause:.1f} s. See {self.log}"

    def ask_to_stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """Kill it, with whatever is left of its group."""
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait()

    def _age(self) -> float:
        return time.monotonic() - self.started_at


def kill_group(leader: int) -> None:
    """Kill the process group whose leader has, or had, this pid. None left: do nothing."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _cause(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
