"""The lease on a run: who leads it, until when, and the fencing token by which all others are told apart.

A token is drawn from a sequence when a run is taken up, so it only grows (Kleppmann, How to do distributed locking,
2016). Every write of the holder checks its token in the same statement or transaction; whoever was taken for dead, and
was not, hears of it there as RunLost. PostgreSQL refuses decisions with any other token than the newest, whoever
writes them (`migrations/0004_fencing.py`). Clocks of hosts may differ: the database's own counts.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import Error as DatabaseAway
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Func, Value
from django.db.models.functions import Coalesce, Now

from stickersnap.releases.exceptions import RunLost
from stickersnap.releases.models import TrainingRun
from stickersnap.releases.queue import defer

log = logging.getLogger(__name__)
State = TrainingRun.State
Answer = TypeVar("Answer")

LEASE = timedelta(seconds=30)
BEAT_SECONDS = 5
ATTEMPTS = 3
"""How often a run is taken up, at most: what kills its worker three times would kill it again."""
RETRAIN_TASK = "stickersnap.releases.tasks.retrain"
SEQUENCE = "releases_run_token"
AGAIN = "The champion keeps serving; start again with `manage.py retrain`."


def claim(run_id: uuid.UUID, **values: Any) -> TrainingRun | None:
    """Takes up a queued run with the next token, writing `values` on it; None for one that is not queued."""
    claimed = TrainingRun.objects.filter(id=run_id, state=State.QUEUED).update(
        state=State.FREEZING,
        token=Func(Value(SEQUENCE), function="nextval"),
        attempts=F("attempts") + 1,
        started_at=Coalesce("started_at", Now()),
        lease_expires_at=Now() + LEASE,
        message="",
        **values,
    )
    whole = TrainingRun.objects.select_related("champion", "base", "teacher", "dataset")
    return whole.get(id=run_id) if claimed else None


def renew(run: TrainingRun, **values: Any) -> None:
    """Renews the lease and writes `values`, where the run is still the holder's. Raises RunLost where it is not.

    Waits for a database that is away as long as the lease may last.
    """
    if not patiently(lambda: _working(run).update(lease_expires_at=Now() + LEASE, **values)):
        raise RunLost
    for name, value in values.items():
        setattr(run, name, value)


def held(run: TrainingRun) -> None:
    """Keeps the run the holder's until the transaction that is open ends. Raises RunLost where it is not."""
    if _working(run).select_for_update().values_list("id").first() is None:
        raise RunLost


def end(run: TrainingRun, state: TrainingRun.State, message: str) -> bool:
    """The run's last word; False where it is no longer the holder's."""
    return bool(_working(run).update(state=state, message=message, pid=None, finished_at=Now()))


def hand_back(run: TrainingRun, message: str, *, counted: bool = True, expired: bool = False) -> bool:
    """Lets the worker take the run up again from its checkpoint; with `counted` at most ATTEMPTS times, then it failed.

    False where it is no longer the holder's; with `expired` also where the holder is alive.
    """
    attempts = run.attempts if counted else run.attempts - 1
    values: dict[str, Any] = {
        "state": State.QUEUED,
        "message": f"{message}\nIt goes on from its checkpoint as soon as a worker is free.",
    }
    if counted and run.attempts >= ATTEMPTS:
        said = f"{message}\nThat was attempt {run.attempts} of {ATTEMPTS}. {AGAIN}"
        values = {"state": State.FAILED, "message": said, "finished_at": Now()}
    with transaction.atomic():
        working = _working(run).filter(lease_expires_at__lt=Now()) if expired else _working(run)
        given = working.update(attempts=attempts, pid=None, **values)
        if given and values["state"] == State.QUEUED:
            enqueue(run)
    return bool(given)


def expired() -> list[TrainingRun]:
    """Runs at work whose holder has not been heard of for as long as the lease lasts."""
    return list(TrainingRun.objects.filter(state__in=TrainingRun.WORKING, lease_expires_at__lt=Now()))


def forgotten() -> list[TrainingRun]:
    """Queued runs that nobody took up for a while: their job may be lost."""
    return list(TrainingRun.objects.filter(state=State.QUEUED, created_at__lt=Now() - LEASE))


def enqueue(run: TrainingRun) -> None:
    """Asks the worker to take up a run; asked twice, it does so once."""
    defer(RETRAIN_TASK, once=f"retrain {run.id}", run_id=str(run.id))


def _working(run: TrainingRun) -> Any:
    return TrainingRun.objects.filter(id=run.id, token=run.token, state__in=TrainingRun.WORKING)


def patiently(write: Callable[[], Answer]) -> Answer:
    """Does a write that may be repeated, waiting up to a lease's time for a database that is away."""
    until = time.monotonic() + LEASE.total_seconds()
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > until:
                raise
            connection.close()
            time.sleep(1)


@contextmanager
def heartbeat(run: TrainingRun) -> Iterator[threading.Event]:
    """Renews the lease every few seconds. The event it yields is set once the run is, or may be, another's."""
    done, lost = threading.Event(), threading.Event()

    def beat() -> None:
        heard = time.monotonic()
        while not done.wait(BEAT_SECONDS):
            began = time.monotonic()
            try:
                if not _working(run).update(lease_expires_at=Now() + LEASE):
                    break
                heard = began
            except DatabaseAway as error:
                log.warning("No heartbeat of run %s: %s", run.id, error)
                connection.close()
                if time.monotonic() - heard > LEASE.total_seconds():
                    break
        if not done.is_set():
            lost.set()
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="run-heartbeat")
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
