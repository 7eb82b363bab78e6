"""Is there a subject at all, and how surely? Fits, on pictures with and without, the score that a card carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.cut import Predictor, squashed
from segmentation.predictor import BackendPredictor
from segmentation.uncertainty import subject_features
from training.data.dataset import Pair, Picture
from training.evaluation.nothing import PAGES, drawn_pictures, sees_something, surfaces

LEAST_RECALL = 0.98
FOLDS = 5
BINS = 10
DOUBTFUL = "doubtful"
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A picture (H×W×3 uint8) that shows a subject, or none. Cases of one group are never in two folds."""

    rgb: Picture
    subject: bool
    kind: str
    group: str


def crops_beside(pair: Pair, least: float = 0.22, ratio: float = 2.5) -> list[Picture]:
    """What lies left of, right of, above and below the subject: h×w×3 each, no narrower than `least` of the picture."""
    height, width = pair.mask.shape
    rows, columns = np.nonzero(pair.mask)
    if not len(rows):
        return []
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    crops = []
    for x0, y0, x1, y1 in (
        (0, 0, left, height),
        (right, 0, width, height),
        (0, 0, width, top),
        (0, bottom, width, height),
    ):
        w, h = x1 - x0, y1 - y0
        if min(w, h) >= least * max(width, height):
            x, y = max(0, int(w - ratio * h)) // 2, max(0, int(h - ratio * w)) // 2
            crops.append(np.ascontiguousarray(pair.rgb[y0 + y : y1 - y, x0 + x : x1 - x]))
    return crops


def small_subject(pair: Pair, ground: Picture, random: np.random.Generator, size: int = 256) -> Picture | None:
    """The pair's subject at 15 to 45 % of the side of another picture: size×size×3 uint8; None for an empty mask."""
    mask = Image.fromarray(pair.mask)
    box = mask.getbbox()
    if box is None:
        return None
    factor = size * random.uniform(0.15, 0.45) / max(box[2] - box[0], box[3] - box[1])
    w, h = (max(2, round(side * factor)) for side in (box[2] - box[0], box[3] - box[1]))
    place = int(random.integers(0, size - w + 1)), int(random.integers(0, size - h + 1))
    picture = Image.fromarray(ground).resize((size, size))
    picture.paste(Image.fromarray(pair.rgb).crop(box).resize((w, h)), place, mask.crop(box).resize((w, h)))
    return np.asarray(picture)


def cases_of(pairs: Sequence[Pair], seed: int = 0, teacher: Predictor | None = None) -> list[Case]:
    """Photos with their subjects, every second subject small on another's ground; and what shows none: crops beside
    subjects, drawn pictures, textures, printed pages.

    A crop in which the `teacher` sees something is of the kind `DOUBTFUL`: there may well be another thing to cut.
    """
    photos = [Case(pair.rgb, True, "photo", pair.source) for pair in pairs]
    crops = [Case(crop, False, "crop", pair.source) for pair in pairs for crop in crops_beside(pair)]
    drawn = [Case(p, False, "drawn", f"drawn {i % FOLDS}") for i, p in enumerate(drawn_pictures(seed, 256))]
    surface = [Case(p, False, "page" if name in PAGES else "texture", name) for name, p in surfaces(seed)]
    small = []
    grounds = crops or drawn
    for i, pair in enumerate(pairs[::2]):
        random = np.random.default_rng([seed, i])
        picture = small_subject(pair, grounds[int(random.integers(len(grounds)))].rgb, random)
        if picture is not None:
            small.append(Case(picture, True, "small", pair.source))
    if teacher is not None:
        crops = [replace(case, kind=DOUBTFUL) if sees_something(teacher, case.rgb) else case for case in crops]
    return photos + small + crops + drawn + surface


def features_of(predictor: BackendPredictor, cases: Iterable[Case]) -> Numbers:
    """N×4: `subject_features` of each case."""
    backend = predictor.backend
    maps = (backend.run(squashed(case.rgb, backend.size)[None])[0] for case in cases)
    return np.array([subject_features(refined, coarse) for refined, coarse in maps])


