"""What may serve. Whatever loads weights (deployment, canary, shadow, student, the browsers' graph) asks here, and only
signed rows answer.

PostgreSQL refuses more than this asks (constraints, triggers), but nothing here relies on that: whoever owns the tables
can switch it off. A row that was not signed, or names a decision that did not pass, waits, was declined, is of other
weights, of another kind or of another champion than served then, is passed over: what served before goes on serving.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from segmentation import weights as sets
from segmentation.weights import pins
from stickersnap.releases import signing
from stickersnap.releases.exceptions import NotApproved, NotPassed, NotRightful, NotSigned, ReleaseError, StaleDecision
from stickersnap.releases.models import (
    Approval,
    Deployment,
    PromotionDecision,
    Rollout,
    StudentDeployment,
    Weights,
)

Kind = PromotionDecision.Kind
CHAMPIONS = (Kind.GATE, Kind.STARTER, Kind.OPERATOR)
ROLLED_OUT = (Kind.GATE,)
STUDENTS = (Kind.STUDENT,)


@dataclass(frozen=True)
class Decided:
    """What a verified decision says: a copy, which no later change of the row reaches."""

    id: int
    kind: str
    passed: bool
    approval_needed: bool
    champion: str | None
    challenger: str
    digests: Mapping[str, Any]


@dataclass(frozen=True)
class Chain:
    """The deployments as signed rows tell them.

    Attributes:
        current: the newest that may serve.
        standing: those that were not taken back, oldest first; the last one's weights are `current`'s.
        refused: why others may not, by id.
    """

    current: Deployment | None = None
    standing: list[Deployment] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """What newer rows than the one that serves are passed over, and why; empty where there are none."""
        newer = [f"Deployment {pk} is not served: {why}" for pk, why in self.refused.items() if pk > self._newest]
        return " ".join(newer)

    @property
    def _newest(self) -> int:
        return self.current.pk if self.current else 0


def chain() -> Chain:
    """Every deployment there is, in order, by the rules that each had to keep when it was made."""
    whole = Deployment.objects.select_related("weights__run__dataset", "decision").defer("decision__evidence")
    rows = list(whole.order_by("id"))
    approvals = _approvals(row.decision_id for row in rows if row.decision.approval_needed)
    standing: list[Deployment] = []
    refused: dict[int, str] = {}
    current = None
    for row in rows:
        try:
            _follow(standing, row, _granted(row, CHAMPIONS, approvals), refused)
        except ReleaseError as error:
            refused[row.pk] = str(error)
        else:
            current = row
    return Chain(current, standing, refused)


def _follow(standing: list[Deployment], row: Deployment, decided: Decided, refused: Mapping[int, str]) -> None:
    """Adds a deployment to those that stand, or takes back what a rollback does. Raises StaleDecision, NotRightful."""
    if row.rollback_of_id is None:
        if decided.champion != (standing[-1].weights_id if standing else None):
            raise StaleDecision(f"decision {decided.id} is of another champion than served then.")
        standing.append(row)
        return
    taken_back = 1 if standing and standing[-1].pk == row.rollback_of_id else 0
    left = standing[: len(standing) - taken_back]
    if not (taken_back or row.rollback_of_id in refused) or not left or left[-1].decision_id != row.decision_id:
        raise NotRightful("it goes back to something else than served before.")
    del standing[len(left) :]


def permit(row: Deployment | Rollout | StudentDeployment) -> Decided:
    """What lets a row's weights be loaded now: the verified decision. Raises what keeps them from it, a ReleaseError.

    A deployment must be the one that serves, a rollout under way against it, a student that of weights that stand. Of a
    decision that waits for approval the shadow alone may be loaded: nobody is served by it.
    """
    known = chain()
    serves = known.current.weights_id if known.current else None
    if isinstance(row, Deployment):
        if known.current is None or row.pk != known.current.pk:
            raise NotRightful(known.refused.get(row.pk, "Other weights serve by now."))
        return _granted(row, CHAMPIONS)
    if isinstance(row, StudentDeployment):
        if row.champion_id not in {standing.weights_id for standing in known.standing}:
            raise NotRightful("Its champion does not serve.")
        return _granted(row, STUDENTS)
    if row.stage not in Rollout.UNDER_WAY:
        raise NotRightful("This rollout is over.")
    decided = _granted(row, ROLLED_OUT, silent=row.stage == Rollout.Stage.SHADOW)
    if decided.champion != serves:
        raise StaleDecision
    return decided


def decision_permit(decision: PromotionDecision) -> Decided:
    """The decision, verified, passed and approved where that is asked for. Raises NotSigned, NotPassed, NotApproved."""
    decided = _verified(decision.pk, decision.signature, signing.keys())
    _passed(decided, _approvals([decision.pk]))
    return decided


def weights_set(decided: Decided, found: sets.WeightsSet) -> sets.WeightsSet:
    """The set with only those forms that are signed. Raises segmentation.weights.WeightsError for another card.

    What stands in a folder is not believed: its card, and the forms the card names, must be those that the decision
    names, that were registered (with a signature) or that the program ships. Without a form weights serve by torch.
    """
    registered = Weights.objects.filter(sha256=decided.challenger).first()
    sources = [dict(decided.digests), pins.pinned(sets.starter_folder()) or {}]
    if registered and signing.verifies(registered):
        known = {"card": pins.card_digest(registered.card), "forms": pins.form_digests(registered.card)}
        sources.append(known if "card" not in decided.digests else {"forms": known["forms"]})
    sources = [source for source in sources if source.get("weights", decided.challenger) == decided.challenger]
    if found.sha256 != decided.challenger or pins.card_digest(found.card) not in {s.get("card") for s in sources}:
        raise sets.WeightsError(
            f"{found.folder / sets.CARD} is not the card that was signed with the weights {decided.challenger[:12]}: "
            "fetch these weights again, or bring the card back from a backup."
        )
    named = {(name, sha256) for source in sources for name, sha256 in source.get("forms", {}).items()}
    kept = {name: entry for name, entry in found.forms.items() if (name, entry["sha256"]) in named}
    return replace(found, card={**found.card, "forms": kept}) if found.forms else found


def _granted(
    row: Any, kinds: tuple[Any, ...], approvals: Mapping[int, Approval] | None = None, *, silent: bool = False
) -> Decided:
    """What does not depend on what serves: the decision's verdict on these weights, and the row's own signature."""
    decided = _verified(row.decision_id, row.decision.signature, signing.keys())
    signing.check(row)
    if decided.challenger != row.weights_id:
        raise NotRightful(f"decision {decided.id} is on other weights.")
    if decided.kind not in kinds:
        raise NotRightful(f"decision {decided.id}, of the kind {decided.kind}, lets nothing serve in this way.")
    _passed(decided, _approvals([decided.id]) if approvals is None else approvals, silent=silent)
    return decided


def _passed(decided: Decided, approvals: Mapping[int, Approval], *, silent: bool = False) -> None:
    if not decided.passed:
        raise NotPassed
    given = approvals.get(decided.id)
    if decided.approval_needed and not silent and not (given and given.approved and signing.verifies(given)):
        raise NotApproved


def _approvals(decisions: Any) -> dict[int, Approval]:
    wanted = list(decisions)
    return {given.decision_id: given for given in Approval.objects.filter(decision__in=wanted)} if wanted else {}


@lru_cache(maxsize=1024)
def _verified(decision_id: int, signature: str, keys: tuple[str, ...]) -> Decided:
    """Read once a process: the signature stands for all that is signed. Raises NotSigned, which is never kept."""
    decision = PromotionDecision.objects.get(pk=decision_id)
    signing.check(decision)
    if decision.signature != signature:
        raise NotSigned(f"Decision {decision_id} changed while it was read.")
    return Decided(
        decision.pk,
        decision.kind,
        decision.passed,
        decision.approval_needed,
        decision.champion_id,
        decision.challenger_id,
        decision.evidence.get("digests") or {},
    )
