"""The whole card of a starter's weights, measured anew: `python -m training card`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segmentation import weights
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.cut import Predictor
from segmentation.predictor import BackendPredictor, TorchPredictor
from segmentation.weights.golden import golden_answers
from training.data.dataset import Pair, Picture, plain_folder, validation_split
from training.evaluation import failures
from training.evaluation.calibrate import calibrate
from training.evaluation.evaluate import figures_of
from training.evaluation.judge import judge
from training.starter import model_card, starter_card

COMMAND = "python -m training card --weights FOLDER --data train --evaluate ecssd --teacher u2netp"
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def measured(
    loaded: weights.LoadedWeights,
    validation: Sequence[Pair],
    evaluation: Mapping[str, Sequence[Pair]],
    teacher: Predictor | None = None,
) -> dict[str, Any]:
    """The weights' card with a score calibrated on `validation`, and figures on it and on the sets of `evaluation`."""
    card = {**loaded.card, **starter_card.provenance(str(loaded.card["network"])), "card_command": COMMAND}
    card |= calibrate(TorchPredictor(loaded, "cpu"), validation, teacher=teacher)
    predictor = TorchPredictor(replace(loaded, card=card), "cpu")
    sets = {"validation": validation, **evaluation}
    card["figures"] = {name: {"pictures": len(pairs), **judge(predictor, pairs)} for name, pairs in sets.items()}
    card["by_source"] = by_source(predictor, validation)
    card["golden"] = golden_answers(predictor)
    return card


def by_source(predictor: Predictor, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """{pictures, max_f_beta, mae, mean_iou, mean_boundary_f} of each source's pictures: people apart from things."""
    sources: dict[str, list[Pair]] = {}
    for pair in pairs:
        sources.setdefault(pair.source, []).append(pair)
    return {name: {"pictures": len(own), **figures_of(predictor, own)} for name, own in sorted(sources.items())}


def form_figures(found: weights.WeightsSet, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Figures of every ONNX form of a set."""
    figures = {}
    for name in found.card.get("forms", {}):
        path = found.form(name)
        if path:
            backend = OnnxRuntime(path, found.size)
            figures[name] = figures_of(BackendPredictor(backend, found.sha256, found.card), pairs)
    return figures


def photos() -> list[tuple[str, Picture]]:
    """scikit-image's public-domain photographs: they may be shown."""
    from skimage import data

    return [(name, getattr(data, name)()) for name in PHOTOS]


def write(
    where: str, data: Path, evaluation: Path, picture: Path | None, teacher: Predictor | None = None
) -> dict[str, Any]:
    """Measures the weights in a folder and writes card.json, README.md and the picture; answers the card.

    `teacher` says which crops beside a subject show something else, see training.evaluation.calibrate.
    """
    loaded = weights.load(where)
    folder = loaded.folder
    _, validation = validation_split(plain_folder(data))
    pairs = list(plain_folder(evaluation, longer_side=None))
    card = measured(loaded, validation, {evaluation.name: pairs}, teacher)
    card["bytes"] = (folder / weights.WEIGHTS).stat().st_size
    card["form_figures"] = form_figures(weights.inspect(folder), pairs)
    weights.write_card(folder, card)
    shown = ""
    if picture:
        failures.draw(picture, TorchPredictor(replace(loaded, card=card), "cpu"), pairs, photos())
        shown = f"../../docs/images/{picture.name}"
    parameters = sum(p.numel() for p in loaded.network.parameters())
    page = model_card.render(card, parameters, shown)
    weights.write(folder / "README.md", page.encode())
    return card
