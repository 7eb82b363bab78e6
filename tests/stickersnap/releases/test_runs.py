"""A run is asked for once, led to its end, and says what became of it."""

import json
import subprocess
import sys
import time
from datetime import timedelta

import psutil
import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from annotations.exceptions import DatasetError
from annotations.models import DatasetVersion
from segmentation import weights as sets
from stickersnap.releases import registry, runs, selectors, services, trainer
from stickersnap.releases.exceptions import AlreadyRunning, NothingDeployed, TrainingFailed, TrainingStopped
from stickersnap.releases.models import RetrainPolicy, TrainingRun

LEASH = [sys.executable, "-m", "stickersnap.releases.leash", sys.executable, "-c"]


@pytest.fixture
def starter(transactional_db):
    return services.starter_deploy()


@pytest.fixture
def frozen(monkeypatch, state):
    """A dataset version that needs no corrections; its folder is empty unless the test fills it."""

    def freeze(*, workspace):
        (workspace / "data").mkdir(parents=True, exist_ok=True)
        return DatasetVersion.objects.get_or_create(number=1, digest="d" * 64, dvc_text="outs: []\n")[0]

    monkeypatch.setattr(runs, "dataset_freeze", freeze)
    monkeypatch.setattr(registry, "tracking_prepare", lambda: ("", {}))


@pytest.fixture
def trained(monkeypatch):
    """Puts given events in the place of a training process."""

    def say(*events, effect=lambda folder: None, error=None):
        def play(arguments, *, log, should_stop, environment):
            yield from events
            effect(log.parent)
            if error:
                raise error

        monkeypatch.setattr(trainer, "events", play)

    return say


def execute(run, **options):
    lines = []
    return runs.run_execute(run_id=run.id, report=lines.append, **options), lines


def test_a_run_is_queued_for_the_worker_with_the_policys_budget(starter):
    RetrainPolicy.objects.create(minutes=7)
    run = runs.run_start(by="olga")
    assert (run.state, run.minutes, run.network, run.requested_by) == ("queued", 7, "basnet-small", "olga")
    assert ProcrastinateJob.objects.filter(task_name=runs.RETRAIN_TASK, args={"run_id": str(run.id)}).exists()


def test_two_runs_at_once_are_refused(starter):
    runs.run_start(by="olga")
    with pytest.raises(AlreadyRunning):
        runs.run_start(by="omar")
    assert TrainingRun.objects.count() == 1


@pytest.mark.django_db
def test_without_a_champion_there_is_nothing_to_fine_tune():
    with pytest.raises(NothingDeployed, match="deploy-starter"):
        runs.run_start(by="olga")


def test_a_run_tells_its_curves_and_its_verdict(starter, frozen, trained, other_weights):
    def leave(folder):
        evaluation = {"champion": {"sha256": starter.weights_id}, "challenger": {"sha256": "b" * 64}, "images": []}
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        (folder / "weights").mkdir()
        for name in (sets.WEIGHTS, sets.CARD):
            (folder / "weights" / name).write_bytes((other_weights(1) / name).read_bytes())

    trained(
        {"event": "process", "pid": 1234},
        {"event": "start", "mlflow_run_id": "m1"},
        {"event": "epoch", "epoch": 1, "epochs": 2, "train_loss": 2.0, "val_iou": 0.5},
        {"event": "epoch", "epoch": 2, "epochs": 2, "train_loss": 1.0, "val_iou": 0.75},
        {"event": "done"},
        effect=leave,
    )
    run, lines = execute(runs.run_start(by="olga", enqueue=False))
    assert run.state == "refused"
    assert "Too few held-out photos: 0" in run.message
    assert [point["val_iou"] for point in run.metrics] == [0.5, 0.75]
    assert (run.mlflow_run_id, run.pid, run.champion_id) == ("m1", None, starter.weights_id)
    assert run.decision.challenger.run == run
    assert "Epoch 2 of 2: train loss 1.0000, val iou 0.7500" in lines
    assert run.finished_at >= run.started_at


