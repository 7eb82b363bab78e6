"""One thread owns the device: it takes the pictures that wait, as many as fit in one pass, and answers each its maps.

The queue is bounded: whoever comes past its end is refused at once, so that under load memory stays flat and those
who are let in are answered soon. A pass that fails is the business of its own pictures alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import Backend, DeviceLost, OutOfMemory

log = logging.getLogger(__name__)

GATHER_MS = 2.0
ANSWER_SECONDS = 60.0
RECOVER_SECONDS = 60.0  # after this long without running out of memory larger batches are tried again


class EngineError(Exception):
    """This picture was not answered."""


class QueueFull(EngineError):
    """As many pictures wait for the network as may. Try again in a few seconds."""


class EngineClosed(EngineError):
    """These weights are no longer served. Ask for the predictor again."""


class AnswerLate(EngineError):
    """The network did not answer in time. Try again in a few seconds."""


class NotFinite(EngineError):
    """The network answered this picture with values that are no numbers. Deploy other weights."""


@dataclass(frozen=True)
class Answer:
    """What a pass said of a picture: `maps` are 2×S×S float32 probabilities (refined, coarse), times milliseconds."""

    maps: NDArray[np.float32]
    queue_ms: float
    network_ms: float
    batch: int


@dataclass
class Ticket:
    """A picture (S×S×3 uint8) that waits, and the future its requester waits for."""

    picture: NDArray[np.uint8]
    future: Future[Answer] = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)


class Watcher:
    """Hears what an engine does, for metrics; called from its thread and from requesters', must not block."""

    def batch_done(self, pictures: int, seconds: float) -> None: ...

    def waiting(self, pictures: int) -> None: ...

    def refused(self) -> None: ...

    def out_of_memory(self, pictures: int) -> None: ...

    def fell_back(self, lost: Backend, now: Backend | None) -> None: ...


