"""What `manage.py up` does when a part is lost; the whole command is proved in tests/e2e/test_up.py."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stickersnap.embedded import postgres, supervisor
from stickersnap.embedded.supervisor import Supervisor


@pytest.fixture
def said() -> list[str]:
    """What the terminal shows."""
    return []


@pytest.fixture
def running(said: list[str]) -> Iterator[Supervisor]:
    """A supervisor whose PostgreSQL runs, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="state-") as folder:
        state = Path(folder).resolve()
        state.chmod(0o711)
        postgres.start(state, durable=False)
        yield Supervisor(state, Path.cwd(), "127.0.0.1", 8000, "localhost", "", said.append)
        postgres.stop(state)


def kill_postgres(state: Path) -> None:
    os.kill(int((state / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    end = time.monotonic() + 30
    while postgres.running(state):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_database_that_runs_is_left_alone(running: Supervisor, said: list[str]) -> None:
    running._tend_database()
    assert said == []


def test_one_that_died_is_started_again(running: Supervisor, said: list[str]) -> None:
    kill_postgres(running.state)
    running._tend_database()
    assert said == ["PostgreSQL died; it starts again"]
    assert postgres.running(running.state)


def test_one_that_can_not_start_is_tried_again_and_the_reason_is_said(
    running: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    control = running.state / "postgres" / "global" / "pg_control"
    control.rename(control.with_suffix(".away"))
    kill_postgres(running.state)
    running._tend_database()
    assert "pg_control" in said[-1]
    assert "Trying again" in said[-1]
    running._tend_database()  # not before its time
    assert len(said) == 2

    control.with_suffix(".away").rename(control)
    monkeypatch.setattr(running, "database_again_at", 0.0)
    running._tend_database()
    assert postgres.running(running.state)


def test_a_server_that_somebody_else_runs_is_theirs_to_tend(running: Supervisor, said: list[str]) -> None:
    kill_postgres(running.state)
    running.database_url = "postgresql://elsewhere/stickersnap"
    running._tend_database()
    assert said == []


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://localhost:8000"),
        ("0.0.0.0", "http://localhost:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
    ],
)
def test_the_address_is_one_to_type(said: list[str], host: str, address: str) -> None:
    made = supervisor.Supervisor(Path(), Path(), host, 8000, "localhost", "", said.append)
    assert made.address == address
