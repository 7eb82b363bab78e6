"""The promotion gate: does the challenger beat the champion, and harm nobody? Data in, verdict out.

The gain is the mean difference of IoU over held-out photos, challenger minus champion. It must stay above zero at
the lower end of a one-sided 99 % paired bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13),
resampled by group, since near-duplicates are not independent. The mean boundary F must stay above minus its margin at
that lower end. No slice (a source, a size, …) may be worse than its margin, tested together by Holm's procedure (1979).
What a deployed model once got right must stay right.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 2
"""Counted up whenever the same evaluation could get another verdict; kept with every decision."""
RESAMPLES = 10_000
CHUNK = 1000
CONFIDENCE = 0.99
SLICE_ERROR = 0.05
"""Chance, over all slices together, that a challenger is refused for a slice that is no worse than its margin."""
SCORES = ("champion_iou", "challenger_iou", "champion_boundary_f", "challenger_boundary_f")


@dataclass(frozen=True)
class Rules:
    """What a challenger must keep to. Margins are in the metric's own unit, 0..1."""

    heldout_minimum: int = 4
    boundary_margin: float = 0.005
    picture_margin: float = 0.15
    slice_margin: float = 0.01
    slice_minimum: int = 5
    right: float = 0.9
    right_margin: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Verdict:
    passed: bool
    reason: str
    evidence: dict[str, Any]


class Refusal(Exception):
    """Why this challenger stays where it is."""


def decide(
    evaluation: dict[str, Any], *, deployed: str, rules: Rules, best_before: Mapping[str, float] | None = None
) -> Verdict:
    """The verdict on an evaluation.json (see `python -m training fine-tune`).

    Args:
        evaluation: champion and challenger with their sha256, and each held-out picture's scores in 0..1 and slices.
        deployed: sha256 of the weights that serve now.
        best_before: by image_sha256, the best IoU that any weights that ever served reached there.
    """
    evidence: dict[str, Any] = {
        "gate": VERSION,
        "rules": vars(rules),
        "resamples": RESAMPLES,
        "confidence": CONFIDENCE,
    }
    try:
        _refuse_wrong_pair(evaluation, deployed)
        images = _images(evaluation)
        evidence |= {"images": images, "heldout": len(images)}
        _refuse_thin_evidence(images, rules)
        evidence |= _figures(images, rules.seed)
        evidence["slices"] = _slices(images, rules)
        evidence["forgotten"] = _forgotten(images, best_before or {}, rules)
        _refuse_harm(evidence, rules)
    except Refusal as refusal:
        return Verdict(False, str(refusal), _storable({**_summaries(evaluation), **evidence}))
    gain, low = 100 * evidence["gain"], 100 * evidence["gain_low"]
    reason = f"Mean IoU on {len(images)} held-out photos: {gain:+.2f} points, at least {low:+.2f} with 99 % confidence."
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
    gains, boundary_gains = _gains(images, "iou"), _gains(images, "boundary_f")
    groups = _groups(images)
    worst = int(gains.argmin())
    return {
        "gain": float(gains.mean()),
        "gain_low": lower_bound(gains, groups, seed),
        "boundary_gain": float(boundary_gains.mean()),
        "boundary_gain_low": lower_bound(boundary_gains, groups, seed),
        "worst": {"image_sha256": images[worst].get("image_sha256"), "gain": float(gains[worst])},
    }


def _gains(images: list[dict[str, Any]], score: str) -> NDArray[np.float64]:
    return np.array([image[f"challenger_{score}"] - image[f"champion_{score}"] for image in images], dtype=np.float64)


def _groups(images: list[dict[str, Any]]) -> list[str]:
    return [str(image["group"]) for image in images]


def lower_bound(gains: NDArray[np.float64], groups: list[str], seed: int) -> float:
    """Lower end of the one-sided bootstrap interval of the mean gain; whole groups are drawn, with replacement."""
    return float(np.quantile(resampled_means(gains, groups, seed), 1 - CONFIDENCE))


