"""What a training started now would find, without starting it: `manage.py retrain --dry-run`. Nothing is written."""

from collections import Counter
from datetime import datetime

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotations.datasets import gathering
from annotations.trust import suspicion, trust
from segmentation import backends
from segmentation import weights as sets
from stickersnap.releases import selectors, tasks
from stickersnap.releases.doctor import checkup
from stickersnap.releases.doctor.checkup import Finding, Health
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.gate import gate, holdout
from stickersnap.releases.models import RetrainPolicy, TrainingRun
from stickersnap.releases.runs import runs
from stickersnap.releases.weights import registry
from stickersnap.releases.weights.store import weights_folder

VISIBLE = {20: 14.0, 40: 6.3, 60: 3.8, 100: 2.2, 250: 1.0}
"""By held-out groups, the gain in points of mean IoU that the gate sees in 95 % of cases (docs/gate.md)."""


def forecast(now: datetime | None = None) -> list[Finding]:
    """Findings in the order of a run; what is ILL stands in its way, a NOTE is worth knowing."""
    policy = selectors.policy_or_default()
    with transaction.atomic():
        found = [schedule(policy, now or timezone.now()), under_way(), base(policy), dataset(policy), outliers()]
        transaction.set_rollback(True)  # reading trust may keep what it computed: not now
    return [*found, budget(policy), afterwards(policy), device(), checkup.disk(), checkup.remote(), tracking()]


def schedule(policy: RetrainPolicy, now: datetime) -> Finding:
    """What the schedule would say; a run asked for by hand does not ask it."""
    why_not = tasks.not_now(policy, now)
    new = f"{several(selectors.corrections_new(), 'new approved correction')} since the last version."
    if selectors.run_unfinished() is not None:
        new += " The last run failed; the next takes up what it was to learn."
    if why_not:
        return Finding("schedule", Health.NOTE, f"Would not start a run now. {why_not} {new}")
    return Finding("schedule", Health.WELL, f"Would start a run now. {new}")


def under_way() -> Finding:
    """At most one run at a time."""
    run = selectors.run_active()
    if run is not None:
        return Finding("runs", Health.ILL, f"Run {run.pk} is {run.state}. Wait until it has ended.")
    last = selectors.runs().first()
    if last is None:
        return Finding("runs", Health.WELL, "None so far.")
    word = last.message.splitlines()[0] if last.message else ""
    failed = last.state == TrainingRun.State.FAILED
    said = f"The last, of {last.created_at:%Y-%m-%d %H:%M} UTC: {last.state}. {word}".strip()
    return Finding("runs", Health.NOTE if failed else Health.WELL, said)


def base(policy: RetrainPolicy) -> Finding:
    """The champion, and the weights a run would start from."""
    try:
        champion = runs.champion_now()
        start = runs.base_of(policy.network, champion)
        sets.inspect(weights_folder(start.sha256))
    except (ReleaseError, sets.WeightsError) as error:
        return Finding("weights", Health.ILL, str(error))
    said = f"Champion {champion}."
    return Finding("weights", Health.WELL, said if start == champion else f"{said} Training starts from {start}.")


def dataset(policy: RetrainPolicy) -> Finding:
    """What the next version would hold on each side of the split, and whether that is enough to judge by."""
    gathered = gathering.gather()
    looked, limit = holdout.looks(), gate.Rules.looks
    groups = {entry.sample.group for entry in gathered.entries if entry.sample.split == "holdout"}
    proving = {group for group in groups if not gate.retired(group, looked, limit)}
    count = Counter(entry.sample.split for entry in gathered.entries)
    worn = f", {len(groups) - len(proving)} more that were asked too often" if groups != proving else ""
    said = (
        f"{several(count['train'], 'correction')} to train on, {count['holdout']} held out in "
        f"{several(len(proving), 'group')} of near-duplicates ({policy.heldout_minimum} needed{worn}), "
        f"{several(count['unlabelled'], 'photo')} without correction, {len(gathered.left_out)} left out."
    )
    if not count["train"]:
        return Finding("dataset", Health.ILL, f"{said} There is nothing to learn from: approve corrections first.")
    if len(proving) < policy.heldout_minimum:
        return Finding("dataset", Health.ILL, f"{said} Nothing could be promoted: approve more corrections.")
    return Finding("dataset", Health.WELL, f"{said} {visible_gain(len(proving))}")


def several(number: int, one: str) -> str:
    """How many of something: `1 photo`, `2 photos`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def visible_gain(groups: int) -> str:
    """How large a gain must be to be seen with so many held-out groups, from measurements: linear in logarithms."""
    measured = np.log(list(VISIBLE)), np.log(list(VISIBLE.values()))
    if groups < min(VISIBLE):
        return "With so few only a very large gain is seen for certain."
    points = float(np.exp(np.interp(np.log(groups), *measured)))
    return f"A gain of about {points:.2g} points of IoU is seen with so many; a smaller one may be missed."


def outliers() -> Finding:
    """People whose corrections count less than others'."""
    doubted = [person for person in trust.trust_list() if person.score < suspicion.DOUBTED]
    if doubted:
        worst = f"worst {str(doubted[0].author)[:8]} with {doubted[0].score:.2f}"
        people = "One person stands" if len(doubted) == 1 else f"{len(doubted)} people stand"
        return Finding("trust", Health.NOTE, f"{people} out ({worst}). Look at the trust list.")
    return Finding("trust", Health.WELL, "Nobody stands out.")


def budget(policy: RetrainPolicy) -> Finding:
    """How long it would take, by the policy and by what the last runs took."""
    done = TrainingRun.objects.filter(started_at__isnull=False, finished_at__isnull=False, dataset__isnull=False)
    took = [(run.finished_at - run.started_at).total_seconds() / 60 for run in done[:5]]  # type: ignore[operator]
    before = f"; the last {len(took)} took {sum(took) / len(took):.1f} min as a whole" if took else ""
    return Finding("budget", Health.WELL, f"At most {policy.minutes:g} min of training, then the comparison{before}.")


def afterwards(policy: RetrainPolicy) -> Finding:
    """What becomes of a challenger that passes the gate."""
    steps = []
    if policy.shadow_share:
        steps.append(f"answers {policy.shadow_share:.0%} of live photos silently for {policy.shadow_hours:g} h")
    if policy.manual_approval:
        steps.append("waits for an operator's approval")
    if policy.canary_share:
        steps.append(f"serves {policy.canary_share:.0%} of people for {policy.canary_hours:g} h")
    return Finding("afterwards", Health.WELL, f"What passes the gate {', then '.join([*steps, 'serves everyone'])}.")


def device() -> Finding:
    """What it would train on."""
    driver = backends.gpu_driver()
    if settings.DEVICE == "cuda" and not driver:
        return Finding("device", Health.ILL, "A GPU is asked for (STICKERSNAP_DEVICE=cuda), none is here.")
    used = "a GPU" if driver and settings.DEVICE != "cpu" else f"{settings.CORES} cores"
    return Finding("device", Health.WELL, f"Trains on {used}.")


def tracking() -> Finding:
    """Whether the run would be tracked; it goes on without."""
    try:
        said = registry.reach()
    except registry.unavailable() as error:
        first = (str(error).strip().splitlines() or [""])[0]
        return Finding("MLflow", Health.NOTE, f"Can't be had: {first} Training would go on without it.")
    return Finding("MLflow", Health.WELL, said)
