"""A throw-away PostgreSQL for tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stickersnap.embedded import postgres

PREFIX = "stickersnap-throwaway-"


@contextmanager
def throwaway() -> Iterator[str]:
    """A real PostgreSQL in a temporary folder, without ``fsync``; yields the URL of its empty database.

    The server is stopped and its folder removed at the end. Servers whose test process was killed before it came
    to that are removed by the next call.

    Example:
        >>> with throwaway() as url:  # doctest: +SKIP
        ...     psycopg.connect(url)
    """
    _remove_left_overs()
    state = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    state.chmod(0o711)  # root's server runs as another account, which must pass
    try:
        yield postgres.start(state, durable=False)
    finally:
        _remove(state)


def _remove_left_overs() -> None:
    import psutil

    for state in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = state.name.removeprefix(PREFIX).split("-")[0]
        if state.stat().st_uid == os.geteuid() and owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(state)


def _remove(state: Path) -> None:
    postgres.stop(state)
    shutil.rmtree(state, ignore_errors=True)