def best_threshold(with_subject: Sequence[float], without: Sequence[float]) -> float:
    """The score that divides best (by balanced accuracy) among those that keep a recall of `LEAST_RECALL`."""
    positive, negative = np.sort(with_subject), np.sort(without)
    candidates = np.unique(np.concatenate([positive, negative]))
    recall = 1 - np.searchsorted(positive, candidates) / len(positive)
    rejected = np.searchsorted(negative, candidates) / len(negative)
    allowed = recall >= min(LEAST_RECALL, float(recall.max()))
    return float(candidates[np.argmax(np.where(allowed, recall + rejected, -1))])


def reliability(scores: Numbers, truth: NDArray[np.bool_]) -> tuple[float, list[list[float]]]:
    """Expected calibration error (Guo et al., ICML 2017), and [score, share, n] for each tenth that holds any score.

    The share is that of the cases with a subject; the error is its mean distance from the score, each case counting 1.
    """
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    rows = [(scores[at].mean(), truth[at].mean(), int(at.sum())) for b in range(BINS) if (at := bins == b).any()]
    error = sum(abs(score - share) * n for score, share, n in rows) / len(scores)
    return float(error), [[round(float(score), 4), round(float(share), 4), n] for score, share, n in rows]


def fit(features: Numbers, cases: Sequence[Case]) -> tuple[dict[str, Any], Numbers]:
    """{coefficients, intercept} of the logistic regression over all cases, and each case's score by one that was
    fitted without its group (N)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth = np.array([case.subject for case in cases])
    groups = np.array([case.group for case in cases])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    folds = GroupKFold(min(FOLDS, len(set(groups))))
    held_out = cross_val_predict(model, features, truth, groups=groups, cv=folds, method="predict_proba")[:, 1]
    scaler, regression = (step for _, step in model.fit(features, truth).steps)
    coefficients = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - (coefficients * scaler.mean_).sum())
    return {"coefficients": [round(float(c), 5) for c in coefficients], "intercept": round(intercept, 5)}, held_out


def calibrate(
    predictor: BackendPredictor, pairs: Sequence[Pair], seed: int = 0, teacher: Predictor | None = None
) -> dict[str, Any]:
    """{subject_threshold, subject} of a card. Every figure in it is of cases whose group was left out of the fit.

    The threshold is chosen among these scores so that at most one subject in fifty, small ones too, is refused.
    Doubtful crops take no part in it; on how many of them a subject is found is told all the same.
    """
    every = cases_of(pairs, seed, teacher)
    doubtful = [case for case in every if case.kind == DOUBTFUL]
    cases = [case for case in every if case.kind != DOUBTFUL]
    model, scores = fit(features_of(predictor, cases), cases)
    truth = np.array([case.subject for case in cases])
    kinds = np.array([case.kind for case in cases])
    threshold = best_threshold(list(scores[truth]), list(scores[~truth]))
    found = scores >= threshold
    error, bins = reliability(scores, truth)
    rates = {kind: round(float(found[kinds == kind].mean()), 4) for kind in dict.fromkeys(kinds.tolist())}
    counts = {kind: int((kinds == kind).sum()) for kind in dict.fromkeys(kinds.tolist())}
    if doubtful:
        logits = features_of(predictor, doubtful) @ np.array(model["coefficients"]) + model["intercept"]
        rates[DOUBTFUL] = round(float((1 / (1 + np.exp(-logits)) >= threshold).mean()), 4)
        counts[DOUBTFUL] = len(doubtful)
    return {
        "subject_threshold": round(threshold, 6),
        "subject": {
            **model,
            "precision": round(float(truth[found].mean()), 4),
            "recall": round(float(found[truth].mean()), 4),
            "found": rates,
            "cases": counts,
            "folds": FOLDS,
            "calibration_error": round(error, 4),
            "reliability": bins,
        },
    }
