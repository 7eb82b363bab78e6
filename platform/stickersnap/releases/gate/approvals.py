"""Where the policy asks for it, what passed the gate waits for an operator's word. Every write of that word."""

from django.db import transaction

from stickersnap.releases import selectors, signing
from stickersnap.releases.deployments import deployments_locked
from stickersnap.releases.exceptions import NoApprovalNeeded, StaleDecision
from stickersnap.releases.models import Approval, Deployment, PromotionDecision, TrainingRun
from stickersnap.releases.rollout import rollouts

State = TrainingRun.State


def decision_approve(*, decision: PromotionDecision, by: str, comment: str = "") -> Deployment | None:
    """Deploys what waited, or begins its canary where the policy wants one (see `rollouts`).

    Raises NoApprovalNeeded, NotSigned, StaleDecision when another champion serves by now.
    """
    with transaction.atomic():
        deployments_locked()
        _refuse_settled(decision)
        current = selectors.deployment_current()
        if decision.champion_id != (current.weights_id if current else None):
            raise StaleDecision
        signing.check(decision)
        signing.signed(Approval.objects.create(decision=decision, approved=True, by=by, comment=comment))
        deployment = rollouts.approved(decision, by)
        _run_settle(decision, State.PROMOTED, f"{decision.reason}\nApproved by {by}.")
    return deployment


def decision_decline(*, decision: PromotionDecision, by: str, comment: str = "") -> Approval:
    """What waited never serves. Raises NoApprovalNeeded."""
    with transaction.atomic():
        deployments_locked()
        _refuse_settled(decision)
        approval = signing.signed(Approval.objects.create(decision=decision, approved=False, by=by, comment=comment))
        said = f"{decision.reason}\nDeclined by {by}{': ' + comment if comment else '.'}"
        _run_settle(decision, State.REFUSED, said)
    return approval


def _refuse_settled(decision: PromotionDecision) -> None:
    if not (decision.passed and decision.approval_needed) or Approval.objects.filter(decision=decision).exists():
        raise NoApprovalNeeded


def _run_settle(decision: PromotionDecision, state: str, message: str) -> None:
    if decision.run is None:
        return
    waiting = TrainingRun.objects.filter(pk=decision.run.pk, state=State.WAITING)
    waiting.update(state=state, message=message)
