"""What comes next: when the schedule may start a run, what it waits for, and what another policy would mean."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from stickersnap.releases import selectors, tasks
from stickersnap.releases.doctor import forecast
from stickersnap.releases.doctor.checkup import Finding
from stickersnap.releases.models import RetrainPolicy


@dataclass(frozen=True)
class Schedule:
    """What the schedule sees at one moment.

    Attributes:
        at: the first moment at which it may start a run, by the clock alone; None while it is off.
        corrections: approved ones that no dataset version holds yet.
        lacking: how many more of them it waits for.
        unfinished: the last run failed with its dataset frozen: the next takes it up, and waits for no correction.
    """

    at: datetime | None
    corrections: int
    lacking: int
    unfinished: bool


def schedule(now: datetime) -> Schedule:
    """The schedule by the policy as it is."""
    policy = selectors.policy_or_default()
    new, unfinished = selectors.corrections_new(), selectors.run_unfinished() is not None
    lacking = 0 if unfinished else max(0, policy.corrections_minimum - new)
    return Schedule(at=next_start(policy, now), corrections=new, lacking=lacking, unfinished=unfinished)


def next_start(policy: RetrainPolicy, now: datetime) -> datetime | None:
    """The first moment from `now` (UTC) on at which the clock lets a scheduled run start; None while they are off."""
    if not policy.enabled:
        return None
    earliest = tasks.earliest(policy, now)
    moment = earliest.replace(minute=tasks.MINUTE, second=0, microsecond=0)
    if moment < earliest:
        moment += timedelta(hours=1)
    while policy.hour not in {None, moment.hour}:
        moment += timedelta(hours=1)
    return moment


def preview(policy: RetrainPolicy, now: datetime) -> list[Finding]:
    """What a run would find by this policy, as `forecast.forecast` says it of the present one. Nothing is written."""
    with transaction.atomic():
        found = [forecast.schedule(policy, now), forecast.base(policy), forecast.dataset(policy)]
        transaction.set_rollback(True)  # reading may keep what it computed: not now
    return [*found, forecast.budget(policy)]
