"""Figures of predictors on pictures with known masks, by the road that serving takes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segmentation import manifest
from segmentation.predictor import Predictor, TorchPredictor
from training.dataset import Pair, manifest_folder, plain_folder
from training.metrics import Figures, boundary_f, iou
from training.slices import slices_of

FIGURES = ("mean_iou", "mean_boundary_f", "mae", "max_f_beta")


def figures_of(predictor: Predictor, pairs: Iterable[Pair]) -> dict[str, float]:
    """mean_iou, mean_boundary_f, mae and max_f_beta over the pairs, masks compared at the pictures' own size."""
    figures = Figures()
    for pair in pairs:
        figures.add(predictor.predict(pair.rgb).alpha, pair.mask)
    return figures.summary()


def compare(champion: TorchPredictor, challenger: TorchPredictor, pairs: Iterable[Pair]) -> dict[str, Any]:
    """Both on the same pictures: {champion, challenger, images, heldout}; figures are null without any picture."""
    players = {"champion": champion, "challenger": challenger}
    figures = {name: Figures() for name in players}
    images = []
    for pair in pairs:
        line: dict[str, Any] = {"image_sha256": pair.name, "group": pair.group, "source": pair.source}
        line["slices"] = slices_of(pair.mask, pair.source)
        for name, predictor in players.items():
            alpha = predictor.predict(pair.rgb).alpha
            figures[name].add(alpha, pair.mask)
            line[f"{name}_iou"] = iou(alpha, pair.mask)
            line[f"{name}_boundary_f"] = boundary_f(alpha, pair.mask)
        images.append(line)
    nothing = dict.fromkeys(FIGURES)
    answer: dict[str, Any] = {
        name: {"sha256": players[name].weights, **(figures[name].summary() if images else nothing)} for name in players
    }
    return {**answer, "images": images, "heldout": len(images)}


def read_any(folder: Path) -> Iterable[Pair]:
    """The held-out pairs of a dataset folder, or all pairs of a plain images/ masks/ folder, at their own size."""
    if (folder / manifest.MANIFEST).exists():
        return manifest_folder(folder, None, "holdout")
    return plain_folder(folder, longer_side=None)
