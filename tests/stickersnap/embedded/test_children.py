"""Child processes that are kept running."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from waiting import wait_for

from stickersnap.embedded import children
from stickersnap.embedded.children import Child, ChildFailed


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    """Makes a child that runs a shell script."""
    made: list[Child] = []

    def child(script: str) -> Child:
        log = tmp_path / "child.log"
        made.append(Child("worker", ["sh", "-c", script], log, dict(os.environ), tmp_path, stop_seconds=10))
        return made[-1]

    yield child
    for each in made:
        each.kill()


def tend_until(child: Child, words: str) -> str:
    """Tend the child until it says something that holds these words."""
    said: list[str] = []

    def spoken() -> bool:
        message = child.tend()
        if message:
            said.append(message)
        return any(words in message for message in said)

    wait_for(spoken)
    return said[-1]


def test_its_output_is_in_its_log(make: Callable[[str], Child]) -> None:
    child = make("echo out; echo err >&2")
    child.start()
    wait_for(child.gone)
    assert child.log.read_text() == "out\nerr\n"


def test_killed_it_is_started_again_and_the_message_says_why(make: Callable[[str], Child]) -> None:
    child = make("sleep 600")
    child.start()
    assert child.tend() is None
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    message = tend_until(child, "died")
    assert "killed by SIGKILL" in message
    assert str(child.log) in message
    tend_until(child, "started again")
    assert child.pid not in (None, first)


def test_what_it_left_behind_goes_before_it_starts_again(make: Callable[[str], Child]) -> None:
    child = make("sleep 600 & echo $!; exit 7")
    child.start()
    assert "exit 7" in tend_until(child, "died")
    left = int(child.log.read_text().split()[0])
    wait_for(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE)


def test_three_quick_deaths_are_an_error_that_names_the_log(make: Callable[[str], Child]) -> None:
    child = make("exit 1")
    child.start()
    with pytest.raises(ChildFailed, match=r"worker died 3 times.*child\.log"):
        tend_until(child, "never said")


def test_one_that_ran_well_before_is_given_more_patience(
    make: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = make("exit 1")
    child.proven = True
    monkeypatch.setattr(children, "LONGEST_PAUSE", 0.05)
    child.start()
    for _ in range(5):
        tend_until(child, "died")
        tend_until(child, "started again")


def test_living_for_a_while_proves_it(make: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch) -> None:
    child = make("sleep 600")
    child.start()
    child.tend()
    assert not child.proven
    monkeypatch.setattr(children, "QUICK_SECONDS", 0.0)
    child.tend()
    assert child.proven


def test_asked_to_stop_it_may_finish(make: Callable[[str], Child]) -> None:
    child = make("trap 'echo finished; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    child.start()
    wait_for(lambda: "ready" in child.log.read_text())
    child.ask_to_stop()
    wait_for(child.gone)
    assert "finished" in child.log.read_text()


def test_the_terminals_interrupt_does_not_reach_it(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time; from pathlib import Path; from stickersnap.embedded.children import Child\n"
        "child = Child('worker', ['sleep', '600'], Path(sys.argv[1]), dict(os.environ), Path('/'))\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "child.start(); os.killpg(0, signal.SIGINT); time.sleep(0.3); print(child.gone()); child.kill()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    assert done.stdout.strip() == "False"


def test_a_large_log_is_put_aside(make: Callable[[str], Child], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stickersnap.embedded.logs.LARGEST_BYTES", 10)
    child = make("echo new")
    child.log.write_text("an old line\n")
    child.start()
    wait_for(child.gone)
    assert child.log.read_text() == "new\n"
    assert child.log.with_suffix(".log.1").read_text() == "an old line\n"
