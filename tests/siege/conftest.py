"""A whole installation, as `manage.py up` runs it, to be besieged."""

import contextlib
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import disks
import numpy as np
import psutil
import psycopg
import pytest
import requests
from up import Up

from segmentation import mask as masks
from segmentation.picture import encode_png
from stickersnap.embedded import postgres

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds that a loaded machine may take for any one step
OPERATOR = ("olga", "olga-operates-10")
SIDE = 96
SMALL_MEGABYTES = 400


class Installation(Up):
    """The service on a state folder of its own, on a disk that may be small."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, state.with_name(f"{state.name}.terminal.txt"), STICKERSNAP_DEVICE="cpu")
        self.small = os.path.ismount(state)

    def start(self) -> None:
        """Until it is ready."""
        super().start()
        self.wait_for(self.ready, "ready")

    def stop(self, number: int = signal.SIGTERM) -> int:
        return super().stop(number)

    def wait_for(self, condition: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
        return super().wait_for(condition, what, seconds)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers, asked again while it is away."""
        for _ in range(PATIENCE):
            address = self.environment.get("DATABASE_URL") or postgres.url(self.state)
            with contextlib.suppress(psycopg.OperationalError):
                if address:
                    with psycopg.connect(address, connect_timeout=10) as connection:
                        return connection.execute(query, values or None).fetchall()
            time.sleep(1)
        raise AssertionError("The database did not come back.")

    def processes(self, kind: str) -> list[psutil.Process]:
        """Living processes of a kind: web, worker, trainer or database."""
        if kind == "database":
            file = self.state / "postgres" / "postmaster.pid"
            with contextlib.suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
                postmaster = psutil.Process(int(file.read_text().split()[0]))
                return [postmaster, *postmaster.children()]
            return []
        word = {"web": "gunicorn", "worker": "procrastinate", "trainer": "fine-tune"}[kind]
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = process.cmdline()
                leash = any("leash" in part for part in command)
                if word in command and not leash and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def kill(self, kind: str, random: np.random.Generator) -> bool:
        """kill -9 of one of them; of web and database half of the time the parent of the others. False: none lived."""
        found = self.processes(kind)
        if not found:
            return False
        victim = found[0] if random.random() < 0.5 else found[int(random.integers(len(found)))]
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            return True
        return False

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """PostgreSQL is killed, and who would start it again looks away meanwhile."""
        supervisor = psutil.Process(self.process.pid)
        supervisor.suspend()
        try:
            postmaster = self.processes("database")[0]
            postmaster.kill()
            psutil.wait_procs([postmaster], timeout=10)
            yield
        finally:
            supervisor.resume()

    def no_room(self) -> contextlib.AbstractContextManager[None]:
        """The disk that holds the state is full meanwhile."""
        return disks.no_room(self.state)

    def person(self) -> "Person":
        return Person(self)

    def operator(self) -> "Person":
        person = Person(self)
        fields = {"username": OPERATOR[0], "password": OPERATOR[1]}
        assert person.send("POST", "session/login/", json=fields).ok
        return person


class Person:
    """A browser session that sends everything again until it hears that it arrived, as the page does."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.session = requests.Session()
        self.again = 0
        assert self.send("GET", "session/").ok

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """The first answer that is no 5xx."""
        end, pause = time.monotonic() + PATIENCE, 0.2
        while True:
            headers = {"X-CSRFToken": self.session.cookies.get("csrftoken", ""), **options.get("headers", {})}
            try:
                answer = self.session.request(
                    method,
                    f"{self.installation.url}/api/v1/{path}",
                    timeout=60,
                    **options | {"headers": headers},
                )
                if answer.status_code < 500:
                    return answer
                said = answer.text
            except requests.RequestException as error:
                said = repr(error)
            assert time.monotonic() < end, f"{method} {path}: {said}"
            self.again += 1
            time.sleep(pause)
            pause = min(pause * 1.5, 2)

    def consent(self) -> None:
        assert self.send("PUT", "session/consent/", json={"consent": True}).ok

    def upload(self, seed: int, photo_id: uuid.UUID) -> dict[str, Any]:
        """A small photo that no other one is like."""
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        picture = np.ascontiguousarray(coarse.repeat(SIDE // 8, 0).repeat(SIDE // 8, 1))
        answer = self.send(
            "POST",
            "photos/",
            data={"id": str(photo_id)},
            files={"image": (f"{seed}.png", encode_png(picture), "image/png")},
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def correct(
        self, photo: dict[str, Any], correction: uuid.UUID, mask: bytes, if_match: int | None = None
    ) -> requests.Response:
        answer = self.send(
            "PUT",
            f"corrections/{correction}/",
            data={
                "photo": photo["id"],
                "prediction": photo["prediction"]["id"],
                "strokes": '[{"tool":"brush","size":9,"points":[[1,1]]}]',
                "seconds": "3.5",
            },
            files={"mask": ("mask.png", mask, "image/png")},
            headers={} if if_match is None else {"If-Match": f'"{if_match}"'},
        )
        assert answer.status_code in (200, 201), answer.text
        return answer


@pytest.fixture(scope="session")
def mask_of() -> Callable[[int], bytes]:
    """mask_of(seed): the PNG of a mask that no other one is like, as the service keeps it."""

    def make(seed: int) -> bytes:
        random = np.random.default_rng([seed, 1])
        rows, columns = np.mgrid[:SIDE, :SIDE]
        y, x, radius = random.uniform(30, 66), random.uniform(30, 66), random.uniform(12, 40)
        return masks.encode_png(
            (np.clip(radius - np.hypot(rows - y, columns - x) + 0.5, 0, 1) * 255).round().astype(np.uint8)
        )

    return make


@contextmanager
def installed(*, small: bool = False, **settings: str) -> Iterator[Installation]:
    """An installation of its own that is up, with an operator; `small`: on a disk that is soon full."""
    with tempfile.TemporaryDirectory(prefix="stickersnap-siege-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        state = Path(folder).resolve() / "state"
        state.mkdir(mode=0o711)
        with disks.small(state, SMALL_MEGABYTES) if small else contextlib.nullcontext():
            installation = Installation(state)
            installation.environment |= settings
            try:
                installation.start()
                done = installation.manage("operator", OPERATOR[0], STICKERSNAP_OPERATOR_PASSWORD=OPERATOR[1])
                assert done.returncode == 0, done.stderr
                yield installation
            finally:
                installation.stop()


@pytest.fixture(scope="session")
def install() -> Callable[..., contextlib.AbstractContextManager[Installation]]:
    return installed


@pytest.fixture(scope="session")
def besieged() -> Iterator[Installation]:
    """One installation for all that can share it; on a small disk where that can be mounted."""
    with installed(small=True) as installation:
        yield installation