def test_a_run_is_taken_up_once(starter, frozen, trained):
    trained(error=TrainingFailed("No."))
    run, _ = execute(runs.run_start(by="olga"))
    finished = run.finished_at
    again, _ = execute(run)
    assert (again.state, again.finished_at) == ("failed", finished)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TrainingFailed("Out of memory."), "Out of memory."),
        (TrainingStopped(), "Stopped before it was done."),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ZeroDivisionError(), "nobody foresaw"),
    ],
)
def test_whatever_goes_wrong_is_said_and_the_champion_serves(starter, frozen, trained, error, said):
    trained({"event": "process", "pid": 1}, error=error)
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    assert run.state == "failed"
    assert said in run.message
    assert "The champion keeps serving; start again with `manage.py retrain`." in run.message
    assert selectors.deployment_current() == starter
    assert runs.run_start(by="olga").state == "queued"


def test_a_freeze_that_fails_is_said(starter, frozen, monkeypatch):
    def full(*, workspace):
        raise DatasetError("The disk is full.")

    monkeypatch.setattr(runs, "dataset_freeze", full)
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    assert run.state == "failed"
    assert "The disk is full." in run.message


def test_ctrl_c_is_said_and_passed_on(starter, frozen, trained):
    trained(error=KeyboardInterrupt())
    run = runs.run_start(by="olga", enqueue=False)
    with pytest.raises(KeyboardInterrupt):
        execute(run)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "Stopped before it was done." in run.message


def test_the_real_training_process_says_what_it_can_not_use(starter, frozen):
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    assert run.state == "failed"
    assert run.message.count("manifest.jsonl cannot be read") == 1


def test_a_run_given_up_elsewhere_is_not_written_on(starter, frozen, trained):
    run = runs.run_start(by="olga", enqueue=False)

    def give_up(folder):
        TrainingRun.objects.filter(id=run.id).update(state="failed", message="Swept.")

    trained({"event": "epoch", "epoch": 1, "epochs": 1, "train_loss": 1.0, "val_iou": 0.1}, effect=give_up)
    ended, _ = execute(run)
    assert (ended.state, ended.message) == ("failed", "Swept.")


def test_a_database_that_goes_away_for_a_moment_is_said(starter, frozen, trained):
    run = runs.run_start(by="olga", enqueue=False)

    def cut(folder):
        with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None}) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    trained({"event": "epoch", "epoch": 1, "epochs": 1, "train_loss": 1.0, "val_iou": 0.1}, effect=cut)
    ended, _ = execute(run)
    assert ended.state == "failed"
    assert "The champion keeps serving" in ended.message


def test_the_sweep_fails_dead_runs_and_leaves_living_ones(starter):
    now = timezone.now()
    run = runs.run_start(by="olga")
    TrainingRun.objects.filter(id=run.id).update(state="training", heartbeat_at=now)
    assert runs.runs_sweep() == 0
    TrainingRun.objects.filter(id=run.id).update(heartbeat_at=now - timedelta(minutes=5))
    assert runs.runs_sweep() == 1
    run.refresh_from_db()
    assert run.state == "failed"
    assert "was killed" in run.message


def test_the_sweep_hands_a_forgotten_run_to_the_worker_once(starter):
    run = runs.run_start(by="olga", enqueue=False)
    TrainingRun.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(hours=1))
    runs.runs_sweep()
    runs.runs_sweep()
    assert ProcrastinateJob.objects.filter(task_name=runs.RETRAIN_TASK, args={"run_id": str(run.id)}).count() == 1


def gone(pid):
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def test_a_process_on_the_leash_ends_when_its_owner_lets_go():
    owner = subprocess.Popen([*LEASH, "import time; time.sleep(600)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid = json.loads(owner.stdout.readline())["pid"]
    assert psutil.pid_exists(pid)
    owner.stdin.close()
    owner.wait(60)
    owner.stdout.close()
    assert gone(pid)


def test_the_leash_passes_on_how_the_process_ended():
    for code, status in (("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137), ("", 0)):
        with subprocess.Popen([*LEASH, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as leash:
            assert leash.wait(60) == status


def test_a_stopped_training_leaves_no_process(tmp_path):
    stop = []
    events = trainer.events(["starter", "--help"], log=tmp_path / "log", should_stop=lambda: bool(stop), environment={})
    pid = next(events)["pid"]
    stop.append(True)
    with pytest.raises((TrainingStopped, StopIteration)):
        next(events)
    events.close()
    assert gone(pid)


def test_a_failed_training_tells_the_end_of_its_log(tmp_path):
    with pytest.raises(TrainingFailed, match="it exited with 2"):
        list(trainer.events(["no-such-thing"], log=tmp_path / "log", should_stop=lambda: False, environment={}))
    assert "no-such-thing" in (tmp_path / "log").read_text()
