"""Golden pictures: drawn, not photographed; what a set of weights answers to them is kept on its card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.cut import Predictor

GRID = 8
FIGURE_TOLERANCE = 0.03
SAME = 1
"""Levels of 255 up to which two cells are alike but for rounding."""


@dataclass(frozen=True)
class Tolerance:
    """Levels of 255 by which the cells of a picture may differ from the card's: on average, and any one."""

    mean: float
    cell: float


FULL = Tolerance(mean=1.0, cell=8.0)  # processors and GPUs round differently
HALF = Tolerance(mean=3.0, cell=64.0)  # with 16-bit floats a doubtful cell may turn, most may not


class GoldenError(Exception):
    """These weights do not answer here as they did where they were made; the message says what to do."""


def pictures() -> dict[str, NDArray[np.uint8]]:
    """The golden pictures by name, each H×W×3 uint8."""
    y, x = np.mgrid[0:192, 0:256].astype(np.float64)
    ramp = np.dstack([60 + x / 4, 90 + y / 4, 150 - x / 4])
    disc = np.hypot(x - 120, y - 100) < 60
    waves = 128 + 60 * np.sin(x / 5)[..., None] * np.sin(y / 7)[..., None] * np.array([1.0, 0.6, 0.3])
    box = (abs(x - 150) < 45) & (abs(y - 80) < 50)
    bottle = ((abs(x - 80) < 25) & (y > 70)) | (np.hypot(x - 80, y - 50) < 30)
    drawn = {
        "disc": np.where(disc[..., None], (230, 60, 40), ramp),
        "box": np.where(box[..., None], (250, 230, 60), waves),
        "bottle": np.where(bottle[..., None], (20, 30, 40), 235 - ramp / 8),
        "flat": np.full((192, 256, 3), 127.0),
    }
    return {name: values.clip(0, 255).astype(np.uint8) for name, values in drawn.items()}


def cells(alpha: NDArray[np.uint8]) -> list[int]:
    """Means (0..255) of an alpha mask over a grid of 8×8 cells, row by row."""
    height, width = alpha.shape
    blocks = alpha.reshape(GRID, height // GRID, GRID, width // GRID)
    return [round(float(v)) for v in blocks.mean((1, 3)).flatten()]


def golden_answers(predictor: Predictor) -> list[dict[str, Any]]:
    """What the predictor says of each golden picture: {picture, cells, uncertainty, subject_score}."""
    answers = []
    for name, rgb in pictures().items():
        cut = predictor.predict(rgb)
        answers.append(
            {
                "picture": name,
                "cells": cells(cut.alpha),
                "uncertainty": round(cut.uncertainty, 4),
                "subject_score": round(cut.subject_score, 4),
            }
        )
    return answers


def is_answer(entry: Any) -> bool:
    """Is this what `golden_answers` says of one picture?"""
    if not isinstance(entry, dict) or not isinstance(entry.get("cells"), list) or len(entry["cells"]) != GRID * GRID:
        return False
    figures = [*entry["cells"], entry.get("uncertainty"), entry.get("subject_score")]
    return isinstance(entry.get("picture"), str) and all(type(figure) in (int, float) for figure in figures)


def refuse_blind(answers: list[dict[str, Any]]) -> None:
    """Raises GoldenError where every picture got the same mask, as zeros for weights or a dead layer make of any."""
    if np.ptp([answer["cells"] for answer in answers], axis=0).max() <= SAME:
        raise GoldenError(
            "These weights answer every golden picture with the same mask, whatever is on it: "
            "train them, or fetch them again."
        )


def self_test(predictor: Predictor, *, half: bool = True) -> None:
    """Raises GoldenError unless the weights are those of the card and answer the golden pictures as the card says.

    `half`: they may be computed in 16-bit floats (Backend.half); in full floats less may differ.
    """
    tolerance = HALF if half else FULL
    card = predictor.card
    if card.get("sha256") != predictor.weights:
        raise GoldenError(f"The card is of other weights ({card.get('sha256')}): fetch these weights again.")
    expected = card.get("golden")
    if not expected:
        raise GoldenError("The card has no golden answers: save the weights again with segmentation.saving.save.")
    if not isinstance(expected, list) or len(expected) != len(pictures()) or not all(map(is_answer, expected)):
        raise GoldenError("The card's golden answers are not of the golden pictures: fetch these weights again.")
    for before, now in zip(expected, golden_answers(predictor), strict=True):
        name = now["picture"]
        figures = [now["uncertainty"], now["subject_score"]]
        if not all(math.isfinite(figure) for figure in figures):
            raise GoldenError(f"The picture {name!r} is answered by no number: do not serve these weights.")
        changes = [abs(a - b) for a, b in zip(before["cells"], now["cells"], strict=True)]
        mean, worst = sum(changes) / len(changes), max(changes)
        change = max(abs(before[key] - now[key]) for key in ("uncertainty", "subject_score"))
        if before["picture"] != name or mean > tolerance.mean or worst > tolerance.cell or change > FIGURE_TOLERANCE:
            raise GoldenError(
                f"The picture {name!r} is answered differently than the card says ({mean:.1f} levels of alpha, "
                f"{worst:.0f} in one place, {change:.3f} in its figures): "
                f"do not serve these weights on {predictor.device}."
            )
