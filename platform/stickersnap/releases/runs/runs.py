"""A training run from request to verdict. Whatever happens on the way, the champion keeps serving."""

import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import IntegrityError, transaction
from django.db.models import Q

from annotations.datasets.versions import dataset_checkout, dataset_freeze
from annotations.exceptions import AnnotationError
from segmentation import manifest
from segmentation.weights import WeightsError
from stickersnap.releases import leases, selectors, services
from stickersnap.releases.exceptions import (
    AlreadyRunning,
    NoBase,
    NoStudentNeeded,
    NothingDeployed,
    NotTrainable,
    RunLost,
    TrainingFailed,
    TrainingKilled,
    TrainingStopped,
)
from stickersnap.releases.gate.benchmarks import benchmark_folders
from stickersnap.releases.leases import AGAIN, RETRAIN_TASK
from stickersnap.releases.models import TrainingRun, Weights
from stickersnap.releases.rollout import students
from stickersnap.releases.runs import trainer
from stickersnap.releases.weights import registry

__all__ = ["RETRAIN_TASK", "base_of", "dataset_workspace", "run_execute", "run_start", "runs_sweep"]
log = logging.getLogger(__name__)
State = TrainingRun.State
Report = Callable[[str], None]

KILLED = "The process that led this run was killed."
CHECKPOINT = "checkpoint.pt"


def run_start(*, by: str, minutes: float | None = None, epochs: int | None = None, enqueue: bool = True) -> TrainingRun:
    """Asks for a run of the policy's network. With `enqueue` the worker takes it up.

    Raises NothingDeployed, NotTrainable, NoBase, AlreadyRunning.
    """
    runs_sweep()
    policy = selectors.policy()
    champion = champion_now()
    base = base_of(policy.network, champion)
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                network=base.network, base=base, minutes=minutes or policy.minutes, epochs=epochs, requested_by=by
            )
            if enqueue:
                leases.enqueue(run)
    except IntegrityError as error:
        raise AlreadyRunning from error
    return run


def champion_now() -> Weights:
    """The weights to be beaten. Raises NothingDeployed."""
    champion = selectors.deployment_current()
    if champion is None:
        raise NothingDeployed
    return champion.weights


def base_of(network: str, champion: Weights) -> Weights:
    """The weights that a run of this network starts from: the champion, or the newest ones of another network.

    Raises NotTrainable, NoBase.
    """
    if network in ("", champion.network):
        if champion.card.get("format") == "onnx":
            raise NotTrainable
        return champion
    trainable = ~Q(card__has_key="format") | Q(card__format="safetensors")
    newest = Weights.objects.filter(trainable, network=network).order_by("-created_at").first()
    if newest is None:
        raise NoBase(
            f"There are no weights of {network} here to start from. Bring some in with `manage.py weights pull` or "
            "`import`, or let the policy name another network."
        )
    return newest


def run_execute(
    *, run_id: uuid.UUID, should_stop: Callable[[], bool] = lambda: False, report: Report = lambda line: None
) -> TrainingRun:
    """Takes a queued run through freeze, training and decision. One that is not queued is left alone.

    Never raises for what goes wrong on the way: that is written on the run. What may pass by itself (a killed training,
    a database that was away) hands the run back to be taken up again; so does `should_stop`. `report` gets a line for
    each step.
    """
    run = _claim(run_id)
    if run is None:
        return TrainingRun.objects.get(id=run_id)
    try:
        with leases.heartbeat(run) as lost:
            try:
                _freeze(run, report)
                _train(run, report, lambda: should_stop() or lost.is_set())
                _decide(run, report)
            except TrainingStopped as error:
                if lost.is_set():
                    raise RunLost from error
                raise
    except RunLost as error:
        report(str(error))
    except TrainingStopped as error:
        _hand_back(run, str(error), counted=False)
    except (TrainingKilled, DatabaseAway) as error:
        log.warning("Run %s was interrupted: %s", run.id, error)
        _hand_back(run, str(error).strip(), counted=True)
    except (AnnotationError, WeightsError, OSError) as error:
        log.warning("Run %s failed: %s", run.id, error)
        _fail(run, str(error))
    except Exception:
        log.exception("Run %s failed", run.id)
        _fail(run, "It failed for a reason nobody foresaw; the worker's log has it.")
    except BaseException:
        _fail(run, str(TrainingStopped()))
        raise
    run = leases.patiently(lambda: TrainingRun.objects.get(id=run_id))
    report(f"{run.state}: {run.message}")
    return run


