"""Graphs of other people: fed as their family is, tried on photographs with known masks, refused in words."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import backends, trial, weights
from segmentation.backends.onnxruntime import fed, read
from segmentation.convert import convert, families
from segmentation.predictor import BackendPredictor
from segmentation.weights.published import Graph, graph_fault

DISC = np.hypot(*np.mgrid[-32:32, -32:32]) < 20


class Between(torch.nn.Module):
    """Cuts what lies between two numbers of its input: white, where it is fed as IS-Net is."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = x.mean(1, keepdim=True)
        return ((grey > 0.2) & (grey < 0.8)).float()


def exported(path: Path, module: torch.nn.Module, shape: tuple[int, ...], **options) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.zeros(shape),), path, dynamo=False, **options)
    return path


@pytest.fixture
def drawn(monkeypatch):
    """Instead of photographs: a white disc on black."""
    pairs = [(np.repeat(DISC[..., None], 3, 2).astype(np.uint8) * 255, DISC)]
    monkeypatch.setattr(trial, "photographs", lambda: pairs)


def test_a_graph_is_fed_as_the_family_that_cuts_best(tmp_path, drawn):
    found = convert(exported(tmp_path / "who.onnx", Between(), (1, 3, 1024, 1024)), tmp_path / "set")
    assert found.network == "isnet"
    assert found.card["tried"]["isnet"] > 0.9
    assert found.card["tried"]["birefnet"] < trial.LEAST
    predictor = BackendPredictor(backends.choose(found, "cpu", "onnxruntime"), found.sha256, found.card)
    trial.refuse_useless(trial.mean_iou(predictor), "who.onnx")


def test_what_is_said_is_not_tried(tmp_path, drawn):
    file = exported(tmp_path / "who.onnx", Between(), (1, 3, 1024, 1024))
    found = convert(file, tmp_path / "set", graph=families.family_get("birefnet").graph)
    assert "tried" not in found.card
    predictor = BackendPredictor(backends.choose(found, "cpu", "onnxruntime"), found.sha256, found.card)
    with pytest.raises(trial.UselessError, match="--scale"):
        trial.refuse_useless(trial.mean_iou(predictor), "who.onnx")


@pytest.mark.parametrize(
    ("scale", "black", "grey"), [("max", -0.5, 0.5), ("255", -0.5, 100 / 255 - 0.5), ("none", -0.5, 99.5)]
)
def test_scales(scale, black, grey):
    batch = np.array([[[[100, 100, 100], [0, 0, 0]]]], np.uint8)
    x = fed(batch, Graph(mean=(0.5,) * 3, std=(1.0,) * 3, scale=scale))
    assert x[0, 0, 0] == pytest.approx([grey, black], abs=1e-5)


def test_answers_are_read_as_the_card_says():
    maps = [np.array([[[[0, 9.0]], [[-4, 4]]]], np.float32)] * 2
    assert read(maps, Graph(channel=1, answers="logits"))[0, 0] == pytest.approx(np.array([[0.018, 0.982]]), abs=1e-3)
    assert read(maps, Graph(channel=1, answers="minmax"))[0, 1] == pytest.approx(np.array([[0, 1]]))
    flat = [np.full((1, 1, 2, 2), 0.4, np.float32)] * 2
    assert not read(flat, Graph(answers="minmax")).any()


class Two(torch.nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x + y)[:, :1]


class Whole(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, :1] > 0).long()


class DividesByTheSum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] / x.abs().sum()


def test_a_graph_that_cannot_serve_says_why(tmp_path):
    none = Graph(mean=(0.0,) * 3, std=(1.0,) * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two = tmp_path / "two.onnx"
        torch.onnx.export(Two(), (torch.zeros(1, 3, 64, 64),) * 2, two, dynamo=False)
    for file, words in (
        (two, "not one N×3×S×S"),
        (exported(tmp_path / "whole.onnx", Whole(), (1, 3, 64, 64)), "whole numbers"),
        (exported(tmp_path / "black.onnx", DividesByTheSum(), (1, 3, 64, 64)), "for a black picture"),
    ):
        with pytest.raises(weights.WeightsError, match=words):
            convert(file, tmp_path / "set", graph=none)


def test_a_channel_of_several_is_taken(tmp_path):
    class Classes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([1 - x[:, :1].clamp(0, 1), x[:, :1].clamp(0, 1)], 1)

    file = exported(tmp_path / "classes.onnx", Classes(), (1, 3, 64, 64))
    graph = Graph(mean=(0.0,) * 3, std=(1.0,) * 3, scale="255", channel=1)
    card = convert(file, tmp_path / "set", graph=graph).card
    assert card["graph"]["channel"] == 1
    with pytest.raises(weights.WeightsError, match="cuts nothing"):
        convert(file, tmp_path / "other")


def test_the_shipped_weights_cut_the_trial_photographs(starter):
    assert trial.mean_iou(starter) >= trial.LEAST
    assert len(trial.photographs()) == 5


def test_a_trial_mask_that_is_none_is_named(tmp_path, monkeypatch):
    shutil.copytree(trial.FOLDER, tmp_path / "trial")
    monkeypatch.setattr(trial, "FOLDER", tmp_path / "trial")
    (tmp_path / "trial" / "coffee.png").write_bytes(b"rubbish")
    with pytest.raises(trial.DamagedTrialError, match=r"coffee\.webp or its mask is damaged"):
        trial.photographs()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scale": "128"}, "scale"),
        ({"channel": -1}, "channel"),
        ({"channel": True}, "channel"),
        ({"answers": "x"}, "answers"),
    ],
)
def test_a_card_that_reads_a_graph_impossibly_is_refused(values, words):
    assert words in graph_fault(values)


def test_an_unknown_family_is_told_the_known_ones():
    assert families.family_get("dis") == families.family_get("isnet")
    with pytest.raises(families.UnknownFamilyError, match="birefnet"):
        families.family_get("sam")
