"""The policy decides when a run is asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from annotations.models import DatasetVersion
from stickersnap.releases import selectors, services, tasks
from stickersnap.releases.models import RetrainPolicy, TrainingRun

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, 7, tzinfo=UTC)


@pytest.fixture
def corrections(monkeypatch):
    def there_are(number):
        monkeypatch.setattr(selectors, "corrections_new", lambda: number)

    there_are(20)
    return there_are


def reason(now=NOON, **policy):
    return tasks.not_now(RetrainPolicy(**{"enabled": True, **policy}), now)


def test_off_by_default(corrections):
    assert "is off" in tasks.not_now(RetrainPolicy(), NOON)


def test_enough_new_corrections_start_a_run(corrections):
    assert reason() == ""
    corrections(19)
    assert reason() == "19 new approved corrections, 20 needed."


def test_only_in_its_hour(corrections):
    assert reason(hour=12) == ""
    assert "Not the hour" in reason(hour=3)


def test_not_too_soon_after_the_last_scheduled_one(corrections):
    run = TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by=tasks.SCHEDULE, state="refused")
    for age, wanted in ((timedelta(hours=2), False), (timedelta(hours=24), True)):
        TrainingRun.objects.filter(id=run.id).update(created_at=NOON - age)
        assert (reason() == "") is wanted
    TrainingRun.objects.filter(id=run.id).update(created_at=NOON, requested_by="olga")
    assert reason() == ""


@pytest.fixture
def failed():
    """failed(age): the schedule's run of so long ago failed once its dataset was frozen."""
    dataset = DatasetVersion.objects.create(number=1, digest=f"{1:064x}", dvc_text="outs: []\n")

    def make(age: timedelta, state: str = "failed", **fields) -> TrainingRun:
        fields = {"requested_by": tasks.SCHEDULE, "dataset": dataset, **fields}
        run = TrainingRun.objects.create(network="basnet-small", minutes=1, state=state, **fields)
        TrainingRun.objects.filter(id=run.id).update(created_at=NOON - age)
        return run

    return make


def test_what_a_failed_run_was_to_learn_is_taken_up_without_waiting_for_more_corrections(corrections, failed):
    corrections(0)
    failed(timedelta(hours=2), dataset=None)
    assert "0 new approved corrections" in reason(), "what no version holds is still counted as new"
    unfinished = failed(timedelta(hours=1))
    assert reason() == ""
    failed(timedelta(minutes=30), kind="student", requested_by="student")
    assert reason() == ""
    TrainingRun.objects.filter(id=unfinished.id).update(state="refused")
    corrections(20)
    assert "less than 24 h old" in reason(), "what was judged is not tried again before its time"


def test_after_three_failures_it_waits_as_long_as_the_policy_says(corrections, failed):
    for hours in (3, 2):
        failed(timedelta(hours=hours))
        assert reason() == ""
    failed(timedelta(hours=1))
    assert "less than 24 h old" in reason()
    assert tasks.earliest(RetrainPolicy(), NOON) == NOON + timedelta(hours=22, minutes=30)
    assert reason(now=NOON + timedelta(hours=23)) == ""


def test_the_scheduled_job_asks_once_and_says_why_not(corrections):
    timestamp = int(NOON.timestamp())
    RetrainPolicy.objects.create(enabled=True)
    assert "no champion" in tasks.retrain_scheduled(timestamp)
    services.starter_deploy()
    tasks.retrain_scheduled(timestamp)
    assert TrainingRun.objects.get().requested_by == tasks.SCHEDULE
    TrainingRun.objects.update(created_at=NOON - timedelta(days=2))
    assert "under way" in tasks.retrain_scheduled(timestamp)


def test_every_task_is_known_to_the_worker():
    wanted = {"retrain", "retrain_scheduled", "runs_sweep", "stalled_jobs_retry", "alias_mirror", "alias_reconcile"}
    assert {f"stickersnap.releases.tasks.{name}" for name in wanted} <= set(app.tasks)
    periodic = {task.task.name.rsplit(".")[-1] for task in app.periodic_registry.periodic_tasks.values()}
    assert {"retrain_scheduled", "runs_sweep", "stalled_jobs_retry", "jobs_forget", "alias_reconcile"} <= periodic


@pytest.mark.django_db(transaction=True)
def test_a_killed_workers_job_is_taken_up_again_and_old_jobs_are_forgotten():
    job = app.configure_task("stickersnap.releases.tasks.alias_mirror").defer()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL WHERE id = %s", [job])
    assert async_to_sync(tasks.stalled_jobs_retry.func)(0) >= 1
    assert ProcrastinateJob.objects.get(id=job).status == "todo"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job])
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '8 days' WHERE job_id = %s", [job])
    async_to_sync(tasks.jobs_forget.func)(0)
    assert not ProcrastinateJob.objects.filter(id=job).exists()


def test_what_a_champion_learned_from_that_was_rolled_back_is_new_again_until_it_is_tried(finished_run, approve):
    services.starter_deploy()
    run = finished_run()
    correction = approve()
    item = run.dataset.items.first()
    run.dataset.items.filter(pk=item.pk).update(correction=correction.id, correction_version=correction.version)
    assert selectors.corrections_new() == 0
    services.promotion_decide(run=run, by="olga")
    TrainingRun.objects.update(state="promoted")
    assert selectors.corrections_new() == 0
    services.rollback(by="olga")
    assert selectors.corrections_new() == 1
    starter = selectors.deployment_current().weights
    again = {"dataset": run.dataset, "champion": starter, "base": starter}
    TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="olga", state="refused", **again)
    assert selectors.corrections_new() == 0