def _claim(run_id: uuid.UUID) -> TrainingRun | None:
    """Where there is nothing to start from by now the run is taken up all the same, to say so (see `_freeze`)."""
    try:
        players = _players(TrainingRun.objects.get(id=run_id))
    except (NothingDeployed, NotTrainable, NoBase, NoStudentNeeded):
        players = {"champion": None, "base": None}
    return leases.claim(run_id, **players)


def _players(run: TrainingRun) -> dict[str, Weights | None]:
    """Whom a run starts from, is to beat and is taught by, as things stand now.

    Raises NothingDeployed, NotTrainable, NoBase, NoStudentNeeded.
    """
    champion = champion_now()
    if run.kind != TrainingRun.Kind.STUDENT:
        return {"champion": champion, "base": base_of(run.network, champion)}
    if not students.wants_student(champion):
        raise NoStudentNeeded
    student = students.present()
    return {"champion": student, "base": student, "teacher": champion}


def _fail(run: TrainingRun, message: str) -> None:
    _write(run, lambda: leases.end(run, State.FAILED, f"{message}\n{AGAIN}"))


def _hand_back(run: TrainingRun, message: str, *, counted: bool) -> None:
    _write(run, lambda: leases.hand_back(run, message, counted=counted))


def _write(run: TrainingRun, word: Callable[[], bool]) -> None:
    try:
        leases.patiently(word)
    except DatabaseAway:
        log.warning("What became of run %s could not be written; the sweep will take it up.", run.id)


def _freeze(run: TrainingRun, report: Report) -> None:
    """A run that was taken up before keeps the dataset it began with."""
    if run.champion is None or run.base is None:
        _players(run)
        raise NothingDeployed
    if run.dataset is None:
        report("Freezing the approved corrections …")
        leases.renew(run, dataset=dataset_freeze(workspace=dataset_workspace()))
    dataset = run.dataset
    assert dataset is not None
    report(f"Dataset version {dataset.number}: {dataset.items.count()} samples.")


def dataset_workspace() -> Path:
    """Where dataset versions are made."""
    return Path(settings.STATE) / "dvc"


def _data(run: TrainingRun) -> Path:
    """The folder of the run's dataset version, in the workspace."""
    assert run.dataset is not None
    folder = dataset_workspace() / "data"
    if _digest(folder) == run.dataset.digest:
        return folder
    return dataset_checkout(number=run.dataset.number, workspace=dataset_workspace())


def _digest(folder: Path) -> str:
    try:
        return manifest.digest(folder)
    except (OSError, manifest.ManifestError):
        return ""


def _train(run: TrainingRun, report: Report, should_stop: Callable[[], bool]) -> None:
    folder = services.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    tracking, secrets = registry.tracking_prepare()
    if not tracking:
        report("MLflow can't be had now: training goes on without it.")
    leases.renew(run, state=State.TRAINING)
    arguments = _arguments(run, folder, tracking)
    _inherit(run, folder)
    resumed, heard = (folder / CHECKPOINT).exists(), set[str]()
    try:
        _listen(run, arguments, report, should_stop, secrets, heard)
    except TrainingKilled:
        raise
    except TrainingFailed as error:
        if not resumed or "start" in heard:
            raise
        log.warning("Run %s can't go on from its checkpoint, it starts anew: %s", run.id, error)
        report("It can't go on from its checkpoint: it starts anew.")
        (folder / CHECKPOINT).unlink(missing_ok=True)
        _listen(run, arguments, report, should_stop, secrets, heard)
    leases.renew(run, pid=None)


