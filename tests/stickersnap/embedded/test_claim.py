"""One service for one state folder, and a clear word where there can be none."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stickersnap.embedded import claim

HOLD = (
    "import sys, subprocess, time; from pathlib import Path; from stickersnap.embedded import claim\n"
    "state = Path(sys.argv[1])\n"
    "with claim.claimed(state, 'http://localhost:8123'):\n"
    "    child = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL, start_new_session=True)\n"
    "    claim.note(state, 'http://localhost:8123', [child.pid])\n"
    "    print(child.pid, flush=True); time.sleep(600)"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that holds the claim on tmp_path, and the pid of its child."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    yield process, child
    process.kill()
    process.communicate()
    if psutil.pid_exists(child):
        os.kill(child, signal.SIGKILL)


def test_a_second_one_hears_where_the_first_runs(tmp_path: Path, holder: tuple[subprocess.Popen[str], int]) -> None:
    second = claim.claimed(tmp_path, "http://localhost:9")
    with pytest.raises(claim.ClaimError, match=r"runs already, at http://localhost:8123"), second:
        pass


def test_what_a_killed_one_left_running_is_ended(tmp_path: Path, holder: tuple[subprocess.Popen[str], int]) -> None:
    process, child = holder
    process.kill()
    process.wait()
    assert psutil.Process(child).is_running()
    with claim.claimed(tmp_path, "http://localhost:9"):
        left = psutil.Process(child) if psutil.pid_exists(child) else None
        assert left is None or left.status() == psutil.STATUS_ZOMBIE


def test_a_strangers_process_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (tmp_path / "up.json").write_text(json.dumps({"pid": 1, "address": "", "children": [[stranger.pid, 12.5]]}))
        with claim.claimed(tmp_path, "http://localhost:9"):
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_garbled_note_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"pid": 12, "chil')
    with claim.claimed(tmp_path, "http://localhost:9"):
        assert json.loads((tmp_path / "up.json").read_text())["pid"] == os.getpid()


def test_a_taken_port_is_said_with_another_to_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(claim.ClaimError, match=f"Port {port} is used by another program.*PORT={port + 1}"):
            claim.check_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(claim.ClaimError, match=r"Can't listen on 192\.0\.2\.1"):
        claim.check_port("192.0.2.1", 8000)


def test_a_free_port_is_fine() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    claim.check_port("127.0.0.1", port)
