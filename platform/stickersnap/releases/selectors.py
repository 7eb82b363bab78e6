"""Every read of weights, runs, decisions and deployments."""

from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from annotations.datasets import versions
from annotations.models import DatasetItem, Photo
from segmentation import networks
from stickersnap.releases import verification
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import (
    Deployment,
    PromotionDecision,
    RetrainPolicy,
    Rollout,
    StudentDeployment,
    TrainingRun,
    Weights,
)

"""The network that CPUs and browsers can carry: what is larger wants a student of this kind."""


def deployment_current() -> Deployment | None:
    """The deployment that serves: the newest rightful one."""
    return verification.chain().current


def deployments() -> QuerySet[Deployment]:
    """Newest first, each with its weights and its decision."""
    return Deployment.objects.select_related("weights", "decision")


def deployments_standing() -> list[Deployment]:
    """Those that were not taken back, oldest first: the last one serves, the one before is what a rollback goes to."""
    return verification.chain().standing


def best_before() -> dict[str, float]:
    """Best IoU that any weights that ever served reached on each held-out photo (by sha256), as decisions recorded."""
    best: dict[str, float] = {}
    for decision in PromotionDecision.objects.filter(kind=PromotionDecision.Kind.GATE, passed=True):
        for image in decision.evidence.get("images", []):
            served = max(image["champion_iou"], image["challenger_iou"])
            best[image["image_sha256"]] = max(served, best.get(image["image_sha256"], 0.0))
    return best


def runs() -> QuerySet[TrainingRun]:
    """Newest first, each with decision and weights, and how many `samples` its dataset has, `heldout` and `unlabelled`
    among them."""
    items = DatasetItem.objects.filter(dataset=OuterRef("dataset")).order_by().values("dataset")
    counted = items.annotate(count=Count("*")).values("count")
    return (
        TrainingRun.objects.select_related("decision__approval")
        .prefetch_related("weights")
        .annotate(samples=Subquery(counted))
        .annotate(heldout=Subquery(counted.filter(split=DatasetItem.Split.HOLDOUT)))
        .annotate(unlabelled=Subquery(counted.filter(split=DatasetItem.Split.UNLABELLED)))
    )


def rollout_under_way() -> Rollout | None:
    """The one rollout in shadow or canary."""
    under_way = Rollout.objects.filter(stage__in=Rollout.UNDER_WAY)
    return under_way.select_related("decision", "weights").first()


def canary_current() -> Rollout | None:
    """The rollout whose challenger serves some people, as long as it may (see `verification.permit`)."""
    rollout = rollout_under_way()
    if rollout is None or rollout.stage != Rollout.Stage.CANARY or refusal(rollout):
        return None
    return rollout


def unrightful() -> list[str]:
    """What would make weights serve and may not, a sentence each; why something else serves."""
    problem = verification.chain().problem
    found = [problem] if problem else []
    rollout = rollout_under_way()
    if rollout is not None and (why := refusal(rollout)):
        found.append(f"Rollout {str(rollout.pk)[:8]} serves nobody: {why}")
    current = deployment_current()
    newest = StudentDeployment.objects.filter(champion=current.weights_id).first() if current else None
    if newest is not None and (why := refusal(newest)):
        found.append(f"Student {newest.pk} is not served: {why}")
    return found


def refusal(row: Deployment | Rollout | StudentDeployment) -> str:
    """Why a row's weights may not be loaded now; empty where they may."""
    try:
        verification.permit(row)
    except ReleaseError as error:
        return str(error)
    return ""


def student_of(deployment: Deployment) -> StudentDeployment | None:
    """The small network that follows a large champion: its own, else that of the champion before it."""
    if networks.is_light(deployment.weights.network):
        return None
    followed = StudentDeployment.objects.select_related("weights", "decision")
    for standing in reversed(deployments_standing()):
        if standing.pk > deployment.pk:
            continue
        for found in followed.filter(champion=standing.weights_id):
            if not refusal(found):
                return found
    return None


def may_be_shown(run: TrainingRun, image_sha256: str) -> bool:
    """Whether a photo of a run's dataset, named by the first characters of its digest or all of them, was not deleted
    and its owner still lets it be learned from."""
    items = DatasetItem.objects.filter(dataset=run.dataset, image_sha256__startswith=image_sha256)
    return Photo.objects.filter(id__in=items.values("photo"), consented_at__isnull=False).exists()


def corrections_new() -> int:
    """How many approved corrections the next run would be the first to learn from.

    What only weights that were rolled back learned from is new again, until a run has tried it once more.
    """
    return versions.corrections_new(without=_taken_back())


def _taken_back() -> set[int]:
    """The dataset versions that only runs saw whose weights, or whose champion, were rolled back and do not stand."""
    standing = {row.weights_id for row in verification.chain().standing}
    rollbacks = Deployment.objects.filter(rollback_of__isnull=False)
    back = set(rollbacks.values_list("rollback_of__weights", flat=True)) - standing
    runs = TrainingRun.objects.filter(kind=TrainingRun.Kind.CHAMPION, dataset__isnull=False)
    lost = dict(runs.filter(Q(weights__in=back) | Q(champion__in=back)).values_list("id", "dataset"))
    kept = runs.exclude(id__in=lost).values_list("dataset", flat=True)
    return {version for version in lost.values() if version is not None} - set(kept)


def run_active() -> TrainingRun | None:
    """The one run that is queued or at work."""
    return TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE).first()


def run_unfinished() -> TrainingRun | None:
    """The last run, if it failed once its dataset was frozen: no version will hold those corrections as new again."""
    last = TrainingRun.objects.filter(kind=TrainingRun.Kind.CHAMPION).first()
    return last if last and last.state == TrainingRun.State.FAILED and last.dataset_id is not None else None


def policy() -> RetrainPolicy:
    """The one row, made with its defaults where there is none."""
    return RetrainPolicy.objects.get_or_create(id=1)[0]


def policy_or_default() -> RetrainPolicy:
    """The one row, or its defaults, unsaved: asking changes nothing."""
    return RetrainPolicy.objects.filter(id=1).first() or RetrainPolicy()


def weights_trained_on(dataset_numbers: list[int]) -> list[str]:
    """sha256 of all weights that learned from these dataset versions, themselves or through those they started from."""
    found: set[str] = set(Weights.objects.filter(run__dataset__in=dataset_numbers).values_list("sha256", flat=True))
    newest = found
    while newest:
        from_these = Q(run__base__in=newest) | Q(run__teacher__in=newest)
        heirs = Weights.objects.filter(from_these).values_list("sha256", flat=True)
        newest = set(heirs) - found
        found |= newest
    return sorted(found)


def figures(weights: Weights) -> dict[str, float]:
    """How good the weights were when they were let in: on held-out photos, else as their card says."""
    judged = PromotionDecision.objects.filter(challenger=weights, passed=True, evidence__has_key="challenger")
    decision = judged.order_by("-id").first()
    found = decision.evidence.get("challenger") if decision else None
    found = found or _on_photos_never_chosen_by(weights.card.get("figures") or {})
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _on_photos_never_chosen_by(figures: dict[str, Any]) -> dict[str, Any]:
    """Of a card's figures, one object per set of photos, those of a set that was not used to choose between runs."""
    return next((values for name, values in figures.items() if name != "validation"), figures.get("validation", {}))
