"""A large champion gets a small student, judged by a gate of its own, for CPUs and browsers."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from annotations.models import DatasetVersion
from segmentation import networks
from segmentation import weights as sets
from stickersnap.releases import selectors, services, serving
from stickersnap.releases.models import Deployment, RetrainPolicy, StudentDeployment, TrainingRun, Weights
from stickersnap.releases.rollout import students
from stickersnap.releases.runs import runs

pytestmark = pytest.mark.django_db


@pytest.fixture
def starter():
    RetrainPolicy.objects.create(heldout_minimum=4)
    return services.starter_deploy()


@pytest.fixture
def large(starter, monkeypatch):
    """A champion of a network too large for CPUs, by an operator's choice."""
    weights = Weights.objects.create(sha256="e" * 64, network="u2net", card={"golden": {}})
    monkeypatch.setattr("stickersnap.releases.gate.decisions.self_test", lambda folder: {"pictures": 3})
    return services.weights_use(weights=weights, by="olga")


@pytest.fixture
def taught(large, starter, finished_run):
    """A student's run that has trained."""

    def make(gain=0.1, seed=1, teacher=large.weights):
        run = finished_run(seed=seed, gain=gain, champion=starter.weights)
        run.kind, run.teacher = TrainingRun.Kind.STUDENT, teacher
        run.save()
        return run

    return make


def test_a_small_champion_needs_no_student(starter):
    assert students.student_follow() is None
    assert selectors.student_of(starter) is None


def test_a_large_champion_asks_for_one_once(large, starter):
    run = students.student_follow()
    assert (run.kind, run.network, run.teacher, run.base) == (
        "student",
        networks.SHIPPED,
        large.weights,
        starter.weights,
    )
    assert ProcrastinateJob.objects.filter(task_name=runs.RETRAIN_TASK, args={"run_id": str(run.id)}).exists()
    TrainingRun.objects.update(state="refused")
    assert students.student_follow() is None
    TrainingRun.objects.update(state="failed")
    assert students.student_follow() is None
    TrainingRun.objects.update(created_at=timezone.now() - students.AGAIN)
    assert students.student_follow() is not None


def test_it_waits_for_another_run_to_end(large):
    other = TrainingRun.objects.create(network="u2net", minutes=1, requested_by="olga")
    assert students.student_follow() is None
    TrainingRun.objects.filter(id=other.id).update(state="failed")
    assert students.student_follow() is not None


def test_its_training_is_told_the_teacher_and_the_present_student(large, starter, monkeypatch):
    run = runs._claim(students.student_follow().id)
    assert (run.champion, run.teacher) == (starter.weights, large.weights)
    run.dataset = DatasetVersion.objects.create(number=1, digest="d" * 64, dvc_text="")
    monkeypatch.setattr(runs, "_data", lambda run: "data")
    command, _, *rest = runs._arguments(run, services.run_folder(run), "")
    arguments = dict(zip(rest[::2], rest[1::2], strict=True))
    assert command == "distill"
    assert arguments["--teacher"].endswith(large.weights_id)
    assert arguments["--base"].endswith(starter.weights_id)


def test_a_champion_that_was_taken_back_meanwhile_teaches_nobody(large, starter):
    run = students.student_follow()
    services.rollback(by="olga")
    ended = runs.run_execute(run_id=run.id)
    assert ended.state == "failed"
    assert ended.message.startswith("The weights that serve now are small")
    assert students.student_follow() is None


def test_a_student_that_passes_serves_cpus_and_browsers_and_no_one_else(large, taught, settings, client):
    decision = services.promotion_decide(run=taught(), by="student")
    assert (decision.kind, decision.passed) == ("student", True)
    assert selectors.deployment_current() == large
    student = selectors.student_of(large)
    assert (student.weights, student.champion) == (decision.challenger, large.weights)
    assert serving.served_here(large) == decision
    assert serving.predictor_current().weights == student.weights_id
    current = client.get("/api/v1/weights/current/").json()
    assert (current["sha256"], current["student"]["sha256"]) == (large.weights_id, student.weights_id)
    settings.DEVICE = "cuda"
    assert serving.served_here(large) == large.decision


def test_a_student_that_does_not_pass_changes_nothing(large, taught, starter):
    decision = services.promotion_decide(run=taught(gain=-0.1), by="student")
    assert not decision.passed
    assert selectors.student_of(large) is None
    assert students.present() == starter.weights


def test_a_rollback_takes_the_student_with_it(large, taught, starter):
    services.promotion_decide(run=taught(), by="student")
    back = services.rollback(by="olga")
    assert back.weights == starter.weights
    assert selectors.student_of(back) is None
    assert serving.predictor_current().weights == starter.weights_id


def test_a_students_decision_makes_no_champion_and_a_gates_no_student(large, taught, starter):
    decision = services.promotion_decide(run=taught(), by="student")
    services.rollback(by="olga")
    with pytest.raises(IntegrityError), transaction.atomic():
        Deployment.objects.create(weights=decision.challenger, decision=decision, by="mallory")
    with pytest.raises(IntegrityError, match="no signed one on a student"), transaction.atomic():
        StudentDeployment.objects.create(
            weights=large.weights, decision=large.decision, champion=large.weights, by="mallory"
        )


def test_the_starter_is_the_first_to_be_beaten(large, starter):
    assert students.present() == starter.weights
    assert starter.weights_id == sets.digest(sets.starter_folder() / sets.WEIGHTS)
