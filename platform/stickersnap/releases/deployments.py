"""Every write of deployments: whoever decided, only this makes weights serve."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from segmentation import backends
from segmentation import weights as sets
from segmentation.predictor import BackendPredictor
from segmentation.weights import golden
from stickersnap.releases import selectors, signing, verification
from stickersnap.releases.exceptions import NothingToRollBack, NotPassed, StaleDecision
from stickersnap.releases.models import Deployment, Disowned, PromotionDecision
from stickersnap.releases.queue import defer

DEPLOYMENT_LOCK = 0x44_45_50_4C  # who deploys decides alone what is current


def deployment_create(*, decision: PromotionDecision, by: str) -> Deployment:
    """Deploys what a decision let through. Raises NotPassed, and StaleDecision when another champion serves by now."""
    if not decision.passed:
        raise NotPassed
    with transaction.atomic():
        deployments_locked()
        current = selectors.deployment_current()
        if decision.champion_id != (current.weights_id if current else None):
            raise StaleDecision
        return deploy(decision, by)


def rollback(*, by: str) -> Deployment:
    """Goes back to the weights that served before the present ones, by their own passing decision.

    Where a newer deployment may not serve, and therefore does not, that is what is taken back: what serves goes on.
    Raises NothingToRollBack when the first weights serve.
    """
    with transaction.atomic():
        deployments_locked()
        chain = verification.chain()
        standing = chain.standing
        if standing and chain.problem:
            unrightful = Deployment.objects.get(pk=max(chain.refused))
            return deploy(standing[-1].decision, by, rollback_of=unrightful)
        if len(standing) < 2:
            raise NothingToRollBack
        before, taken_back = standing[-2:]
        return deploy(before.decision, by, rollback_of=taken_back)


def deploy(decision: PromotionDecision, by: str, rollback_of: Deployment | None = None) -> Deployment:
    """Makes what a decision let through serve. Within the transaction in which `deployments_locked` was called.

    Raises NotSigned for a decision that this installation did not write, NotApproved for one that waits, NotPassed.
    """
    decided = verification.decision_permit(decision)
    deployment = Deployment.objects.create(
        weights_id=decided.challenger, decision=decision, rollback_of=rollback_of, by=by
    )
    signing.signed(deployment)
    defer("stickersnap.releases.tasks.alias_mirror")
    return deployment


def deployments_locked() -> None:
    """Until the end of the transaction nobody else deploys. PostgreSQL is told which deployments are not ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEPLOYMENT_LOCK])
    refused = set(verification.chain().refused)
    known = set(Disowned.objects.values_list("deployment_id", flat=True))
    Disowned.objects.filter(deployment__in=known - refused).delete()
    Disowned.objects.bulk_create(Disowned(deployment_id=pk) for pk in sorted(refused - known))


def self_test(folder: Path) -> dict[str, Any]:
    """Loads a set of weights as serving does and compares what it says of the golden pictures with its card.

    Weights that say the same of all of them are refused, too. Answers where that was. Raises
    segmentation.weights.WeightsError, .golden.GoldenError, .backends.DeviceError.
    """
    found = sets.inspect(folder)
    wished = None if settings.BACKEND == "auto" else settings.BACKEND
    failures: list[Exception] = []
    for name in backends.candidates(settings.DEVICE, wished, settings.REQUIRE_GPU, found.card):
        try:
            backend = backends.open_backend(name, found, settings.NETWORK_THREADS)
            golden.self_test(BackendPredictor(backend, found.sha256, found.card), half=backend.half)
            golden.refuse_blind(found.card["golden"])
        except (backends.DeviceError, golden.GoldenError) as error:
            failures.append(error)
        else:
            return {"pictures": len(found.card["golden"]), "backend": backend.name, "device": backend.device}
    kind = next((type(e) for e in failures if isinstance(e, golden.GoldenError)), backends.DeviceError)
    raise kind(" ".join(dict.fromkeys(str(e) for e in failures)))
