"""Graphs that other people made: fed as their card says, their answers taken as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from segmentation.backends import DeviceError
from segmentation.backends.onnxruntime import OnnxRuntime, fed, read
from segmentation.transforms import normalise
from segmentation.weights.published import Graph

SIDE = 32
PLAIN = Graph(mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0))


def graph_of(
    path: Path, last: str = "Sigmoid", outputs: tuple[str, ...] = ("d0", "d1"), count: int | str = "n"
) -> Path:
    """A graph whose maps are the mean of the channels, through `last`; the second is half of the first."""
    image = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [count, 3, SIDE, SIDE])
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [count, 1, SIDE, SIDE]) for name in outputs]
    nodes = [
        helper.make_node("ReduceMean", ["input.1", "axes"], ["mean"], keepdims=1),
        helper.make_node(last, ["mean"], [outputs[0]]),
        *(helper.make_node("Mul", [outputs[0], "half"], [name]) for name in outputs[1:]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
    ]
    made = helper.make_graph(nodes, "theirs", [image], answers, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def photos() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (3, SIDE, SIDE, 3)).astype(np.uint8)


def test_pictures_are_prepared_as_our_own_networks_want_them(photos: np.ndarray) -> None:
    photos[1] = 0
    assert np.allclose(fed(photos, Graph()), normalise(torch.from_numpy(photos)).numpy(), atol=1e-5)


def test_mean_and_deviation_are_those_of_the_card(photos: np.ndarray) -> None:
    x = fed(photos, PLAIN)
    assert x.shape == (3, 3, SIDE, SIDE)
    assert x.dtype == np.float32
    assert np.allclose(x.max((1, 2, 3)), 0.5), "each picture is divided by its own maximum"


def test_probabilities_are_taken_as_they_are_and_never_stretched(tmp_path: Path) -> None:
    backend = OnnxRuntime(graph_of(tmp_path / "g.onnx"), SIDE, PLAIN)
    flat = np.full((1, SIDE, SIDE, 3), 90, np.uint8)
    refined, coarse = backend.run(flat)[0]
    assert np.allclose(refined, 1 / (1 + np.exp(-0.5)), atol=1e-5)
    assert np.allclose(coarse, refined / 2, atol=1e-6)


def test_logits_become_probabilities(tmp_path: Path, photos: np.ndarray) -> None:
    logits = OnnxRuntime(graph_of(tmp_path / "a.onnx", "Identity"), SIDE, replace(PLAIN, answers="logits"))
    sigmoid = OnnxRuntime(graph_of(tmp_path / "b.onnx"), SIDE, PLAIN)
    assert np.allclose(logits.run(photos)[:, 0], sigmoid.run(photos)[:, 0], atol=1e-5)
    extreme = [np.array([[[[-1e9, 1e9]]]], np.float32)] * 2
    assert read(extreme, replace(PLAIN, answers="logits"))[0, 0].tolist() == [[pytest.approx(0), pytest.approx(1)]]


def test_a_graph_of_one_map_answers_it_twice(tmp_path: Path, photos: np.ndarray) -> None:
    maps = OnnxRuntime(graph_of(tmp_path / "g.onnx", outputs=("mask",)), SIDE, PLAIN).run(photos)
    assert (maps[:, 0] == maps[:, 1]).all()


def test_outputs_are_those_the_card_names(tmp_path: Path, photos: np.ndarray) -> None:
    path = graph_of(tmp_path / "g.onnx")
    swapped = OnnxRuntime(path, SIDE, replace(PLAIN, refined="d1", coarse="d0")).run(photos)
    assert np.allclose(swapped[:, ::-1], OnnxRuntime(path, SIDE, PLAIN).run(photos))


def test_a_graph_of_one_picture_at_a_time_is_given_one_at_a_time(tmp_path: Path, photos: np.ndarray) -> None:
    backend = OnnxRuntime(graph_of(tmp_path / "g.onnx", count=1), SIDE, PLAIN)
    assert backend.batch_limit == 1
    assert backend.run(photos[:1]).shape == (1, 2, SIDE, SIDE)
    with pytest.raises(ValueError, match="N at most 1"):
        backend.run(photos)


@pytest.mark.parametrize(
    ("size", "graph"),
    [(64, PLAIN), (SIDE, replace(PLAIN, input="image")), (SIDE, replace(PLAIN, coarse="d9"))],
    ids=["another size", "another input", "another output"],
)
def test_a_graph_that_is_not_what_its_card_says_is_refused(tmp_path: Path, size: int, graph: Graph) -> None:
    with pytest.raises(DeviceError, match="which its card does not describe"):
        OnnxRuntime(graph_of(tmp_path / "g.onnx"), size, graph)
