"""The training process: started, listened to, stopped."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from stickersnap.releases.exceptions import TrainingFailed, TrainingKilled, TrainingStopped

LISTEN_SECONDS = 0.5
STOP_SECONDS = 30
TAIL_LINES = 12
Event = dict[str, Any]


def events(
    arguments: list[str], *, log: Path, should_stop: Callable[[], bool], environment: dict[str, str]
) -> Iterator[Event]:
    """Runs `python -m training …` and yields each event it prints; its standard error goes to `log`.

    The process never outlives this one, nor this generator. Raises TrainingFailed with the end of the log when it
    exits other than 0, TrainingKilled when a signal ended it, TrainingStopped when `should_stop` said so.
    """
    command = [sys.executable, "-m", "stickersnap.releases.runs.leash", sys.executable, "-m", "training", *arguments]
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    last_error = ""
    try:
        for line in _lines(process.stdout, should_stop):
            event = _parse(line)
            if event is None:
                continue
            if event["event"] == "error":
                last_error = str(event.get("message", ""))
            yield event
        status = process.wait()
    finally:
        process.stdin.close()
        _end(process)
        process.stdout.close()
    if status != 0:
        raise (TrainingKilled if status > 128 else TrainingFailed)(_failure(status, last_error, log))


def _lines(stream: IO[bytes], should_stop: Callable[[], bool]) -> Iterator[bytes]:
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True, name="training-output").start()
    while True:
        if should_stop():
            raise TrainingStopped
        try:
            line = lines.get(timeout=LISTEN_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return
        yield line


def _parse(line: bytes) -> Event | None:
    """An event, or None for a line that is none: libraries print, too."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(status: int, last_error: str, log: Path) -> str:
    if status == 128 + 9:
        said = "it was killed, perhaps because memory ran out"
    elif status > 128:
        said = f"it was ended by signal {status - 128}"
    else:
        said = f"it exited with {status}"
    tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-TAIL_LINES:])
    error = "" if last_error in tail else last_error
    return "\n".join(part for part in (f"The training process failed: {said}.", error, tail) if part)
