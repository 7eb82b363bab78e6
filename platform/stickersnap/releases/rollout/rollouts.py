"""Every write of rollouts: shadow → canary → full. Nobody but `deployments.deploy` makes weights serve everyone."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from stickersnap.releases import selectors, signing
from stickersnap.releases.deployments import deploy, deployments_locked
from stickersnap.releases.exceptions import NotApproved, NotSigned, RolloutOver
from stickersnap.releases.models import Approval, Deployment, PromotionDecision, Rollout
from stickersnap.releases.rollout import canary

Stage = Rollout.Stage
SUPERSEDED = "Other weights were let through meanwhile."
NOT_OURS = "It was not signed by this installation: nobody is served by it."


def begin(decision: PromotionDecision, by: str) -> Deployment | None:
    """Sets what passed on its way, as the policy says; answers its deployment where that is at once.

    Within the transaction in which `deployments_locked` was called. What waits for approval gets no further than the
    shadow.
    """
    policy = selectors.policy()
    for other in Rollout.objects.filter(stage__in=Rollout.UNDER_WAY):
        _end(other, SUPERSEDED)
    if not policy.shadow_share and not policy.canary_share:
        return None if waits(decision) else deploy(decision, by)
    if not policy.shadow_share and waits(decision):
        return None
    rollout = Rollout(
        decision=decision,
        weights=decision.challenger,
        stage=Stage.SHADOW,
        stage_at=timezone.now(),
        shadow_share=policy.shadow_share,
        shadow_hours=policy.shadow_hours,
        canary_share=policy.canary_share,
        canary_hours=policy.canary_hours,
        by=by,
    )
    if not policy.shadow_share:
        rollout.stage = Stage.CANARY
    _write(rollout)
    return None


def approved(decision: PromotionDecision, by: str) -> Deployment | None:
    """What waited goes on: to its canary, where there is one, else to everyone. Within such a transaction, too."""
    rollout = Rollout.objects.filter(decision=decision, stage=Stage.SHADOW).first()
    if rollout is not None and not signing.verifies(rollout):
        raise NotSigned(NOT_OURS)
    if rollout is None:
        return begin(decision, by)
    return _next(rollout, by)


def waits(decision: PromotionDecision) -> bool:
    """Whether an operator's word on it is still to come."""
    given = Approval.objects.filter(decision=decision, approved=True).first()
    return decision.approval_needed and not (given and signing.verifies(given))


def rollouts_advance() -> str:
    """Moves the rollout under way on, or ends it, if it is time; says what was done. Called every minute."""
    with transaction.atomic():
        deployments_locked()
        rollout = selectors.rollout_under_way()
        if rollout is None:
            return ""
        if not signing.verifies(rollout):
            return _end(rollout, NOT_OURS)
        current = selectors.deployment_current()
        if current is None or rollout.decision.champion_id != current.weights_id:
            return _end(rollout, "Other weights were deployed meanwhile.")
        if _declined(rollout.decision):
            return _end(rollout, "An operator declined it.")
        if rollout.stage == Stage.SHADOW:
            return _shadow(rollout)
        return _canary(rollout)


def rollout_end(*, rollout: Rollout, by: str) -> Rollout:
    """An operator stops a rollout; the champion serves everyone. Raises RolloutOver."""
    with transaction.atomic():
        deployments_locked()
        rollout.refresh_from_db()
        if rollout.stage not in Rollout.UNDER_WAY:
            raise RolloutOver
        _end(rollout, f"{by} ended it.")
    return rollout


def rollout_next(*, rollout: Rollout, by: str) -> Rollout:
    """An operator moves a rollout to its next stage before its time. Raises RolloutOver, NotApproved, NotSigned."""
    with transaction.atomic():
        deployments_locked()
        rollout.refresh_from_db()
        current = selectors.deployment_current()
        if rollout.stage not in Rollout.UNDER_WAY or not current or rollout.decision.champion_id != current.weights_id:
            raise RolloutOver
        if not signing.verifies(rollout):
            raise NotSigned(NOT_OURS)
        if waits(rollout.decision):
            raise NotApproved
        _next(rollout, by)
    return rollout


def _shadow(rollout: Rollout) -> str:
    failed = rollout.answers.exclude(problem="").first()
    if failed is not None:
        return _end(rollout, f"It could not answer every photo: {failed.problem}")
    if timezone.now() < rollout.stage_at + timedelta(hours=rollout.shadow_hours) or waits(rollout.decision):
        return ""
    _next(rollout, rollout.by)
    return str(rollout)


def _canary(rollout: Rollout) -> str:
    figures = canary.look(rollout)
    rollout.figures = figures.as_dict()
    rollout.save(update_fields=["figures"])
    said = canary.describe(figures)
    if figures.worse:
        return _end(rollout, f"People correct it more often than the champion: {said} The champion serves everyone.")
    if timezone.now() < rollout.stage_at + timedelta(hours=rollout.canary_hours):
        return ""
    _next(rollout, rollout.by, said)
    return str(rollout)


def _next(rollout: Rollout, by: str, message: str = "") -> Deployment | None:
    rollout.stage_at, rollout.message = timezone.now(), message
    if rollout.stage == Stage.SHADOW and rollout.canary_share:
        rollout.stage = Stage.CANARY
        _write(rollout)
        return None
    rollout.stage, rollout.ended_at = Stage.FULL, rollout.stage_at
    deployment = deploy(rollout.decision, by)
    _write(rollout)
    return deployment


def _end(rollout: Rollout, message: str) -> str:
    rollout.stage, rollout.message, rollout.ended_at = Stage.ENDED, message, timezone.now()
    _write(rollout)
    return message


def _write(rollout: Rollout) -> None:
    rollout.signature = signing.signature_of(rollout)
    rollout.save()


def _declined(decision: PromotionDecision) -> bool:
    return Approval.objects.filter(decision=decision, approved=False).exists()
