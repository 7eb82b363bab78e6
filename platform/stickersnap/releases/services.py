"""Every write of weights, decisions and deployments."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from annotations.models import DatasetItem
from segmentation import backends, golden
from segmentation import weights as sets
from segmentation.predictor import BackendPredictor
from stickersnap.releases import gate, selectors
from stickersnap.releases.exceptions import (
    AlreadyServing,
    NothingToRollBack,
    NotPassed,
    StaleDecision,
    TrainingFailed,
)
from stickersnap.releases.models import Deployment, PromotionDecision, TrainingRun, Weights
from stickersnap.releases.queue import defer

DEPLOYMENT_LOCK = 0x44_45_50_4C  # who deploys decides alone what is current


def weights_folder(sha256: str) -> Path:
    """Where the files of a registered set of weights lie."""
    return Path(settings.STATE) / "weights" / sha256


def run_folder(run: TrainingRun) -> Path:
    """Where a run keeps its checkpoint, its weights and its evaluation."""
    return Path(settings.STATE) / "runs" / str(run.id)


def weights_register(*, folder: Path, run: TrainingRun | None = None) -> Weights:
    """Copies a set of weights to STATE/weights/<sha256>, checked and whole or not at all, and records it.

    The same weights again are the same row; a damaged copy is healed, and forms that came since are taken over. Raises
    segmentation.weights.WeightsError for files that are no weights.
    """
    found = sets.inspect(folder)
    if found.format == "safetensors":
        sets.load(folder)
    _copy_whole(found, weights_folder(found.sha256))
    weights, _ = Weights.objects.get_or_create(
        sha256=found.sha256, defaults={"network": found.network, "card": found.card, "run": run}
    )
    if found.forms and weights.card.get("forms") != found.forms:
        weights.card = found.card
        weights.save(update_fields=["card"])
    return weights


def _is_there(found: sets.WeightsSet, target: Path) -> bool:
    try:
        there = sets.inspect(target)
        whole = all(there.form(name) for name in there.forms)
    except sets.WeightsError:
        return False
    return whole and found.forms in ({}, there.forms)


def _copy_whole(found: sets.WeightsSet, target: Path) -> None:
    if _is_there(found, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".arriving-") as aside:
        whole = Path(aside) / target.name
        shutil.copytree(found.folder, whole)
        for path in [*whole.rglob("*"), whole]:
            _sync(path)
        if target.exists():
            target.rename(Path(aside) / "damaged")
        whole.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def starter_deploy(*, folder: Path | None = None, by: str = "starter") -> Deployment:
    """Deploys the shipped weights where nothing was ever deployed; otherwise answers the current deployment."""
    if current := selectors.deployment_current():
        return current
    weights = weights_register(folder=folder or sets.starter_folder())
    with transaction.atomic():
        _deployments_locked()
        if current := selectors.deployment_current():
            return current
        decision = selectors.decision_of_starter(weights.sha256) or PromotionDecision.objects.create(
            kind=PromotionDecision.Kind.STARTER,
            challenger=weights,
            passed=True,
            reason="Shipped with the program: there is no champion to compare with.",
            evidence={"card": weights.card.get("figures", {})},
        )
        return _deploy(decision, by)


def promotion_decide(*, run: TrainingRun, by: str) -> PromotionDecision:
    """Judges what a run made, on its evaluation.json, and deploys it if it passes: one transaction, one verdict.

    Raises segmentation.weights.WeightsError and TrainingFailed where the run left nothing that can be judged.
    """
    evaluation = _evaluation(run)
    challenger = weights_register(folder=run_folder(run) / "weights", run=run)
    with transaction.atomic():
        _deployments_locked()
        verdict = _verdict(run, challenger, evaluation)
        decision = PromotionDecision.objects.create(
            kind=PromotionDecision.Kind.GATE,
            champion=run.champion,
            challenger=challenger,
            passed=verdict.passed,
            reason=verdict.reason,
            evidence=verdict.evidence,
            run=run,
        )
        if decision.passed:
            _deploy(decision, by)
    return decision


def _evaluation(run: TrainingRun) -> dict[str, Any]:
    path = run_folder(run) / "evaluation.json"
    try:
        evaluation = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TrainingFailed(f"{path} can't be read ({error}). Train again.") from error
    if not isinstance(evaluation, dict):
        raise TrainingFailed(f"{path} is no evaluation. Train again.")
    return evaluation


def _verdict(run: TrainingRun, challenger: Weights, evaluation: dict[str, Any]) -> gate.Verdict:
    """The gate's verdict, given that the evaluation is of these weights, on this dataset's held-out pictures."""
    current = selectors.deployment_current()
    rules = gate.Rules(heldout_minimum=selectors.policy().heldout_minimum)
    verdict = gate.decide(
        evaluation, deployed=current.weights_id if current else "", rules=rules, best_before=selectors.best_before()
    )
    if not verdict.passed:
        return verdict
    if evaluation["challenger"]["sha256"] != challenger.sha256 or evaluation["champion"]["sha256"] != run.champion_id:
        return gate.Verdict(False, "The evaluation is of other weights than the run's. Train again.", verdict.evidence)
    judged = {image["image_sha256"] for image in evaluation["images"]}
    heldout = DatasetItem.objects.filter(dataset=run.dataset, split=DatasetItem.Split.HOLDOUT)
    if judged != set(heldout.values_list("image_sha256", flat=True)):
        return gate.Verdict(
            False, "The evaluation is of other photos than those held out. Train again.", verdict.evidence
        )
    return verdict


def deployment_create(*, decision: PromotionDecision, by: str) -> Deployment:
    """Deploys what a decision let through. Raises NotPassed, and StaleDecision when another champion serves by now."""
    if not decision.passed:
        raise NotPassed
    with transaction.atomic():
        _deployments_locked()
        current = selectors.deployment_current()
        if decision.champion_id != (current.weights_id if current else None):
            raise StaleDecision
        return _deploy(decision, by)


def weights_use(*, weights: Weights, by: str, reason: str = "") -> Deployment:
    """Deploys registered weights because an operator says so, once they answer the golden pictures here as they should.

    What serves goes on serving whenever this raises: AlreadyServing, segmentation.weights.WeightsError,
    segmentation.golden.GoldenError, segmentation.backends.DeviceError.
    """
    evidence = {"self_test": self_test(weights_folder(weights.sha256))}
    with transaction.atomic():
        _deployments_locked()
        current = selectors.deployment_current()
        if current and current.weights_id == weights.sha256:
            raise AlreadyServing
        if current:
            evidence["champion"] = {"sha256": current.weights_id, "network": current.weights.network}
        decision = PromotionDecision.objects.create(
            kind=PromotionDecision.Kind.OPERATOR,
            champion=current.weights if current else None,
            challenger=weights,
            passed=True,
            reason=reason or f"{by} chose these weights. They answer the golden pictures as they should.",
            evidence=evidence,
            by=by,
        )
        return _deploy(decision, by)


def self_test(folder: Path) -> dict[str, Any]:
    """Loads a set of weights as serving does and compares what it says of the golden pictures with its card.

    Answers where that was. Raises segmentation.weights.WeightsError, .golden.GoldenError, .backends.DeviceError.
    """
    found = sets.inspect(folder)
    wished = None if settings.BACKEND == "auto" else settings.BACKEND
    failures: list[Exception] = []
    for name in backends.candidates(settings.DEVICE, wished, settings.REQUIRE_GPU):
        try:
            backend = backends.open_backend(name, found, settings.NETWORK_THREADS)
            golden.self_test(BackendPredictor(backend, found.sha256, found.card))
        except (backends.DeviceError, golden.GoldenError) as error:
            failures.append(error)
        else:
            return {"pictures": len(found.card["golden"]), "backend": backend.name, "device": backend.device}
    kind = next((type(e) for e in failures if isinstance(e, golden.GoldenError)), backends.DeviceError)
    raise kind(" ".join(dict.fromkeys(str(e) for e in failures)))


def rollback(*, by: str) -> Deployment:
    """Goes back to the weights that served before the present ones, by their own passing decision.

    Raises NothingToRollBack when the first weights serve.
    """
    with transaction.atomic():
        _deployments_locked()
        standing = selectors.deployments_standing()
        if len(standing) < 2:
            raise NothingToRollBack
        before, taken_back = standing[-2:]
        return _deploy(before.decision, by, rollback_of=taken_back)


def _deploy(decision: PromotionDecision, by: str, rollback_of: Deployment | None = None) -> Deployment:
    deployment = Deployment.objects.create(
        weights=decision.challenger, decision=decision, rollback_of=rollback_of, by=by
    )
    defer("stickersnap.releases.tasks.alias_mirror")
    return deployment


def _deployments_locked() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEPLOYMENT_LOCK])
