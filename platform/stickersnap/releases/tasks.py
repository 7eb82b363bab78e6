"""What the worker does for releases. Every process imports this module at its start; nothing here loads torch."""

import uuid
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from stickersnap.releases import selectors
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import RetrainPolicy, TrainingRun
from stickersnap.releases.rollout import rollouts, shadow, students
from stickersnap.releases.runs import runs
from stickersnap.releases.weights import registry

SCHEDULE = "schedule"
MINUTE = 7
"""Of each hour: when the schedule asks."""
RETRIES = 3
"""How many scheduled runs may fail, one an hour, before the schedule waits as long as the policy says."""
JOBS_KEPT_HOURS = 24 * 7


@app.task(pass_context=True)
def retrain(context: JobContext, *, run_id: str) -> str:
    """Leads a queued run to its end; one that was taken up before is left alone."""
    return str(runs.run_execute(run_id=uuid.UUID(run_id), should_stop=context.should_abort).state)


@app.periodic(cron=f"{MINUTE} * * * *")
@app.task(queueing_lock="retrain_scheduled")
def retrain_scheduled(timestamp: int) -> str:
    """Asks for a run when the policy says so."""
    policy = selectors.policy()
    reason = not_now(policy, datetime.fromtimestamp(timestamp, UTC))
    if reason:
        return reason
    try:
        return str(runs.run_start(by=SCHEDULE))
    except ReleaseError as error:
        return str(error)


def not_now(policy: RetrainPolicy, now: datetime) -> str:
    """Why the policy wants no run at this moment; empty when it wants one."""
    if not policy.enabled:
        return "Scheduled retraining is off."
    if policy.hour is not None and policy.hour != now.hour:
        return f"Not the hour: {policy.hour}:00 UTC."
    if earliest(policy, now) > now:
        return f"The last scheduled run is less than {policy.interval_hours} h old."
    if selectors.rollout_under_way() is not None:
        return "The last challenger is still being tried."
    if selectors.run_unfinished() is not None:
        return ""
    new = selectors.corrections_new()
    if new < policy.corrections_minimum:
        return f"{new} new approved corrections, {policy.corrections_minimum} needed."
    return ""


def earliest(policy: RetrainPolicy, now: datetime) -> datetime:
    """From when on the pause between scheduled runs lets the next one start; `now` where it does already.

    Runs that failed are not waited for until there are RETRIES of them: a disk that was full has room by then.
    """
    recent = list(TrainingRun.objects.filter(requested_by=SCHEDULE, created_at__gt=now - pause(policy))[:RETRIES])
    if not recent or (len(recent) < RETRIES and all(run.state == TrainingRun.State.FAILED for run in recent)):
        return now
    return recent[0].created_at + pause(policy)


def pause(policy: RetrainPolicy) -> timedelta:
    """How long after a scheduled run the next may start: a little less than the policy says, so that a run which
    started some minutes late does not put off the next by an hour."""
    return timedelta(hours=policy.interval_hours) - timedelta(minutes=30)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="runs_sweep")
def runs_sweep(timestamp: int) -> int:
    """Says of runs whose worker was killed that they failed."""
    return runs.runs_sweep()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="rollouts_advance")
def rollouts_advance(timestamp: int) -> str:
    """Moves a challenger that is tried on to its next stage, or ends its trial."""
    return rollouts.rollouts_advance()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="shadow_answer")
def shadow_answer(timestamp: int) -> int:
    """Lets a challenger in shadow answer some live photos."""
    return shadow.shadow_answer()


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="student_follow")
def student_follow(timestamp: int) -> str | None:
    """Asks for a student of a large champion that has none."""
    run = students.student_follow()
    return str(run.pk) if run else None


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="stalled_jobs_retry")
async def stalled_jobs_retry(timestamp: int) -> int:
    """Gives the jobs of killed workers to living ones: every task of ours may run twice."""
    stalled = list(await app.job_manager.get_stalled_jobs())
    for job in stalled:
        await app.job_manager.retry_job(job, retry_at=timezone.now())
    return len(stalled)


@app.periodic(cron="37 3 * * *")
@app.task(queueing_lock="jobs_forget")
async def jobs_forget(timestamp: int) -> None:
    """Forgets jobs that ended a week ago: the queue's table does not grow for ever."""
    await app.job_manager.delete_old_jobs(
        nb_hours=JOBS_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


@app.task(retry=5)
def alias_mirror() -> str | None:
    """Points MLflow's alias `champion` at what serves."""
    return registry.alias_mirror()


@app.periodic(cron="*/15 * * * *")
@app.task(queueing_lock="alias_reconcile")
def alias_reconcile(timestamp: int) -> str | None:
    """Repairs the alias where MLflow was away, or someone moved it by hand."""
    return registry.alias_mirror()
