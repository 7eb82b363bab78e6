"""The promotion gate: does the challenger beat the champion, and harm nobody? Data in, verdict out.

The gain is the mean difference of IoU over held-out photos, challenger minus champion. It must stay above zero at
the lower end of a one-sided 95 % paired bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13),
resampled by group, since near-duplicates are not independent.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
SCORES = ("champion_iou", "challenger_iou", "champion_boundary_f", "challenger_boundary_f")


@dataclass(frozen=True)
class Rules:
    """What a challenger must keep to. Margins are in the metric's own unit, 0..1."""

    heldout_minimum: int = 4
    boundary_margin: float = 0.005
    picture_margin: float = 0.15
    seed: int = 0


@dataclass(frozen=True)
class Verdict:
    passed: bool
    reason: str
    evidence: dict[str, Any]


class Refusal(Exception):
    """Why this challenger stays where it is."""


def decide(evaluation: dict[str, Any], *, deployed: str, rules: Rules) -> Verdict:
    """The verdict on an evaluation.json (see `python -m training fine-tune`).

    Args:
        evaluation: champion and challenger with their sha256, and each held-out picture's scores in 0..1.
        deployed: sha256 of the weights that serve now.
    """
    evidence: dict[str, Any] = {"rules": vars(rules), "resamples": RESAMPLES, "confidence": CONFIDENCE}
    try:
        _refuse_wrong_pair(evaluation, deployed)
        images = _images(evaluation)
        evidence |= {"images": images, "heldout": len(images)}
        _refuse_thin_evidence(images, rules)
        evidence |= _figures(images, rules.seed)
        _refuse_harm(evidence, rules)
    except Refusal as refusal:
        return Verdict(False, str(refusal), _storable({**_summaries(evaluation), **evidence}))
    gain, low = 100 * evidence["gain"], 100 * evidence["gain_low"]
    reason = f"Mean IoU on {len(images)} held-out photos: {gain:+.2f} points, at least {low:+.2f} with 95 % confidence."
    return Verdict(True, reason, _storable({**_summaries(evaluation), **evidence}))


def _refuse_wrong_pair(evaluation: dict[str, Any], deployed: str) -> None:
    try:
        champion, challenger = evaluation["champion"]["sha256"], evaluation["challenger"]["sha256"]
    except (KeyError, TypeError) as error:
        raise Refusal("The evaluation does not say which weights it compared. Train again.") from error
    if champion == challenger:
        raise Refusal("The challenger is the champion itself: training changed nothing.")
    if champion != deployed:
        raise Refusal(
            f"Stale: compared with {str(champion)[:12]}, but {deployed[:12]} serves by now. Train again from there."
        )


def _images(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    images = evaluation.get("images")
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise Refusal("The evaluation has no list of held-out photos. Train again.")
    for image in images:
        for name in SCORES:
            score = image.get(name)
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                raise Refusal(
                    f"{name} of photo {str(image.get('image_sha256'))[:12]} is {score}, not a number from 0 to 1."
                )
    if len({image.get("image_sha256") for image in images}) != len(images):
        raise Refusal("A held-out photo is scored twice. Train again.")
    return images


def _refuse_thin_evidence(images: list[dict[str, Any]], rules: Rules) -> None:
    groups = len({image.get("group") for image in images})
    if groups < rules.heldout_minimum:
        raise Refusal(
            f"Too few held-out photos: {groups} (near-duplicates counted once), {rules.heldout_minimum} needed. "
            "Approve more corrections; about one photo in five is held out."
        )


def _figures(images: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    scores = {name: np.array([image[name] for image in images], dtype=np.float64) for name in SCORES}
    gains = scores["challenger_iou"] - scores["champion_iou"]
    worst = int(gains.argmin())
    return {
        "gain": float(gains.mean()),
        "gain_low": lower_bound(gains, [str(image["group"]) for image in images], seed),
        "boundary_gain": float((scores["challenger_boundary_f"] - scores["champion_boundary_f"]).mean()),
        "worst": {"image_sha256": images[worst].get("image_sha256"), "gain": float(gains[worst])},
    }


def lower_bound(gains: NDArray[np.float64], groups: list[str], seed: int) -> float:
    """Lower end of the one-sided bootstrap interval of the mean gain; whole groups are drawn, with replacement."""
    names, member = np.unique(groups, return_inverse=True)
    sums = np.bincount(member, weights=gains)
    sizes = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(names), size=(RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return float(np.quantile(means, 1 - CONFIDENCE))


def _refuse_harm(evidence: dict[str, Any], rules: Rules) -> None:
    if evidence["gain_low"] <= 0:
        raise Refusal(
            f"No certain gain: mean IoU changes by {100 * evidence['gain']:+.2f} points, "
            f"at worst {100 * evidence['gain_low']:+.2f} with 95 % confidence; that must be above zero."
        )
    if evidence["boundary_gain"] < -rules.boundary_margin:
        raise Refusal(
            f"Edges got worse: mean boundary F changes by {100 * evidence['boundary_gain']:+.2f} points, "
            f"{-100 * rules.boundary_margin:+.2f} is the limit."
        )
    if evidence["worst"]["gain"] < -rules.picture_margin:
        raise Refusal(
            f"Photo {str(evidence['worst']['image_sha256'])[:12]} "
            f"loses {-100 * evidence['worst']['gain']:.1f} points of IoU, "
            f"{100 * rules.picture_margin:.0f} is the limit for a single photo."
        )


def _summaries(evaluation: dict[str, Any]) -> dict[str, Any]:
    kept = ("champion", "challenger", "dataset_digest", "mlflow_run_id", "seed", "images", "heldout")
    return {name: evaluation[name] for name in kept if name in evaluation}


def _storable(value: Any) -> Any:
    """The same, with NaN and infinities spelt out, which JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
