"""Every write of decisions: the gate's, the starter's, an operator's own."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import transaction

from annotations.models import DatasetItem
from segmentation import weights as sets
from segmentation.weights.pins import pins_of
from stickersnap.releases import leases, selectors, signing
from stickersnap.releases.deployments import deploy, deployments_locked, self_test
from stickersnap.releases.exceptions import AlreadyServing, TrainingFailed
from stickersnap.releases.gate import gate
from stickersnap.releases.gate.benchmarks import benchmarks
from stickersnap.releases.gate.holdout import accepted, looks, looks_record
from stickersnap.releases.models import Deployment, PromotionDecision, TrainingRun, Weights
from stickersnap.releases.rollout import rollouts
from stickersnap.releases.rollout.students import present, shipped, student_deploy
from stickersnap.releases.weights.store import run_folder, weights_folder, weights_register


def starter_deploy(*, folder: Path | None = None, by: str = "starter") -> Deployment:
    """Deploys the shipped weights where nothing was ever deployed; otherwise answers the current deployment."""
    if current := selectors.deployment_current():
        return current
    weights = weights_register(folder=folder or sets.starter_folder())
    with transaction.atomic():
        deployments_locked()
        if current := selectors.deployment_current():
            return current
        decision = _decision_of_starter(weights) or decision_record(
            kind=PromotionDecision.Kind.STARTER,
            challenger=weights,
            passed=True,
            reason="Shipped with the program: there is no champion to compare with.",
            evidence={"card": weights.card.get("figures", {}), "digests": _digests(weights)},
        )
        return deploy(decision, by)


def decision_record(**values: Any) -> PromotionDecision:
    """Writes a decision and signs it, as it stands in the database. Within a transaction."""
    return signing.signed(PromotionDecision.objects.create(**values))


def _decision_of_starter(weights: Weights) -> PromotionDecision | None:
    """The one of our own that let the shipped weights in, with the card and the forms they have now."""
    for decision in PromotionDecision.objects.filter(challenger=weights, kind=PromotionDecision.Kind.STARTER):
        if signing.verifies(decision) and decision.evidence.get("digests") == _digests(weights):
            return decision
    return None


def _digests(weights: Weights) -> dict[str, Any]:
    """What serves by this decision, to the byte: the weights, their card and their forms."""
    return {**pins_of(weights.card), "weights": weights.sha256}


def promotion_decide(*, run: TrainingRun, by: str) -> PromotionDecision:
    """Judges what a run made, on its evaluation.json, and deploys it if it passes: one transaction, one verdict.

    Where the policy asks for approval, what passed waits for it instead (see `approvals`); where it asks for trials,
    it goes through them first (see `rollouts`). A student serves CPUs and browsers at once.

    Raises segmentation.weights.WeightsError and TrainingFailed where the run left nothing that can be judged, RunLost
    where another holder has it by now.
    """
    student = run.kind == TrainingRun.Kind.STUDENT
    evaluation, digest = _evaluation(run)
    challenger = weights_register(folder=run_folder(run) / "weights", run=run)
    if student:
        shipped()  # which it may have to beat: no file is read while nobody else may deploy
    with transaction.atomic():
        deployments_locked()
        leases.held(run)
        verdict = _verdict(run, challenger, evaluation)
        decision = decision_record(
            kind=PromotionDecision.Kind.STUDENT if student else PromotionDecision.Kind.GATE,
            champion=run.champion,
            challenger=challenger,
            passed=verdict.passed,
            approval_needed=verdict.passed and not student and selectors.policy().manual_approval,
            reason=f"{verdict.reason}{_served_by(challenger) if verdict.passed else ''}",
            evidence={
                **verdict.evidence,
                "digests": {**_digests(challenger), **_origin(run), "evaluation": digest},
            },
            run=run,
            token=run.token,
        )
        looks_record(decision, verdict.judged_by)
        if decision.passed and student:
            student_deploy(decision, by)
        elif decision.passed:
            rollouts.begin(decision, by)
    return decision


def _served_by(weights: Weights) -> str:
    """A form counts only if it answered real pictures as the network does; people see which do not."""
    if "onnx" in (weights.card.get("forms") or {}):
        return ""
    return " No ONNX form of it answers as the network does: torch serves it, slower on a CPU."


def _origin(run: TrainingRun) -> dict[str, str]:
    return {"dataset": run.dataset.digest if run.dataset else "", "champion": run.champion_id or ""}


def _evaluation(run: TrainingRun) -> tuple[dict[str, Any], str]:
    """evaluation.json and its sha256."""
    path = run_folder(run) / "evaluation.json"
    try:
        data = path.read_bytes()
        evaluation = json.loads(data)
    except (OSError, ValueError) as error:
        raise TrainingFailed(f"{path} can't be read ({error}). Train again.") from error
    if not isinstance(evaluation, dict):
        raise TrainingFailed(f"{path} is no evaluation. Train again.")
    return evaluation, hashlib.sha256(data).hexdigest()


def _verdict(run: TrainingRun, challenger: Weights, evaluation: dict[str, Any]) -> gate.Verdict:
    """The gate's verdict, given that the evaluation is of these weights, on this dataset's held-out pictures."""
    current = selectors.deployment_current()
    student = run.kind == TrainingRun.Kind.STUDENT
    serves = present().sha256 if student else current.weights_id if current else ""
    rules = gate.rules_for(selectors.policy().heldout_minimum)
    assert run.champion is not None
    facts = gate.Facts(
        deployed=serves,
        best_before={} if student else selectors.best_before(),
        looks=looks(),
        accepted=accepted(run.dataset) if run.dataset else frozenset(),
        benchmarks={benchmark.name: benchmark.digest for benchmark in benchmarks()},
        sizes=(_bytes(run.champion), _bytes(challenger)),
        other_network=run.network != run.champion.network,
    )
    verdict = gate.decide(evaluation, facts, rules)
    if verdict.passed and (fault := _misleading(run, challenger, evaluation)):
        return replace(verdict, passed=False, reason=fault)
    return verdict


def _bytes(weights: Weights) -> int:
    """Of the file alone: it was hashed when it came in, and is again when it is loaded."""
    return sets.WeightsSet(weights_folder(weights.sha256), weights.sha256, weights.card).file.stat().st_size


def _misleading(run: TrainingRun, challenger: Weights, evaluation: dict[str, Any]) -> str:
    """What an evaluation claims that the service knows better; empty where it tells the truth."""
    if evaluation["challenger"]["sha256"] != challenger.sha256 or evaluation["champion"]["sha256"] != run.champion_id:
        return "The evaluation is of other weights than the run's. Train again."
    if run.dataset is None or evaluation.get("dataset_digest") != run.dataset.digest:
        return "The evaluation is of another dataset than the run's. Train again."
    judged = {image["image_sha256"]: image["group"] for image in evaluation["images"]}
    heldout = DatasetItem.objects.filter(dataset=run.dataset, split=DatasetItem.Split.HOLDOUT)
    if judged != {sha256: str(group) for sha256, group in heldout.values_list("image_sha256", "group")}:
        return "The evaluation is of other photos than those held out. Train again."
    return ""


def weights_use(*, weights: Weights, by: str, reason: str = "") -> Deployment:
    """Deploys registered weights because an operator says so, once they answer the golden pictures here as they should.

    What serves goes on serving whenever this raises: AlreadyServing, segmentation.weights.WeightsError,
    segmentation.weights.golden.GoldenError, segmentation.backends.DeviceError.
    """
    evidence = {"self_test": self_test(weights_folder(weights.sha256)), "digests": _digests(weights)}
    with transaction.atomic():
        deployments_locked()
        current = selectors.deployment_current()
        if current and current.weights_id == weights.sha256:
            raise AlreadyServing
        if current:
            evidence["champion"] = {"sha256": current.weights_id, "network": current.weights.network}
        decision = decision_record(
            kind=PromotionDecision.Kind.OPERATOR,
            champion=current.weights if current else None,
            challenger=weights,
            passed=True,
            reason=reason or f"{by} chose these weights. They answer the golden pictures as they should.",
            evidence=evidence,
            by=by,
        )
        return deploy(decision, by)
