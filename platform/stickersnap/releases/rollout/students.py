"""A small student follows a large champion: trained on what the champion sees, judged by a gate of its own."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from segmentation import networks
from segmentation import weights as sets
from stickersnap.releases import leases, selectors, signing
from stickersnap.releases.models import PromotionDecision, StudentDeployment, TrainingRun, Weights
from stickersnap.releases.weights.store import weights_register

BY = "student"
AGAIN = timedelta(days=1)


def student_follow() -> TrainingRun | None:
    """Asks for a student of the champion where it is large and none was tried yet; called every minute.

    What its gate refused would be refused again; one that failed is tried again a day later. It waits for other runs to
    end.
    """
    deployment = selectors.deployment_current()
    if deployment is None or not wants_student(deployment.weights):
        return None
    tried = TrainingRun.objects.filter(kind=TrainingRun.Kind.STUDENT, teacher=deployment.weights)
    if tried.exclude(state=TrainingRun.State.FAILED, created_at__lt=timezone.now() - AGAIN).exists():
        return None
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                kind=TrainingRun.Kind.STUDENT,
                network=networks.SHIPPED,
                teacher=deployment.weights,
                base=present(),
                minutes=selectors.policy().minutes,
                requested_by=BY,
            )
            leases.enqueue(run)
    except IntegrityError:
        return None  # another run is under way: the next minute asks again
    return run


def wants_student(champion: Weights) -> bool:
    """Whether CPUs and browsers are better served by a student, and these weights can teach one."""
    return not networks.is_light(champion.network) and champion.card.get("format") != "onnx"


def present() -> Weights:
    """The student to be beaten: the one that serves, else the newest small champion, else the shipped weights."""
    deployment = selectors.deployment_current()
    serving = selectors.student_of(deployment) if deployment else None
    if serving:
        return serving.weights
    for standing in reversed(selectors.deployments_standing()):
        if standing.weights.network == networks.SHIPPED:
            return standing.weights
    return shipped()


def shipped() -> Weights:
    """The shipped weights, registered where they are not yet: that reads their files."""
    folder = sets.starter_folder()
    known = Weights.objects.filter(sha256=sets.read_card(folder)["sha256"]).first()
    return known or weights_register(folder=folder)


def student_deploy(decision: PromotionDecision, by: str) -> StudentDeployment:
    """Makes a student that passed serve CPUs and browsers. Within the transaction of its decision.

    Raises NotSigned for a decision that this installation did not write.
    """
    signing.check(decision)
    assert decision.run is not None
    assert decision.run.teacher is not None
    return signing.signed(
        StudentDeployment.objects.create(
            weights=decision.challenger, decision=decision, champion=decision.run.teacher, by=by
        )
    )
