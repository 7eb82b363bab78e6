"""Runs the whole service on one machine: PostgreSQL, web and job worker, from one command until one Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from stickersnap.embedded import claim, postgres
from stickersnap.embedded.children import Child, ChildFailed
from stickersnap.embedded.logs import rotate, tail
from stickersnap.embedded.readiness import Ready, readiness

TICK_SECONDS = 0.25
DATABASE_PAUSE_SECONDS = 5.0
# Without these glibc keeps what large photos needed, for each thread: 3 to 4 GB that never come back.
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}


class Stopped(Exception):
    """Somebody asked the service to stop."""


@dataclass
class Supervisor:
    """Everything `manage.py up` does.

    Attributes:
        state: folder of the install's own data and logs.
        root: folder of the checkout.
        host, port: where the web process listens.
        host_name: the name by which the service lets itself be called, for its Host header.
        database_url: of a server that somebody else runs; empty: the embedded one.
        say: prints one line for the person at the terminal.
    """

    state: Path
    root: Path
    host: str
    port: int
    host_name: str
    database_url: str
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    database_again_at: float = 0.0
    stop_asked: threading.Event = field(default_factory=threading.Event)
    hurry_asked: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        name = "localhost" if self.host in ("127.0.0.1", "0.0.0.0") else self.host  # noqa: S104
        return f"http://{name}:{self.port}"

    def run(self) -> None:
        """Start everything, keep it running, and stop it when SIGINT, SIGTERM or SIGHUP asks for it.

        Raises:
            claim.ClaimError: it runs already, or the port is taken.
            postgres.PostgresError, ChildFailed: a part can't be started; everything is stopped.
        """
        (self.state / "logs").mkdir(parents=True, exist_ok=True)
        with claim.claimed(self.state, self.address), self._signals():
            claim.check_port(self.host, self.port)
            try:
                self._start()
                while True:
                    self._tick()
            except Stopped:
                self.say("Stopping …")
            finally:
                self._stop()
        self.say("Stopped.")

    def _start(self) -> None:
        began = time.monotonic()
        serving, owner = self._database()
        environment = self._environment(serving)
        self._prepare({**environment, "DATABASE_OWNER_URL": owner})
        gunicorn = ["gunicorn", "stickersnap.wsgi", "--config", str(self.root / "deploy" / "gunicorn.conf.py")]
        worker = ["django", "procrastinate", "worker"]
        for name, module in (("web", gunicorn), ("worker", worker)):
            log = self.state / "logs" / f"{name}.log"
            self.children.append(Child(name, [sys.executable, "-m", *module], log, environment, self.root))
        for child in self.children:
            child.start()
        self._note_children()
        self.say("Web and worker: starting …")
        while (ready := readiness(self.host, self.port, self.host_name)) is None:
            self._tick()
        for child in self.children:
            child.proven = True  # whoever is killed from now on is started again, however often
        self._welcome(ready, time.monotonic() - began)

    def _database(self) -> tuple[str, str]:
        """The URLs of the database for the role that serves, and for its owner."""
        if self.database_url:
            self.say("PostgreSQL: the one DATABASE_URL names")
            return self.database_url, os.environ.get("DATABASE_OWNER_URL", "")
        self.say("PostgreSQL: starting …")
        owner = postgres.start(self.state)
        return postgres.url(self.state, role=postgres.SERVING) or owner, owner

    def _prepare(self, environment: dict[str, str]) -> None:
        """Migrations and starter weights, by a process of its own: only now is it known where the database is."""
        log = self.state / "logs" / "prepare.log"
        rotate(log)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "django", "prepare"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self.root,
                env=environment,
                start_new_session=True,
            )
        with process:
            for line in process.stdout or ():
                self.say(line.rstrip())
                if self.stop_asked.is_set():
                    process.terminate()
        self._check_stop()
        if process.returncode != 0:
            reason = tail(log.read_text(errors="replace"), lines=1)
            raise ChildFailed(f"The database could not be prepared: {reason}\nSee {log}.")

    def _tick(self) -> None:
        """Look after every part once, then rest a moment."""
        self._check_stop()
        self._tend_database()
        for child in self.children:
            if message := child.tend():
                self.say(message)
                self._note_children()
        self.stop_asked.wait(TICK_SECONDS)

    def _tend_database(self) -> None:
        """Start PostgreSQL again if it died; where it can't, on a full disk perhaps, try again every few seconds."""
        if self.database_url or time.monotonic() < self.database_again_at or postgres.running(self.state):
            return
        self.say("PostgreSQL died; it starts again")
        try:
            postgres.start(self.state)
        except (postgres.PostgresError, OSError) as error:
            self.say(f"{error}\nTrying again in {DATABASE_PAUSE_SECONDS:.0f} s.")
            self.database_again_at = time.monotonic() + DATABASE_PAUSE_SECONDS

    def _stop(self) -> None:
        """Web and worker finish what they are at; the database, which they need for that, stops last."""
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            end = time.monotonic() + child.stop_seconds
            while not child.gone() and time.monotonic() < end and not self.hurry_asked.is_set():
                time.sleep(0.05)
            child.kill()
        if not self.database_url:
            postgres.stop(self.state)

    def _check_stop(self) -> None:
        if self.stop_asked.is_set():
            raise Stopped

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(number: int, frame: FrameType | None) -> None:
            if self.stop_asked.is_set() and number == signal.SIGINT:
                self.hurry_asked.set()  # Ctrl-C again: without waiting for answers and jobs under way
            self.stop_asked.set()

        wanted = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup wants it
            wanted.append(signal.SIGHUP)
        before = {number: signal.signal(number, ask) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _environment(self, database_url: str) -> dict[str, str]:
        return (
            ALLOCATOR
            | os.environ
            | {
                "DATABASE_URL": database_url,
                "DATABASE_OWNER_URL": "",  # who serves need not know it
                "DJANGO_SETTINGS_MODULE": "stickersnap.settings",
                "STICKERSNAP_STATE": str(self.state),
                "WEB_BIND": f"{self.host}:{self.port}",
                "PYTHONUNBUFFERED": "1",
            }
        )

    def _note_children(self) -> None:
        try:
            claim.note(self.state, self.address, [child.pid for child in self.children if child.pid])
        except OSError as error:
            self.say(f"Who runs could not be written down: {error}. The service goes on; make room on the disk.")

    def _welcome(self, ready: Ready, seconds: float) -> None:
        python, logs = os.path.relpath(sys.executable), self.state / "logs"
        if logs.is_relative_to(Path.cwd()):
            logs = logs.relative_to(Path.cwd())
        self.say("")
        self.say(f"StickerSnap runs at {self.address}  (up in {seconds:.0f} s)")
        self.say(f"  device    {ready.device}")
        self.say(f"  weights   {ready.weights[:12]} ({ready.network})")
        self.say(
            f"  logs      {self.state / 'logs'}: web.log, worker.log{'' if self.database_url else ', postgres.log'}"
        )
        self.say(f"  operator  {python} manage.py operator NAME   makes you one: review, retrain, roll back")
        self.say("  stop      Ctrl-C")
        self.say("")
