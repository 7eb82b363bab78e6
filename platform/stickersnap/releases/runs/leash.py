"""Runs a command that must not outlive whoever asked for it, however that one ends.

    python -m stickersnap.releases.runs.leash COMMAND …

Standard input is the leash: the asker holds its other end and never writes. When it closes, by will or because the
asker was killed, the command is ended. The first line on standard output names the command's process.
"""

import json
import os
import signal
import subprocess
import sys
import threading

NICENESS = 10  # people waiting for a sticker come first
GRACE_SECONDS = 10


def main(command: list[str]) -> int:
    """Runs the command in a process group of its own; answers its exit status (128 + n when signal n ended it)."""
    os.nice(NICENESS)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    print(json.dumps({"event": "process", "pid": child.pid}), flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=_end, args=[child], daemon=True).start())
    threading.Thread(target=_end_when_let_go, args=[child], daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def _end_when_let_go(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
