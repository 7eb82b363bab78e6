"""Settings of the web process: `gunicorn stickersnap.wsgi --config deploy/gunicorn.conf.py`.

One worker process, since it holds the network's weights and the device; its threads share both.
More hosts, not more workers, take more load.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Any


def _whole(name: str, default: int, low: int, high: int) -> int:
    """The variable as a whole number within [low, high]. Raises ValueError saying what to set."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isdigit() or not low <= int(value) <= high:
        raise ValueError(f"{name}={value!r} must be a whole number from {low} to {high}.")
    return int(value)


bind = os.environ.get("WEB_BIND", "").strip() or "127.0.0.1:8000"
worker_class = "stickersnap.api.door.DoorWorker"
workers = 1
# Many more than photos are worked on at once: who finds no place is refused by a thread that is free.
threads = _whole("WEB_THREADS", 32, 1, 256)

# Seconds without a sign of life before the worker is replaced; a large photo on a slow CPU takes some.
timeout = _whole("WEB_TIMEOUT", 120, 10, 3600)
# Seconds that answers under way may take after SIGTERM: no request is lost by an update.
graceful_timeout = _whole("WEB_GRACEFUL_TIMEOUT", 30, 1, 600)
keepalive = 5

# The sign of life is a file; on a slow disk touching it can block, so it lives in memory where there is some.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

accesslog = os.environ.get("WEB_ACCESS_LOG", "").strip() or None
errorlog = "-"

# Seconds a thread may keep the interpreter while others want it: short, so that a refusal or a sign of life, which
# needs it a few times for a moment, does not wait its turn behind every photo at work.
SWITCH_SECONDS = 0.0005


def post_worker_init(worker: Any) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is loaded now stays: a collection that walks it all stops every thread for a tenth of a second
