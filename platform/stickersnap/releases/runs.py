"""A training run from request to verdict. Whatever happens on the way, the champion keeps serving."""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotations.datasets import dataset_freeze
from annotations.exceptions import AnnotationError
from segmentation.weights import WeightsError
from stickersnap.releases import registry, selectors, services, trainer
from stickersnap.releases.exceptions import AlreadyRunning, NothingDeployed, NotTrainable, RunLost, TrainingStopped
from stickersnap.releases.models import TrainingRun
from stickersnap.releases.queue import defer

log = logging.getLogger(__name__)
State = TrainingRun.State
Report = Callable[[str], None]

HEARTBEAT_SECONDS = 5
DEAD_AFTER = timedelta(seconds=30)
FAIL_TRIES = 12
RETRAIN_TASK = "stickersnap.releases.tasks.retrain"
AGAIN = "The champion keeps serving; start again with `manage.py retrain`."


def run_start(*, by: str, minutes: float | None = None, epochs: int | None = None, enqueue: bool = True) -> TrainingRun:
    """Asks for a run. With `enqueue` the worker takes it up. Raises NothingDeployed, NotTrainable, AlreadyRunning."""
    runs_sweep()
    policy = selectors.policy()
    champion = selectors.deployment_current()
    if champion is None:
        raise NothingDeployed
    if champion.weights.card.get("format") == "onnx":
        raise NotTrainable
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                network=champion.weights.network,
                minutes=minutes or policy.minutes,
                epochs=epochs,
                requested_by=by,
            )
            if enqueue:
                _enqueue(run)
    except IntegrityError as error:
        raise AlreadyRunning from error
    return run


def _enqueue(run: TrainingRun) -> None:
    defer(RETRAIN_TASK, once=f"retrain {run.id}", run_id=str(run.id))


def run_execute(
    *, run_id: uuid.UUID, should_stop: Callable[[], bool] = lambda: False, report: Report = lambda line: None
) -> TrainingRun:
    """Takes a queued run through freeze, training and decision. One that is not queued is left alone.

    Never raises for what goes wrong on the way: that is written on the run. `report` gets a line for each step.
    """
    run = _claim(run_id)
    if run is None:
        return TrainingRun.objects.get(id=run_id)
    try:
        with _heartbeat(run) as lost:
            _freeze(run, report)
            _train(run, report, lambda: should_stop() or lost.is_set())
            _decide(run, report)
    except RunLost as error:
        report(str(error))
    except (AnnotationError, WeightsError, DatabaseAway, OSError) as error:
        log.warning("Run %s failed: %s", run.id, error)
        _fail(run, str(error))
    except Exception:
        log.exception("Run %s failed", run.id)
        _fail(run, "It failed for a reason nobody foresaw; the worker's log has it.")
    except BaseException:
        _fail(run, str(TrainingStopped()))
        raise
    run.refresh_from_db()
    report(f"{run.state}: {run.message}")
    return run


def _claim(run_id: uuid.UUID) -> TrainingRun | None:
    champion = selectors.deployment_current()
    now = timezone.now()
    claimed = TrainingRun.objects.filter(id=run_id, state=State.QUEUED).update(
        state=State.FREEZING, champion=champion.weights if champion else None, started_at=now, heartbeat_at=now
    )
    return TrainingRun.objects.select_related("champion").get(id=run_id) if claimed else None


def _advance(run: TrainingRun, **values: Any) -> None:
    """Writes on a run that is still at work. Raises RunLost for one that was given up meanwhile."""
    if not TrainingRun.objects.filter(id=run.id, state__in=TrainingRun.WORKING).update(**values):
        raise RunLost
    for name, value in values.items():
        setattr(run, name, value)


def _freeze(run: TrainingRun, report: Report) -> None:
    report("Freezing the approved corrections …")
    dataset = dataset_freeze(workspace=dataset_workspace())
    _advance(run, dataset=dataset)
    report(f"Dataset version {dataset.number}: {dataset.items.count()} samples.")


def dataset_workspace() -> Path:
    """Where dataset versions are made."""
    return Path(settings.STATE) / "dvc"


