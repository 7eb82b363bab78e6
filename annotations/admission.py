"""How many photos this process works on at once. Whoever comes after that is refused before any work is done.

A photo that is let in is decoded, cut and kept; one that would only wait is told so within milliseconds, so that the
work that is begun is work that is finished. Counted per process, with threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from annotations.exceptions import Busy


class Places:
    """A number of places, which may change between two callers; `limit` is asked each time."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.taken = 0
        self._freed = threading.Condition()

    @property
    def limit(self) -> int:
        return int(getattr(settings, self.setting))

    def full(self) -> bool:
        """Would the next one be refused? A look in passing: the answer may be another in a moment."""
        return self.taken >= self.limit

    @contextmanager
    def place(self, patience: float = 0.0) -> Iterator[None]:
        """Takes a place while inside, for which it waits `patience` seconds at most. Raises Busy."""
        with self._freed:
            if not self._freed.wait_for(lambda: not self.full(), patience):
                raise Busy
            self.taken += 1
        try:
            yield
        finally:
            with self._freed:
                self.taken -= 1
                self._freed.notify()


photos = Places("PHOTOS_AT_WORK")
stickers = Places("STICKERS_AT_WORK")
