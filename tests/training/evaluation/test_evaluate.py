"""What evaluation.json says of two sets of weights on real photographs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segmentation import folders, networks, weights
from segmentation.predictor import TorchPredictor
from training.data.dataset import manifest_folder
from training.evaluation.evaluate import examine

DATA = Path(__file__).parents[3] / "data"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Real photographs with their outlines: the sample dataset, all of it held out."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("sample") / "data"
    subprocess.run([sys.executable, "scripts/make_sample_dataset.py", str(folder)], cwd=DATA.parent, check=True)
    return [pair for split in ("train", "holdout") for pair in manifest_folder(folder, None, split)]


@pytest.fixture(scope="module")
def blurred(starter):
    """The starter with noise in its weights: another network of the same size."""
    loaded = weights.load(weights.starter_folder())
    generator = torch.Generator().manual_seed(3)
    for parameter in loaded.network.parameters():
        parameter.data *= 1 + 0.02 * torch.randn(parameter.shape, generator=generator)
    return TorchPredictor(weights.LoadedWeights(loaded.network, "b" * 64, loaded.card, loaded.folder), "cpu")


@pytest.fixture
def benchmark_folder(tmp_path, pairs):
    folder = tmp_path / "cups"
    for part, name in (("images", "rgb"), ("masks", "mask")):
        (folder / part).mkdir(parents=True)
        for pair in pairs[:2]:
            Image.fromarray(getattr(pair, name)).save(folder / part / f"{pair.name[:8]}.png")
    return folder


def test_everything_the_gate_asks_for_is_there(starter, blurred, pairs, benchmark_folder, tmp_path):
    found = examine(starter, blurred, iter(pairs), out=tmp_path, benchmarks=[benchmark_folder])
    json.dumps(found, allow_nan=False)
    assert found["heldout"] == len(found["images"]) == len(pairs)
    for name, player in (("champion", starter), ("challenger", blurred)):
        assert found[name]["sha256"] == player.weights
        assert found[name]["network"] == networks.SHIPPED
        assert found[name]["latency_ms"] > 0
    cups = found["benchmarks"]["cups"]
    assert cups["digest"] == folders.digest(benchmark_folder)
    assert [image["image_sha256"].split("/")[0] for image in cups["images"]] == ["cups", "cups"]
    assert cups["images"][0]["champion_iou"] > 0.5

    gains = {image["image_sha256"]: image["challenger_iou"] - image["champion_iou"] for image in found["images"]}
    drawn = found["evidence"]
    assert {line["name"] for line in drawn} == {path.name for path in (tmp_path / "evidence").iterdir()}
    assert all(line["gain"] == pytest.approx(gains[line["image_sha256"]]) for line in drawn)
    losses = [line["gain"] for line in drawn if line["name"].startswith("worst")]
    assert losses == sorted(losses)
    assert losses[0] == min(gains.values()) < 0
    picture = Image.open(tmp_path / "evidence" / drawn[0]["name"])
    assert picture.height == 192
    assert np.asarray(picture).std() > 10


def test_the_champion_against_itself_has_nothing_to_show(starter, pairs, tmp_path):
    found = examine(starter, starter, pairs[:1], out=tmp_path)
    assert found["evidence"] == []
    assert found["images"][0]["champion_iou"] == found["images"][0]["challenger_iou"]
    assert found["benchmarks"] == {}


def test_a_dataset_without_held_out_pictures_is_judged_on_none(starter, blurred, tmp_path):
    found = examine(starter, blurred, [], out=tmp_path)
    assert (found["images"], found["heldout"], found["champion"]["mean_iou"]) == ([], 0, None)
