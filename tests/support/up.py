"""The whole service as a person runs it: `manage.py up` on a state folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from ports import free_port
from waiting import wait_for

ROOT = Path(__file__).parents[2]


class Up:
    """`manage.py up`, started and stopped as a person does it.

    Attributes:
        url: where it answers, as `http://localhost:PORT`.
        state: its state folder; PostgreSQL's too, so that another account must be able to pass it.
        terminal: the file that holds what it prints.
        environment: of the service and of every command beside it.
    """

    def __init__(self, state: Path, terminal: Path, **settings: str) -> None:
        self.state, self.terminal = state, terminal
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        own = {"STICKERSNAP_STATE": str(state), "STICKERSNAP_UPLOADS_PER_MINUTE": "1000000"}
        outer = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.environment: dict[str, str] = outer | own | settings

    @property
    def printed(self) -> str:
        """What it wrote to its terminal."""
        return self.terminal.read_text()

    def start(self) -> None:
        """Starts it; see `wait_for` and `ready`."""
        with self.terminal.open("wb") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C; answers the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=120)

    def ready(self) -> bool:
        """Does it answer that it can cut photos?"""
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    def wait_for(self, condition: Callable[[], Any], what: str = "it", seconds: float = 240) -> Any:
        """The condition's first true answer; AssertionError with the terminal's words where the service ended."""

        def wanted() -> Any:
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"the service ended:\n{self.printed}"
            return condition()

        try:
            return wait_for(wanted, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the terminal says:\n{self.printed}") from error

    def manage(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Runs another management command beside the service, which it finds by itself."""
        command = [sys.executable, "manage.py", *arguments]
        environment = self.environment | settings
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
