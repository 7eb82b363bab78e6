"""Opening weights by any of their names: a predictor on the quickest backend that is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

from segmentation import weights
from segmentation.backends import choose
from segmentation.convert import convert
from segmentation.cut import Predictor
from segmentation.predictor import BackendPredictor, TorchPredictor


def open_predictor(where: str | Path, store: Path | None = None, device: str = "auto") -> Predictor:
    """A predictor on the quickest backend, of a set of weights (see weights.find) or of one file of weights alone.

    Raises weights.WeightsError, DeviceError.
    """
    path = weights.find(where, store)
    if path.suffix == ".pth":
        return TorchPredictor(weights.load(path), device)
    if path.is_dir() or (path.parent / weights.CARD).exists():
        return chosen(weights.inspect(path), device)
    with tempfile.TemporaryDirectory() as aside:
        return chosen(convert(path, Path(aside)), device)


def chosen(found: weights.WeightsSet, device: str) -> BackendPredictor:
    return BackendPredictor(choose(found, device), found.sha256, found.card)