def resampled_means(gains: NDArray[np.float64], groups: list[str], seed: int) -> NDArray[np.float64]:
    """RESAMPLES bootstrap means of the gains; whole groups are drawn, with replacement."""
    names, member = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(member, weights=gains), np.bincount(member)
    rng = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, CHUNK):
        drawn = rng.integers(0, len(names), size=(CHUNK, len(names)))
        means[start : start + CHUNK] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means


def _slices(images: list[dict[str, Any]], rules: Rules) -> list[dict[str, Any]]:
    """Each slice with enough groups: its mean gain, p of "no worse than the margin", and whether Holm rejects that."""
    names = sorted({name for image in images for name in _slice_names(image)})
    tested: list[dict[str, Any]] = []
    for name in names:
        members = [image for image in images if name in _slice_names(image)]
        if len(set(_groups(members))) < rules.slice_minimum:
            continue
        gains = _gains(members, "iou")
        means = resampled_means(gains, _groups(members), rules.seed)
        p = float((np.count_nonzero(means >= -rules.slice_margin) + 1) / (RESAMPLES + 1))
        tested.append({"name": name, "photos": len(members), "gain": float(gains.mean()), "p": p})
    worse = holm([line["p"] for line in tested], SLICE_ERROR)
    return [{**line, "worse": verdict} for line, verdict in zip(tested, worse, strict=True)]


def _slice_names(image: dict[str, Any]) -> set[str]:
    named = image.get("slices")
    return {str(name) for name in named} if isinstance(named, list) else set()


def holm(p_values: list[float], error: float) -> list[bool]:
    """Which hypotheses are rejected at a family-wise `error` (Holm 1979, A simple sequentially rejective procedure)."""
    rejected = [False] * len(p_values)
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > error / (len(p_values) - place):
            break
        rejected[index] = True
    return rejected


def _forgotten(images: list[dict[str, Any]], best_before: Mapping[str, float], rules: Rules) -> list[dict[str, Any]]:
    """The photos that weights in service once got right and the challenger does not."""
    found = []
    for image in images:
        before = max(best_before.get(str(image["image_sha256"]), 0.0), image["champion_iou"])
        if before >= rules.right and image["challenger_iou"] < rules.right - rules.right_margin:
            found.append({"image_sha256": image["image_sha256"], "before": before, "now": image["challenger_iou"]})
    return found


def _refuse_harm(evidence: dict[str, Any], rules: Rules) -> None:
    if evidence["gain_low"] <= 0:
        raise Refusal(
            f"No certain gain: mean IoU changes by {100 * evidence['gain']:+.2f} points, "
            f"at worst {100 * evidence['gain_low']:+.2f} with 99 % confidence; that must be above zero."
        )
    if evidence["boundary_gain_low"] < -rules.boundary_margin:
        raise Refusal(
            f"Edges may have got worse: mean boundary F changes by {100 * evidence['boundary_gain']:+.2f} points, at "
            f"worst {100 * evidence['boundary_gain_low']:+.2f}; {-100 * rules.boundary_margin:+.2f} is the limit."
        )
    if evidence["worst"]["gain"] < -rules.picture_margin:
        raise Refusal(
            f"Photo {str(evidence['worst']['image_sha256'])[:12]} "
            f"loses {-100 * evidence['worst']['gain']:.1f} points of IoU, "
            f"{100 * rules.picture_margin:.0f} is the limit for a single photo."
        )
    if evidence["forgotten"]:
        first = evidence["forgotten"][0]
        raise Refusal(
            f"Once cut rightly, no longer: {len(evidence['forgotten'])} of {evidence['heldout']} photos, the first "
            f"{str(first['image_sha256'])[:12]}: IoU {first['before']:.3f} before, {first['now']:.3f} now."
        )
    for line in evidence["slices"]:
        if line["worse"]:
            raise Refusal(
                f"Worse for {line['name']}: mean IoU of its {line['photos']} photos changes by "
                f"{100 * line['gain']:+.2f} points; {-100 * rules.slice_margin:+.2f} is the limit."
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
