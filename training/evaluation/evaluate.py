"""Champion against challenger on pictures with known masks, by the road that serving takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segmentation import folders, manifest
from segmentation.cut import Predictor
from segmentation.predictor import TorchPredictor
from training.data.dataset import Pair, manifest_folder, plain_folder
from training.evaluation.metrics import Figures, boundary_f, iou
from training.evaluation.samples import Contrasts
from training.evaluation.slices import slices_of

FIGURES = ("mean_iou", "mean_boundary_f", "mae", "max_f_beta")
PLAYERS = ("champion", "challenger")
TIMED = 15


def figures_of(predictor: Predictor, pairs: Iterable[Pair]) -> dict[str, float]:
    """mean_iou, mean_boundary_f, mae and max_f_beta over the pairs, masks compared at the pictures' own size."""
    figures = Figures()
    for pair in pairs:
        figures.add(predictor.predict(pair.rgb).alpha, pair.mask)
    return figures.summary()


def compare(
    champion: TorchPredictor, challenger: TorchPredictor, pairs: Iterable[Pair], contrasts: Contrasts | None = None
) -> dict[str, Any]:
    """Both on the same pictures: {champion, challenger, images, heldout}; figures are null without any picture.

    One pair is in memory at a time. `contrasts` gathers those that changed most.
    """
    players = {"champion": champion, "challenger": challenger}
    figures = {name: Figures() for name in players}
    images = []
    for pair in pairs:
        line: dict[str, Any] = {"image_sha256": pair.name, "group": pair.group, "source": pair.source}
        line["slices"] = slices_of(pair.mask, pair.source, pair.rgb)
        alphas = {name: predictor.predict(pair.rgb).alpha for name, predictor in players.items()}
        for name, alpha in alphas.items():
            figures[name].add(alpha, pair.mask)
            line[f"{name}_iou"] = iou(alpha, pair.mask)
            line[f"{name}_boundary_f"] = boundary_f(alpha, pair.mask)
        if contrasts is not None:
            gain = line["challenger_iou"] - line["champion_iou"]
            contrasts.add(gain, pair, alphas["champion"], alphas["challenger"])
        images.append(line)
    nothing = dict.fromkeys(FIGURES)
    answer: dict[str, Any] = {
        name: {"sha256": players[name].weights, **(figures[name].summary() if images else nothing)} for name in players
    }
    return {**answer, "images": images, "heldout": len(images)}


def examine(
    champion: TorchPredictor,
    challenger: TorchPredictor,
    heldout: Iterable[Pair],
    *,
    out: Path,
    benchmarks: Sequence[Path] = (),
) -> dict[str, Any]:
    """Everything the gate judges by, but for what says where the challenger came from.

    Beside what `compare` says of the held-out pictures: of each player `network` and `latency_ms` (median, measured in
    turns); `benchmarks` by folder name, each {digest, images} as `compare` has them; `evidence`, the pictures drawn
    into `out`/evidence: [{name, image_sha256, gain}]. ManifestError for a benchmark that has no pairs.
    """
    contrasts = Contrasts()
    evaluation = compare(champion, challenger, heldout, contrasts)
    times = latencies(champion, challenger)
    for name, player, milliseconds in zip(PLAYERS, (champion, challenger), times, strict=True):
        evaluation[name] |= {"network": player.network, "latency_ms": milliseconds}
    evaluation["benchmarks"] = {
        folder.name: {
            "digest": folders.digest(folder),
            "images": compare(champion, challenger, benchmark_pairs(folder))["images"],
        }
        for folder in benchmarks
    }
    evaluation["evidence"] = contrasts.write(out / "evidence")
    return evaluation


def latencies(champion: TorchPredictor, challenger: TorchPredictor) -> tuple[float, float]:
    """Median milliseconds of one picture of the network's size; in turns, so that a busy machine slows both alike."""
    taken: list[list[float]] = [[], []]
    for turn in range(TIMED + 2):
        for player, kept in zip((champion, challenger), taken, strict=True):
            size = int(player.card.get("size", 256))
            picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
            began = time.perf_counter()
            player.predict(picture)
            if turn >= 2:  # the first ones warm up
                kept.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[0]), statistics.median(taken[1])


def benchmark_pairs(folder: Path) -> Iterable[Pair]:
    """The pairs of a benchmark at their own size. Names and groups are theirs alone: no held-out photo shares one."""
    for pair in plain_folder(folder, None):
        name = f"{folder.name}/{pair.name}"
        yield Pair(name, pair.source, name, pair.rgb, pair.mask)


def read_any(folder: Path) -> Iterable[Pair]:
    """The held-out pairs of a dataset folder, or all pairs of a plain images/ masks/ folder, at their own size."""
    if (folder / manifest.MANIFEST).exists():
        return manifest_folder(folder, None, "holdout")
    return plain_folder(folder, longer_side=None)
