"""How many photos this process works on at once. Whoever comes after that is refused before any work is done.

A photo that is let in takes a place, waits its turn, then is decoded, cut and kept; one that would find no place is
told so within milliseconds. What is begun is finished, and no more is decoded than the cores can work on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress

from django.conf import settings

from annotations.exceptions import Busy

TURN_SECONDS = 60.0
PATIENCE = 20.0  # seconds that what is made of a photo waits for its turn: the photo is already here
LARGE_PIXELS = 16_000_000  # from here on one needs a gigabyte while it is worked on
COMING_SECONDS = 1.0  # who was let in and has not come by then is no longer expected


class Places:
    """A number of places, which may change between two callers; `limit` is asked each time."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        self.taken = 0
        self._freed = threading.Condition()
        self._line: list[object] = []
        self._coming: deque[float] = deque()  # until when each is expected
        self._here = threading.local()

    @property
    def limit(self) -> int:
        return int(getattr(settings, self.setting))

    def full(self) -> bool:
        """Would the next one be refused? A look in passing: the answer may be another in a moment."""
        return self.taken >= self.limit

    def let_in(self) -> bool:
        """Expects one more to come for a place; False if with those on their way there would be none.

        For one thread alone, which asks before a request is read.
        """
        if self.expects_none():
            return False
        self._coming.append(time.monotonic() + COMING_SECONDS)
        return True

    def expects_none(self) -> bool:
        """Would there be no place for another, with those on their way? For the same thread as `let_in`."""
        now = time.monotonic()
        while self._coming and self._coming[0] < now:
            self._came()
        return self.taken + len(self._coming) >= self.limit

    @contextmanager
    def on_the_way(self) -> Iterator[None]:
        """Around a request that was let in: should it end without asking for a place, it is no longer expected."""
        self._here.coming = True
        try:
            yield
        finally:
            self._arrive()

    def _arrive(self) -> None:
        if getattr(self._here, "coming", False):
            self._here.coming = False
            self._came()

    def _came(self) -> None:
        with suppress(IndexError):
            self._coming.popleft()

    @contextmanager
    def place(self, patience: float = 0.0) -> Iterator[None]:
        """Takes a place while inside, for which it waits `patience` seconds at most, first come first.

        Raises Busy, at once where too many are in line: each holds a thread.
        """
        with self._freed:
            if len(self._line) >= settings.IN_LINE_AT_MOST:
                raise Busy
            self._line.append(me := object())
            try:
                if not self._freed.wait_for(lambda: self._line[0] is me and not self.full(), patience):
                    raise Busy
                self.taken += 1
                self._arrive()
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
large = Places("LARGE_AT_ONCE")


@contextmanager
def photo(stage: Callable[[str], AbstractContextManager[None]]) -> Iterator[Callable[[int], None]]:
    """A photo's place and, once it has come, its turn; `stage("queue")` times the wait. Raises Busy at once.

    Yields what to tell its pixels as soon as they are known: a large one gives up its turn until no other is at work.
    """
    with photos.place(), ExitStack() as turn:

        def sized(pixels: int) -> None:
            if pixels > LARGE_PIXELS:
                turn.close()
                turn.enter_context(large.place(TURN_SECONDS))
                turn.enter_context(turns.place(TURN_SECONDS))

        with stage("queue"):
            turn.enter_context(turns.place(TURN_SECONDS))
        yield sized


@contextmanager
def made_of(pixels: int) -> Iterator[None]:
    """A place for what is made of a photo that is here, of so many pixels: one large one at a time. Raises Busy."""
    with large.place(PATIENCE) if pixels > LARGE_PIXELS else nullcontext(), stickers.place(PATIENCE):
        yield
