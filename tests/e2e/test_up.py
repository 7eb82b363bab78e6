"""`manage.py up`: one command starts everything, one Ctrl-C stops it, and no kill loses what was acknowledged."""

import contextlib
import json
import os
import signal
import socket
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from segmentation import mask as masks

pytestmark = pytest.mark.e2e


class Author:
    """A browser session that uploads and corrects over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.kept: dict[str, np.ndarray] = {}

    def upload(self, photo: Path) -> dict[str, Any]:
        answer = self.session.post(
            f"{self.url}/api/v1/photos/", files={"image": (photo.name, photo.read_bytes())}, timeout=60
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def correct(self, photo: dict[str, Any], seed: int) -> None:
        """Send a mask that no other one is like, and remember it once it is acknowledged."""
        size = (photo["height"], photo["width"])
        alpha = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
        correction = str(uuid.uuid4())
        fields = {"photo": photo["id"], "prediction": photo["prediction"]["id"], "strokes": "[]", "seconds": "1"}
        answer = self.session.put(
            f"{self.url}/api/v1/corrections/{correction}/",
            data=fields,
            files={"mask": ("mask.png", masks.encode_png(alpha), "image/png")},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        self.kept[correction] = alpha

    def check(self) -> None:
        """Everything that was acknowledged is there, bit for bit."""
        assert self.kept
        for correction, alpha in self.kept.items():
            answer = self.session.get(f"{self.url}/api/v1/corrections/{correction}/mask.png", timeout=60)
            assert answer.status_code == 200, answer.text
            assert (masks.decode_png(answer.content) == alpha).all()


@pytest.fixture
def author(stack) -> Author:
    return Author(stack.url)


def test_it_says_where_it_is_what_it_runs_and_what_to_do_next(stack) -> None:
    weights = requests.get(f"{stack.url}/readyz", timeout=60).json()["weights"]
    for words in (f"StickerSnap runs at {stack.url}", "cpu", weights[:12], "manage.py operator NAME", "Ctrl-C"):
        assert words in stack.printed
    for log in ("web.log", "worker.log", "postgres.log"):
        assert log in stack.printed
        assert (stack.state / "logs" / log).exists()


def test_a_second_one_hears_where_the_first_is(stack) -> None:
    second = stack.manage("up", "--port", "8999")
    assert second.returncode == 1
    assert f"runs already, at {stack.url}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_said_plainly(stack, tmp_path) -> None:
    second = stack.manage("up", "--port", str(stack.port), STICKERSNAP_STATE=str(tmp_path))
    assert second.returncode == 1
    assert f"Port {stack.port} is used by another program" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("victim", ["web", "worker", "postgres"])
def test_a_kill_loses_nothing_that_was_acknowledged(stack, author, photographs, victim) -> None:
    photo = author.upload(photographs / "chelsea.png")
    author.correct(photo, seed=1)
    before = stack.pids()[victim]
    os.kill(before, signal.SIGKILL)

    def recovered() -> bool:
        with contextlib.suppress(requests.RequestException, OSError, ValueError):
            return stack.pids()[victim] != before and requests.get(f"{stack.url}/readyz", timeout=30).ok
        return False

    stack.wait_for(recovered)
    author.check()
    author.correct(photo, seed=2)
    author.check()
    assert "died" in stack.printed


def test_while_the_database_is_away_the_answer_says_so_and_when_to_come_back(stack, author, photographs) -> None:
    author.correct(author.upload(photographs / "chelsea.png"), seed=6)
    os.kill(stack.pids()["postgres"], signal.SIGKILL)
    refused = 0
    while True:
        answer = author.session.get(f"{stack.url}/api/v1/photos/", timeout=60)
        if answer.status_code == 200 and refused:
            break
        if answer.status_code != 200:
            refused += 1
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "database_away"
            assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["count"] == 1
    author.check()


def test_everything_killed_at_once_comes_back_with_everything(stack, author, photographs) -> None:
    photo = author.upload(photographs / "coffee.jpg")
    author.correct(photo, seed=3)
    left = stack.processes()
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    stack.process.wait()
    stack.start()
    author.check()


def test_killed_alone_it_finds_its_children_again(stack, author, photographs) -> None:
    author.correct(author.upload(photographs / "coffee.jpg"), seed=4)
    orphans = [psutil.Process(stack.pids()[name]) for name in ("web", "worker")]
    stack.process.kill()
    stack.process.wait()
    assert all(orphan.is_running() for orphan in orphans)
    stack.start()
    assert not any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in orphans)
    author.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_cleanly(stack, author, photographs, number) -> None:
    author.correct(author.upload(photographs / "chelsea.png"), seed=5)
    running = stack.processes()
    assert len(running) > 5
    assert stack.stop(number) == 0
    assert stack.printed.rstrip().endswith("Stopped.")
    assert not [p for p in running if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not (stack.state / "postgres" / "postmaster.pid").exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", stack.port))
    stack.start()
    assert "database system was shut down at" in _since_last_start(stack)
    author.check()


def _since_last_start(stack: Any) -> str:
    log = (stack.state / "logs" / "postgres.log").read_text()
    return log[log.rindex("starting PostgreSQL") :]


def test_other_commands_find_the_database_by_themselves(stack) -> None:
    done = stack.manage("migrate", "--check")
    assert done.returncode == 0, done.stderr
    assert json.loads((stack.state / "up.json").read_text())["address"] == stack.url
