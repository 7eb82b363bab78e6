"""A run is asked for once, led to its end, and says what became of it."""

import json
import subprocess
import sys
import time
from datetime import timedelta

import psutil
import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from annotations.exceptions import DatasetError
from annotations.models import DatasetVersion
from segmentation import manifest, networks
from segmentation import weights as sets
from stickersnap.releases import leases, selectors, services
from stickersnap.releases.exceptions import (
    AlreadyRunning,
    NothingDeployed,
    RunLost,
    TrainingFailed,
    TrainingKilled,
    TrainingStopped,
)
from stickersnap.releases.models import PromotionDecision, RetrainPolicy, TrainingRun, Weights
from stickersnap.releases.runs import runs, trainer
from stickersnap.releases.weights import registry

LEASH = [sys.executable, "-m", "stickersnap.releases.runs.leash", sys.executable, "-c"]


@pytest.fixture
def starter(transactional_db):
    return services.starter_deploy()


@pytest.fixture
def frozen(monkeypatch, state):
    """A dataset version that needs no corrections; its folder is empty unless the test fills it."""

    def freeze(*, workspace):
        (workspace / "data").mkdir(parents=True, exist_ok=True)
        digest = manifest.write(workspace / "data", [], number=1, created="now").digest
        return DatasetVersion.objects.get_or_create(number=1, digest=digest, dvc_text="outs: []\n")[0]

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
    assert (run.state, run.minutes, run.network, run.requested_by) == ("queued", 7, networks.SHIPPED, "olga")
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
    trained(
        {"event": "process", "pid": 1234},
        {"event": "start", "mlflow_run_id": "m1"},
        {"event": "epoch", "epoch": 1, "epochs": 2, "train_loss": 2.0, "val_iou": 0.5},
        {"event": "epoch", "epoch": 2, "epochs": 2, "train_loss": 1.0, "val_iou": 0.75},
        {"event": "done"},
        effect=judged(starter.weights_id, other_weights),
    )
    run, lines = execute(runs.run_start(by="olga", enqueue=False))
    assert run.state == "refused"
    assert "Too few held-out photos: 0" in run.message
    assert [point["val_iou"] for point in run.metrics] == [0.5, 0.75]
    assert (run.mlflow_run_id, run.pid, run.champion_id) == ("m1", None, starter.weights_id)
    assert run.decision.challenger.run == run
    assert "Epoch 2 of 2: train loss 1.0000, val iou 0.7500" in lines
    assert not (services.run_folder(run) / "checkpoint.pt").exists(), "the largest file goes once there is a verdict"
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
    assert run.message.count("has no training pictures") == 1


def test_a_run_given_up_elsewhere_is_not_written_on(starter, frozen, trained):
    run = runs.run_start(by="olga", enqueue=False)

    def give_up(folder):
        TrainingRun.objects.filter(id=run.id).update(state="failed", message="Swept.")

    trained(EPOCH, effect=give_up)
    ended, _ = execute(run)
    assert (ended.state, ended.message) == ("failed", "Swept.")


EPOCH = {"event": "epoch", "epoch": 1, "epochs": 1, "train_loss": 1.0, "val_iou": 0.1}


def judged(champion, other_weights):
    """What a training leaves behind: weights, and an evaluation on no picture at all."""

    def leave(folder):
        evaluation = {"champion": {"sha256": champion}, "challenger": {"sha256": "b" * 64}, "images": []}
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        (folder / "checkpoint.pt").write_bytes(b"large")
        (folder / "weights").mkdir(exist_ok=True)
        for name in (sets.WEIGHTS, sets.CARD):
            (folder / "weights" / name).write_bytes((other_weights(1) / name).read_bytes())

    return leave


def expire(run):
    TrainingRun.objects.filter(id=run.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_holder_that_was_taken_for_dead_writes_nothing_more(starter, frozen, trained, other_weights, monkeypatch):
    """It wakes up after another took the run over, with weights in hand: neither they nor a decision get in."""
    run = runs.run_start(by="olga", enqueue=False)
    leave, taken_over = judged(starter.weights_id, other_weights), {}

    def sleep_too_long(folder):
        leave(folder)
        expire(run)
        assert runs.runs_sweep() == 1
        taken_over["by"] = leases.claim(run.id)

    trained(EPOCH, effect=sleep_too_long)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 600)
    stale = []
    monkeypatch.setattr(runs, "_claim", lambda run_id, claim=runs._claim: stale.append(claim(run_id)) or stale[0])
    ended, lines = execute(run)
    newest = taken_over["by"]
    assert (ended.state, ended.token, ended.attempts) == ("freezing", newest.token, 2)
    assert newest.token > stale[0].token
    assert any("given up from elsewhere" in line for line in lines)

    TrainingRun.objects.filter(id=run.id).update(state="deciding")
    with pytest.raises(RunLost):
        services.promotion_decide(run=stale[0], by="olga")
    assert not Weights.objects.filter(run=run).exists()
    assert not PromotionDecision.objects.filter(run=run).exists()
    newest.refresh_from_db()
    assert services.promotion_decide(run=newest, by="olga").token == newest.token


