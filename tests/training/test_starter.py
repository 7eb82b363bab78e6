import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import golden, weights
from segmentation.basnet_small import BASNetSmall
from segmentation.predictor import TorchPredictor
from training import encoder
from training.__main__ import main


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """An encoder's file of the published layout with made weights."""
    random, arrays = np.random.default_rng(0), {}
    network = BASNetSmall().encoder

    def put(name: str, conv: torch.nn.Conv2d, bias: str, leaf: str) -> None:
        o, i, h, w = conv.weight.shape
        shape = (1, h, w, o) if conv.groups > 1 else (o, h, w, i)
        arrays[f"MobilenetV2/{name}{leaf}"] = (random.standard_normal(shape) * 0.1).astype(np.float32)
        arrays[f"MobilenetV2/{name}{bias}"] = random.standard_normal(o).astype(np.float32)

    put("Conv/", network.stem, "Conv2D_bias", "weights")
    for i, block in enumerate(network.blocks):
        root = f"expanded_conv_{i}/" if i else "expanded_conv/"
        put(f"{root}depthwise/", block.depthwise, "depthwise_bias", "depthwise_weights")
        put(f"{root}project/", block.project, "Conv2D_bias", "weights")
        if i:
            put(f"{root}expand/", block.expand, "Conv2D_bias", "weights")
    path = tmp_path / "encoder.npz"
    np.savez(path, **arrays)
    return path


def test_every_convolution_of_the_encoder_is_filled(pretrained: Path) -> None:
    network = BASNetSmall().encoder
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float("nan"))
    encoder.load_pretrained(network, pretrained)
    arrays = np.load(pretrained)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    depthwise = arrays["MobilenetV2/expanded_conv_5/depthwise/depthwise_weights"]
    assert np.array_equal(network.blocks[5].depthwise.weight[:, 0].detach().numpy(), depthwise[0].transpose(2, 0, 1))
    expand = arrays["MobilenetV2/expanded_conv_5/expand/weights"]
    assert np.array_equal(network.blocks[5].expand.weight.detach().numpy(), expand.transpose(0, 3, 1, 2))


def test_a_short_run_makes_starter_weights(
    plain: Path, pretrained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "starter"
    arguments = ["starter", "--data", str(plain), "--evaluate", str(plain), "--encoder", str(pretrained)]
    arguments += [
        "--out",
        str(out),
        "--size",
        "64",
        "--sizes",
        "32",
        "--final-sizes",
        "32",
        "64",
        "--batch",
        "4",
        "--minutes",
        "0.1",
    ]
    assert main(arguments) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert told[0]["event"] == "start"
    assert told[-1]["event"] == "done"
    assert told[-1]["step"] > 0
    loaded = weights.load(out / "weights")
    card = loaded.card
    assert 0 <= card["subject_threshold"] <= 1
    assert set(card["figures"]) == {"validation", "plain"}
    assert card["size"] == 64
    golden.self_test(TorchPredictor(loaded, "cpu"))
    steps = told[-1]["step"]
    assert main([*arguments, "--resume"]) == 0
    again = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert again[-1]["step"] == steps
    assert again[-1]["weights"] == loaded.sha256


def test_a_missing_encoder_is_a_clear_error(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["starter", "--data", str(plain), "--out", str(tmp_path / "out"), "--encoder", str(tmp_path / "none")]
    assert main(arguments) == 2
    assert "--encoder" in capsys.readouterr().err