class Engine:
    """A backend with a queue in front.

    `waiting`: pictures that may wait beside those in the device. `gather_ms`: how long a GPU waits for company before
    a pass (a CPU never does: a pass of two takes it twice as long). `batch_limit` lowers the backend's own.
    `fallback` makes the backend that takes over when the device is lost; without it the engine then refuses all.
    Safe to share between threads; a process that was forked off needs an engine of its own.
    """

    def __init__(
        self,
        backend: Backend,
        waiting: int = 6,
        gather_ms: float = GATHER_MS,
        batch_limit: int | None = None,
        fallback: Callable[[], Backend] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.backend = backend
        self.problem = ""  # what was lost, for people: "" while the device that was chosen answers
        self._waiting, self._gather = waiting, gather_ms / 1000
        self._most = min(backend.batch_limit, batch_limit or backend.batch_limit)
        self._limit, self._lowered = self._most, 0.0
        self._fallback, self._watcher = fallback, watcher or Watcher()
        self._lost: DeviceLost | None = None
        self._queue: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._running, self._closing = 0, False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Is there no device any more?"""
        return self._lost is not None

    def submit(self, picture: NDArray[np.uint8]) -> Future[Answer]:
        """Queues a picture (S×S×3 uint8, S the backend's size). A future that is cancelled in time is not computed.

        Raises QueueFull at once, EngineClosed, DeviceLost, ValueError for another shape or dtype.
        """
        side = self.backend.size
        if picture.shape != (side, side, 3) or picture.dtype != np.uint8:
            raise ValueError(f"A picture is {side}×{side}×3 uint8, this is {picture.dtype} {picture.shape}.")
        if self._pid != os.getpid():
            raise EngineClosed("This engine belongs to the process before the fork: build one here.")
        with self._changed:
            if self._closing:
                raise EngineClosed((EngineClosed.__doc__ or "").strip())
            if self._lost is not None:
                raise DeviceLost(str(self._lost))
            if len(self._queue) >= self._waiting + (not self._running):
                self._watcher.refused()
                raise QueueFull((QueueFull.__doc__ or "").strip())
            ticket = Ticket(picture)
            self._queue.append(ticket)
            self._watcher.waiting(len(self._queue))
            self._changed.notify_all()
        return ticket.future

    def run(self, picture: NDArray[np.uint8], timeout: float = ANSWER_SECONDS) -> Answer:
        """Submits a picture and waits for its answer. Raises what `submit` raises, AnswerLate, what the pass raised."""
        future = self.submit(picture)
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            future.cancel()
            raise AnswerLate((AnswerLate.__doc__ or "").strip()) from None

    def stop(self) -> None:
        """Takes no more pictures; those that wait are still answered, then the thread ends and lets the device go."""
        if self._pid == os.getpid():
            with self._changed:
                self._closing = True
                self._changed.notify_all()

    def close(self) -> None:
        """`stop`, and waits until it is done."""
        self.stop()
        if self._pid == os.getpid() and self._thread is not threading.current_thread():
            self._thread.join()

    def _serve(self) -> None:
        while tickets := self._next():
            self._answer(tickets)
            with self._changed:
                self._running = 0

    def _next(self) -> list[Ticket]:
        """The next batch, at least one picture; nothing once the engine is closed and the queue drained."""
        tickets: list[Ticket] = []
        with self._changed:
            while not tickets:
                while not self._queue:
                    if self._closing:
                        return []
                    self._changed.wait()
                if self._worth_gathering():
                    until = time.perf_counter() + self._gather
                    while len(self._queue) < self._limit and (left := until - time.perf_counter()) > 0:
                        self._changed.wait(left)
                self._recover()
                while self._queue and len(tickets) < self._limit:
                    ticket = self._queue.popleft()
                    if ticket.future.set_running_or_notify_cancel():
                        tickets.append(ticket)
            self._running = len(tickets)
            self._watcher.waiting(len(self._queue))
        return tickets

    def _worth_gathering(self) -> bool:
        return self.backend.device != "cpu" and 0 < len(self._queue) < self._limit and not self._closing

    def _recover(self) -> None:
        if self._limit < self._most and time.monotonic() - self._lowered > RECOVER_SECONDS:
            self._limit, self._lowered = min(self._most, self._limit * 2), time.monotonic()

    def _answer(self, tickets: Sequence[Ticket]) -> None:
        """Runs a batch and answers each of its pictures, whatever happens."""
        if self._lost is not None:
            self._refuse_all(tickets, self._lost)
            return
        start = time.perf_counter()
        try:
            maps = self.backend.run(np.stack([ticket.picture for ticket in tickets]))
        except OutOfMemory as error:
            self._run_out(tickets, error)
        except DeviceLost as error:
            self._change_device(tickets, error)
        except Exception as error:  # noqa: BLE001 whatever it is, its requester must hear of it and the thread live on
            self._isolate(tickets, error)
        else:
            seconds = time.perf_counter() - start
            self._watcher.batch_done(len(tickets), seconds)
            for ticket, own in zip(tickets, maps, strict=True):
                queued = (start - ticket.since) * 1000
                _settle(ticket, Answer(own, queued, seconds * 1000, len(tickets)))

    def _run_out(self, tickets: Sequence[Ticket], error: OutOfMemory) -> None:
        self._watcher.out_of_memory(len(tickets))
        if len(tickets) == 1:
            log.error("The %s has no memory for a single picture: %s", self.backend.device, error)
            tickets[0].future.set_exception(error)
            return
        half = len(tickets) // 2
        self._limit, self._lowered = min(self._limit, half), time.monotonic()
        log.warning("Out of memory with %d pictures: batches of %d from now on. %s", len(tickets), half, error)
        for part in (tickets[:half], tickets[half : 2 * half], tickets[2 * half :]):
            if part:
                self._answer(part)

    def _change_device(self, tickets: Sequence[Ticket], error: DeviceLost) -> None:
        lost, replacement = self.backend, None
        try:
            replacement = self._fallback() if self._fallback else None
        except Exception as reason:
            log.exception("No other device could take over.")
            self.problem = f"The {lost.name} device was lost ({error}), and nothing took over: {reason}"
        self._watcher.fell_back(lost, replacement)
        if replacement is None:
            self.problem = self.problem or f"The {lost.name} device was lost: {error}"
            log.error("%s Nothing is cut until the service is restarted.", self.problem)
            self._refuse_all(tickets, DeviceLost(self.problem))
            return
        self.backend, self._fallback = replacement, None
        self._most = self._limit = min(replacement.batch_limit, self._most)
        self.problem = f"The {lost.name} device was lost ({error}); {replacement.name} answers instead, more slowly."
        log.error(self.problem)
        for at in range(0, len(tickets), self._limit):
            self._answer(tickets[at : at + self._limit])

    def _refuse_all(self, tickets: Sequence[Ticket], error: DeviceLost) -> None:
        with self._changed:
            self._lost = error
            waiting = [ticket for ticket in self._queue if ticket.future.set_running_or_notify_cancel()]
            self._queue.clear()
        for ticket in (*tickets, *waiting):
            ticket.future.set_exception(error)

    def _isolate(self, tickets: Sequence[Ticket], error: Exception) -> None:
        """One picture of a batch may be to blame: each is tried alone, and only its own requester hears of it."""
        if len(tickets) == 1:
            tickets[0].future.set_exception(error)
            return
        log.warning("A batch of %d failed and is done one by one: %s", len(tickets), error)
        for ticket in tickets:
            self._answer([ticket])


def _settle(ticket: Ticket, answer: Answer) -> None:
    if np.isfinite(answer.maps).all():
        ticket.future.set_result(answer)
    else:
        ticket.future.set_exception(NotFinite((NotFinite.__doc__ or "").strip()))