def test_raw_sql_with_a_stale_token_is_refused_too(starter, finished_run):
    run = finished_run()
    columns = "kind, passed, reason, evidence, champion_id, challenger_id, run_id, token, by, created_at"
    for token in (None, run.token - 1, run.token + 1):
        with pytest.raises(IntegrityError, match="stale"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO releases_promotiondecision ({columns}) "
                "VALUES ('gate', false, 'so', '{}', %s, %s, %s, %s, '', now())",
                [starter.weights_id, starter.weights_id, run.id, token],
            )
    with pytest.raises(IntegrityError, match="only grows"):
        TrainingRun.objects.filter(id=run.id).update(token=run.token - 1)


def test_a_database_that_goes_away_for_a_moment_stops_nothing(starter, frozen, trained, other_weights):
    run = runs.run_start(by="olga", enqueue=False)
    leave = judged(starter.weights_id, other_weights)

    def cut(folder):
        leave(folder)
        with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None}) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])

    trained(EPOCH, effect=cut)
    ended, _ = execute(run)
    assert ended.state == "refused"


def test_the_sweep_lets_dead_runs_be_taken_up_again_three_times_and_leaves_living_ones(starter):
    run = runs.run_start(by="olga", enqueue=False)
    for attempt in (1, 2, 3):
        assert leases.claim(run.id).attempts == attempt
        assert runs.runs_sweep() == 0
        expire(run)
        assert runs.runs_sweep() == 1
        run.refresh_from_db()
        assert "was killed" in run.message
        if attempt < 3:
            assert run.state == "queued"
            assert "from its checkpoint" in run.message
            assert ProcrastinateJob.objects.filter(task_name=runs.RETRAIN_TASK, args={"run_id": str(run.id)}).exists()
    assert run.state == "failed"
    assert "attempt 3 of 3" in run.message
    assert "The champion keeps serving" in run.message


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(TrainingStopped(), 0), (TrainingKilled("It was killed."), 1), (OperationalError("Gone."), 1)],
)
def test_what_may_pass_hands_the_run_back_to_go_on_from_its_checkpoint(starter, frozen, trained, error, attempts):
    trained(EPOCH, error=error)
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    assert (run.state, run.attempts, run.pid) == ("queued", attempts, None)
    assert str(error) in run.message
    assert ProcrastinateJob.objects.filter(task_name=runs.RETRAIN_TASK, args={"run_id": str(run.id)}).exists()
    assert selectors.deployment_current() == starter


def test_a_run_taken_up_again_resumes_on_the_same_dataset_and_keeps_its_curve(starter, frozen, trained, monkeypatch):
    asked = []
    trained(EPOCH, {**EPOCH, "epoch": 2}, error=TrainingStopped())
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    (services.run_folder(run) / "checkpoint.pt").write_bytes(b"epoch 1")
    freeze, frozen_for = runs.dataset_freeze, []
    monkeypatch.setattr(
        runs, "dataset_freeze", lambda *, workspace: frozen_for.append(1) or freeze(workspace=workspace)
    )

    def play(arguments, *, log, should_stop, environment):
        asked.append(arguments)
        yield {"event": "start", "epoch": 1}
        yield {**EPOCH, "epoch": 2, "val_iou": 0.7}
        raise TrainingFailed("Enough.")

    monkeypatch.setattr(trainer, "events", play)
    run, _ = execute(run)
    assert [(point["epoch"], point["val_iou"]) for point in run.metrics] == [(1, 0.1), (2, 0.7)]
    assert "--resume" in asked[0]
    assert (run.state, frozen_for) == ("failed", [])

    again, _ = execute(runs.run_start(by="olga", enqueue=False))
    assert (services.run_folder(again) / "checkpoint.pt").read_bytes() == b"epoch 1", "a later start goes on from there"


def test_a_checkpoint_that_can_not_be_used_is_left_for_a_new_beginning(starter, frozen, trained, monkeypatch):
    trained(error=TrainingStopped())
    run, _ = execute(runs.run_start(by="olga", enqueue=False))
    checkpoint = services.run_folder(run) / "checkpoint.pt"
    checkpoint.write_bytes(b"torn")
    there = []

    def play(arguments, *, log, should_stop, environment):
        there.append(checkpoint.exists())
        raise TrainingFailed("No.")
        yield

    monkeypatch.setattr(trainer, "events", play)
    run, _ = execute(run)
    assert (there, run.state) == ([True, False], "failed")


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
