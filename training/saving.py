"""What a run leaves in its folder: checkpoint, history, weights, evaluation, pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segmentation import forms, manifest, networks, saving, weights
from segmentation.backends import DeviceError
from segmentation.export_onnx import ExportError
from segmentation.predictor import TorchPredictor
from training import tracking
from training.config import FineTuneConfig
from training.data.dataset import Pair
from training.data.material import Material
from training.data.pairs import Example
from training.evaluation import samples
from training.evaluation.evaluate import examine
from training.events import emit
from training.state import State

CHECKPOINT = "checkpoint.pt"


def checkpoint_of(state: State, out: Path, fingerprint: str) -> None:
    """Writes the run's checkpoint, whole or not at all. TrainingError where it cannot be written."""
    state.save(out / CHECKPOINT, fingerprint)


def write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    manifest.write_bytes(path, "".join(json.dumps(line) + "\n" for line in history).encode())


@dataclass(frozen=True)
class Made:
    """Weights that a run made, and what is to be said of them on their card."""

    state: Mapping[str, Tensor]
    network: str
    card: Mapping[str, Any]


def new_card(
    base: weights.LoadedWeights, network: str, data: Path, config: FineTuneConfig, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The card of weights that go on from a base; `facts` are further entries."""
    version = manifest.read_version(data)
    return {
        "network": network,
        "size": config.size,
        "subject_threshold": base.card.get("subject_threshold", 0.5),
        "subject": inherited(base.card),
        "base": base.sha256,
        "dataset": {"number": version.number, "digest": version.digest, "samples": version.samples},
        "config": config.as_dict(),
        "threads": torch.get_num_threads(),
        "git_revision": tracking.git_revision(),
        "data": [*base.card.get("data", []), f"corrections, dataset version {version.number}"],
        "licences": base.card.get("licences", []),
        **facts,
    }


def inherited(card: Mapping[str, Any]) -> dict[str, Any]:
    """The base's calibrated score, without figures that were measured on the base alone."""
    subject = card.get("subject") or {}
    return {key: subject[key] for key in ("coefficients", "intercept") if key in subject}


def conclude(
    out: Path,
    made: Made,
    champion: TorchPredictor,
    material: Material,
    facts: Mapping[str, Any],
    tracker: tracking.Tracker,
    with_forms: bool,
    device: str,
    benchmarks: Sequence[Path] = (),
) -> dict[str, Any]:
    """Saves the challenger, compares what was saved with the champion, keeps pictures, figures and weights.

    Answers what evaluation.json holds: the comparison, and `facts`.
    """
    folder = out / "weights"
    network = weights.filled(made.network, dict(made.state))
    saving.save(folder, network, dict(made.card), half=networks.entry(made.network).light)
    challenger = TorchPredictor(weights.load(folder), device)
    judged = examine(champion, challenger, decoded(material.heldout), out=out, benchmarks=benchmarks)
    evaluation = {**judged, **facts}
    heldout = len(material.heldout)
    emit("evaluate", champion=evaluation["champion"], challenger=evaluation["challenger"], heldout=heldout)
    manifest.write_bytes(out / "evaluation.json", (json.dumps(evaluation, indent=1) + "\n").encode())
    shown = list(islice(decoded(material.heldout or material.own or material.taught), forms.MOST_PICTURES))
    for path in samples.draw(out / "samples", shown, [champion, challenger]):
        emit("sample", path=f"samples/{path.name}")
    if with_forms:
        make_forms(folder, shown)
    keep(tracker, out, evaluation)
    return evaluation


def decoded(examples: Sequence[Example]) -> Iterator[Pair]:
    """The examples as pairs, one in memory at a time."""
    for e in examples:
        yield Pair(e.name, e.source, e.group, e.rgb, e.mask, e.weight)


def keep(tracker: tracking.Tracker, out: Path, evaluation: Mapping[str, Any]) -> None:
    numbers = {f"heldout_{k}": v for k, v in evaluation["challenger"].items() if isinstance(v, float)}
    tracker.metrics(numbers, 0)
    tracker.artifacts(out / "weights", "weights")
    tracker.artifacts(out / "evaluation.json")
    tracker.artifacts(out / "samples", "samples")


def make_forms(folder: Path, pairs: Sequence[Pair]) -> None:
    """The forms that serve without torch, compared with it on these pictures; weights without them serve, too."""
    try:
        made = forms.make(folder, [pair.rgb for pair in pairs[: forms.MOST_PICTURES]])
    except (forms.FormError, ExportError, DeviceError) as error:
        emit("warning", message=str(error))
    else:
        emit("forms", **{name: entry["bytes"] for name, entry in made.items()})
