"""How many photos this process works on at once. Whoever comes after that is refused before any work is done.

A photo that is let in takes a place, waits its turn, then is decoded, cut and kept; one that would find no place is
told so within milliseconds. What is begun is finished, and no more is decoded than the cores can work on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from django.conf import settings

from annotations.exceptions import Busy

TURN_SECONDS = 60.0


class Places:
    """A number of places, which may change between two callers; `limit` is asked each time."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.taken = 0
        self._freed = threading.Condition()
        self._line: list[object] = []

    @property
    def limit(self) -> int:
        return int(getattr(settings, self.setting))

    def full(self) -> bool:
        """Would the next one be refused? A look in passing: the answer may be another in a moment."""
        return self.taken >= self.limit

    @contextmanager
    def place(self, patience: float = 0.0) -> Iterator[None]:
        """Takes a place while inside, for which it waits `patience` seconds at most, first come first. Raises Busy."""
        with self._freed:
            self._line.append(me := object())
            try:
                if not self._freed.wait_for(lambda: self._line[0] is me and not self.full(), patience):
                    raise Busy
                self.taken += 1
            finally:
                self._line.remove(me)
                self._freed.notify_all()
        try:
            yield
        finally:
            with self._freed:
                self.taken -= 1
                self._freed.notify_all()


photos = Places("PHOTOS_AT_WORK")
turns = Places("PHOTOS_AT_ONCE")
stickers = Places("STICKERS_AT_WORK")


@contextmanager
def photo(stage: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    """A photo's place and, once it has come, its turn; `stage("queue")` times the wait. Raises Busy at once."""
    with photos.place(), ExitStack() as turn:
        with stage("queue"):
            turn.enter_context(turns.place(TURN_SECONDS))
        yield
