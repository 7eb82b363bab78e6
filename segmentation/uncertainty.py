"""How far the network's own maps disagree, and whether they found a subject; both from the pass that made the mask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

CERTAIN_SHARE = 0.01
SUBJECT_SHARE = 0.02
PEAK_SHARES = (0.001, 0.005)
GROUP = 16

Map = NDArray[np.float32]


def uncertainty(refined: Map, coarse: Map) -> float:
    """0 (certain) to 1: one minus the soft IoU of two maps of probabilities, H×W each.

    Two maps agree fully only where both say a clear yes or no, so that soft, wide edges count as disagreement too.
    One hundredth of the picture is counted as agreed upon: where both find nothing there is nothing to correct.
    """
    agreed = CERTAIN_SHARE * refined.size
    intersection = float((refined * coarse).sum(dtype=np.float64))
    union = float(refined.sum(dtype=np.float64) + coarse.sum(dtype=np.float64)) - intersection
    return 1 - (intersection + agreed) / (union + agreed)


def subject_score(refined: Map, coarse: Map, card: Mapping[str, Any]) -> float:
    """0 to 1: the probability that there is a subject; it counts as found from `card["subject_threshold"]` on.

    Logistic regression on `subject_features`, fitted by training.evaluation.calibrate: `card["subject"]` holds its
    coefficients and intercept. A card without is answered by the mean of the refined map's highest 2 %, which is no
    probability.
    """
    subject = card.get("subject") or {}
    if "coefficients" not in subject:
        return highest(refined, (SUBJECT_SHARE,))[0]
    products = zip(subject["coefficients"], subject_features(refined, coarse), strict=True)
    logit = subject["intercept"] + sum(coefficient * feature for coefficient, feature in products)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


def subject_features(refined: Map, coarse: Map) -> list[float]:
    """How sure either map is at its surest: logits of the means of its highest 0.1 % and 0.5 %.

    So small a share is there in a small or thin subject, too.
    """
    return [logit_of(mean) for map_ in (refined, coarse) for mean in highest(map_, PEAK_SHARES)]


def subject_fault(card: Mapping[str, Any]) -> str:
    """What makes a card's calibrated score unusable; empty where nothing does."""
    subject = card.get("subject") or {}
    if not isinstance(subject, Mapping):
        return "has a subject that is no JSON object"
    if "coefficients" not in subject:
        return ""
    coefficients = subject["coefficients"]
    numbers = [*coefficients, subject.get("intercept")] if isinstance(coefficients, list) else []
    finite = all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
    if len(numbers) != 2 * len(PEAK_SHARES) + 1 or not finite:
        return f"needs {2 * len(PEAK_SHARES)} finite coefficients and an intercept for its subject score"
    return ""


def logit_of(probability: float) -> float:
    return math.log((probability + 0.001) / (1.001 - probability))


def highest(probability: Map, shares: tuple[float, ...]) -> list[float]:
    """The means of the highest `shares` of an H×W map, each at most one half."""
    flat = probability.ravel()
    counts = [max(1, round(flat.size * share)) for share in shares]
    most = candidates(flat, max(counts))
    return [float(np.partition(most, most.size - count)[-count:].mean(dtype=np.float64)) for count in counts]


def candidates(flat: Map, count: int) -> Map:
    """Of N values the few among which the highest `count` are: a tenth of the time of looking for these among all."""
    groups = flat[: flat.size - flat.size % GROUP].reshape(GROUP, -1)
    if count > groups.shape[1]:
        return flat
    # So many groups have a value of at least this: as many values are at least as high.
    least = np.partition(groups.max(0), groups.shape[1] - count)[groups.shape[1] - count]
    return flat[flat >= least]