def _inherit(run: TrainingRun, folder: Path) -> None:
    """A run goes on from where one that failed had got to, if it asks for the same of the same dataset."""
    if (folder / CHECKPOINT).exists():
        return
    same = ("kind", "network", "minutes", "epochs", "dataset", "base", "teacher")
    alike = {name: getattr(run, name) for name in same}
    failed = TrainingRun.objects.filter(champion=run.champion, created_at__lt=run.created_at, **alike).first()
    if failed is None or failed.state != State.FAILED or failed.dataset is None:
        return
    checkpoint = services.run_folder(failed) / CHECKPOINT
    if checkpoint.exists():
        checkpoint.replace(folder / CHECKPOINT)
        leases.renew(run, metrics=failed.metrics)


def _listen(
    run: TrainingRun,
    arguments: list[str],
    report: Report,
    should_stop: Callable[[], bool],
    secrets: dict[str, str],
    heard: set[str],
) -> None:
    environment = {**os.environ, **secrets}
    log_file = services.run_folder(run) / "training.log"
    for event in trainer.events(arguments, log=log_file, should_stop=should_stop, environment=environment):
        heard.add(event["event"])
        report(_line(event))
        _note(run, event)


def _arguments(run: TrainingRun, folder: Path, tracking: str) -> list[str]:
    assert run.champion is not None
    assert run.base is not None
    assert run.dataset is not None
    values: dict[str, Any] = {
        "--data": _data(run),
        "--base": services.weights_folder(run.base.sha256),
        "--out": folder,
        "--network": run.network,
        "--minutes": run.minutes,
        "--seed": 0,
        "--device": settings.DEVICE,
    }
    if run.teacher is not None:
        values["--teacher"] = services.weights_folder(run.teacher.sha256)
    elif run.base_id != run.champion_id:
        values["--champion"] = services.weights_folder(run.champion.sha256)
    if run.epochs is not None:
        values["--epochs"] = run.epochs
    command = "distill" if run.teacher else "fine-tune"
    arguments = [command, "--resume", *(str(part) for pair in values.items() for part in pair)]
    for folder in benchmark_folders():
        arguments += ["--benchmark", str(folder)]
    if tracking:
        arguments += ["--tracking-uri", tracking, "--experiment", registry.EXPERIMENT]
        arguments += ["--tag", f"run={run.id}", "--tag", f"dataset_version={run.dataset.number}"]
    return arguments


def _note(run: TrainingRun, event: trainer.Event) -> None:
    kind = event["event"]
    if kind == "process":
        leases.renew(run, pid=event["pid"])
    elif kind == "start":
        begun = [point for point in run.metrics if point["epoch"] <= (event.get("epoch") or 0)]
        leases.renew(run, mlflow_run_id=str(event.get("mlflow_run_id") or ""), metrics=begun)
    elif kind == "epoch":
        point = {name: value for name, value in event.items() if name not in {"event", "message"}}
        leases.renew(run, metrics=[*run.metrics, point], message=_line(event))
    elif event.get("message"):
        leases.renew(run, message=str(event["message"]))


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
    leases.renew(run, state=State.DECIDING, message="")
    with transaction.atomic():
        decision = services.promotion_decide(run=run, by=run.requested_by)
        state, message = State.PROMOTED if decision.passed else State.REFUSED, decision.reason
        if decision.approval_needed:
            state, message = State.WAITING, f"{message}\nIt serves once an operator approves it."
        if not leases.end(run, state, message):
            raise RunLost
    (services.run_folder(run) / CHECKPOINT).unlink(missing_ok=True)  # the largest file of a run; nobody goes on from it


def runs_sweep() -> int:
    """Lets runs whose worker is gone be taken up again, and hands forgotten queued ones to the worker; how many."""
    swept = sum(leases.hand_back(run, KILLED, expired=True) for run in leases.expired())
    for run in leases.forgotten():
        leases.enqueue(run)
    return swept
