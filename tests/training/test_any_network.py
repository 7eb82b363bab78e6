"""Every network is fine-tuned and served by its name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import networks, saving, weights
from segmentation.predictor import TorchPredictor
from training.__main__ import main
from training.checkpoint import MovingAverage
from training.config import FineTuneConfig
from training.data.dataset import Pair
from training.data.material import Material
from training.loop import Run, train_epoch
from training.parallel import Maps
from training.state import State

Maker = Callable[..., Path]
TINY = ["--no-forms", "--epochs", "1", "--batch", "2", "--least-steps", "1", "--threads", "1", "--device", "cpu"]


@pytest.fixture
def pairs() -> list[Pair]:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    return [Pair(str(i), "drawn", str(i), rgb[i], mask) for i in range(2)]


@pytest.mark.parametrize("name", networks.NAMES)
def test_an_epoch_teaches_any_network_and_it_serves(name: str, pairs: list[Pair], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = networks.build(name)
    state = State(network, torch.optim.SGD(network.parameters(), lr=0.0), MovingAverage(network, 0.5))
    config = FineTuneConfig(batch=1, least_steps=1, size=32)
    train_epoch(state, Run(name, config, Material(pairs[:1]), tmp_path), Maps(network))
    assert np.isfinite(state.losses).all()
    taught = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
    assert sum(taught) > 0.9 * len(taught), "the gradient reaches nearly every parameter"
    loaded = weights.LoadedWeights(network.eval(), "0" * 64, {"network": name, "size": 64}, tmp_path)
    cut = TorchPredictor(loaded, "cpu").predict(np.full((40, 60, 3), 90, np.uint8))
    assert cut.alpha.shape == (40, 60)
    assert np.isfinite([cut.uncertainty, cut.subject_score]).all()


@pytest.mark.parametrize("name", ["basnet-small", "basnet-lite", "u2netp"])
def test_a_run_starts_from_any_base_at_its_own_size(name: str, dataset: Maker, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base, out = tmp_path / "base", tmp_path / "run"
    saving.save(base, networks.build(name).eval(), {"network": name, "size": 64, "published": name})
    assert main(["fine-tune", "--data", str(dataset(2, 1)), "--base", str(base), "--out", str(out), *TINY]) == 0
    tuned = weights.load(out / "weights")
    assert (tuned.card["network"], tuned.card["size"]) == (name, 64)
    assert "published" not in tuned.card, "what was tuned is not what was published"
    assert json.loads((out / "evaluation.json").read_text())["challenger"]["sha256"] == tuned.sha256
    cut = TorchPredictor(tuned, "cpu").predict(np.full((40, 60, 3), 90, np.uint8))
    assert cut.alpha.shape == (40, 60)