def _train(run: TrainingRun, report: Report, should_stop: Callable[[], bool]) -> None:
    folder = services.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    tracking, secrets = registry.tracking_prepare()
    if not tracking:
        report("MLflow can't be had now: training goes on without it.")
    _advance(run, state=State.TRAINING)
    metrics: list[trainer.Event] = []
    arguments = _arguments(run, folder, tracking)
    for event in trainer.events(
        arguments, log=folder / "training.log", should_stop=should_stop, environment={**os.environ, **secrets}
    ):
        report(_line(event))
        _note(run, event, metrics)
    _advance(run, pid=None)


def _arguments(run: TrainingRun, folder: Path, tracking: str) -> list[str]:
    assert run.champion is not None
    assert run.dataset is not None
    values = {
        "--data": dataset_workspace() / "data",
        "--base": services.weights_folder(run.champion.sha256),
        "--out": folder,
        "--network": run.network,
        "--minutes": run.minutes,
        "--seed": 0,
        "--device": settings.DEVICE,
    }
    if run.epochs is not None:
        values["--epochs"] = run.epochs
    arguments = ["fine-tune", *(str(part) for pair in values.items() for part in pair)]
    if tracking:
        arguments += ["--tracking-uri", tracking, "--experiment", registry.EXPERIMENT]
        arguments += ["--tag", f"run={run.id}", "--tag", f"dataset_version={run.dataset.number}"]
    return arguments


def _note(run: TrainingRun, event: trainer.Event, metrics: list[trainer.Event]) -> None:
    kind = event["event"]
    if kind == "process":
        _advance(run, pid=event["pid"], heartbeat_at=timezone.now())
    elif kind == "start":
        _advance(run, mlflow_run_id=str(event.get("mlflow_run_id") or ""))
    elif kind == "epoch":
        metrics.append({name: value for name, value in event.items() if name not in {"event", "message"}})
        _advance(run, metrics=metrics, message=_line(event), heartbeat_at=timezone.now())
    elif event.get("message"):
        _advance(run, message=str(event["message"]))


def _line(event: trainer.Event) -> str:
    if event["event"] == "epoch":
        figures = ", ".join(
            f"{name.replace('_', ' ')} {event[name]:.4f}"
            for name in ("train_loss", "val_iou")
            if event.get(name) is not None
        )
        return f"Epoch {event.get('epoch')} of {event.get('epochs')}: {figures}"
    return f"{event['event']}: {event['message']}" if event.get("message") else str(event["event"])


def _decide(run: TrainingRun, report: Report) -> None:
    _advance(run, state=State.DECIDING, message="")
    with transaction.atomic():
        decision = services.promotion_decide(run=run, by=run.requested_by)
        _advance(
            run,
            state=State.PROMOTED if decision.passed else State.REFUSED,
            message=decision.reason,
            finished_at=timezone.now(),
        )


def _fail(run: TrainingRun, message: str) -> None:
    values = {"state": State.FAILED, "message": f"{message}\n{AGAIN}", "pid": None}
    for _ in range(FAIL_TRIES):
        try:
            working = TrainingRun.objects.filter(id=run.id, state__in=TrainingRun.WORKING)
            working.update(finished_at=timezone.now(), **values)
        except DatabaseAway:
            connection.close()
            time.sleep(HEARTBEAT_SECONDS)
        else:
            return
    log.warning("Run %s could not be marked as failed; the sweep will.", run.id)


def runs_sweep() -> int:
    """Marks runs whose worker is gone as failed, and hands queued ones that nobody took up to the worker again."""
    now = timezone.now()
    dead = TrainingRun.objects.filter(state__in=TrainingRun.WORKING, heartbeat_at__lt=now - DEAD_AFTER)
    message = f"The process that led this run was killed. {AGAIN}"
    swept = dead.update(state=State.FAILED, message=message, pid=None, finished_at=now)
    for run in TrainingRun.objects.filter(state=State.QUEUED, created_at__lt=now - DEAD_AFTER):
        _enqueue(run)
    return swept


@contextmanager
def _heartbeat(run: TrainingRun) -> Iterator[threading.Event]:
    """Says every few seconds that the run is alive. The event it yields is set when the run was given up elsewhere."""
    done, lost = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            try:
                alive = TrainingRun.objects.filter(id=run.id, state__in=TrainingRun.WORKING).update(
                    heartbeat_at=timezone.now()
                )
            except DatabaseAway as error:
                log.warning("No heartbeat of run %s: %s", run.id, error)
                connection.close()
                continue
            if not alive and not done.is_set():
                lost.set()
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="run-heartbeat")
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
