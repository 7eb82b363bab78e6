"""Files made elsewhere become sets that can be served, or are refused with a sentence."""

import dataclasses
import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from segmentation import backends, networks, saving, weights
from segmentation.convert import convert
from segmentation.predictor import BackendPredictor, TorchPredictor
from segmentation.weights import golden, published


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return networks.build("basnet-small").state_dict()


def written(path: Path, state: dict[str, torch.Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["mine.pth", "mine.pt", "mine.safetensors"])
def test_a_state_dict_becomes_a_set_with_a_card(tmp_path: Path, state: dict[str, torch.Tensor], name: str) -> None:
    file = written(tmp_path / name, state)
    found = convert(file, tmp_path / "set", {"name": "mine", "licences": ["MIT"]})
    assert (found.network, found.size, found.format) == ("basnet-small", 256, "safetensors")
    assert found.card["origin"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found.card["name"], found.card["licences"]) == ("mine", ["MIT"])
    loaded = weights.load(found.folder)
    assert all(torch.equal(value, state[key]) for key, value in loaded.network.state_dict().items())
    golden.self_test(TorchPredictor(loaded, "cpu"))


def test_u2netp_comes_in_at_the_size_of_its_authors_and_is_found_by_its_name(tmp_path: Path) -> None:
    file = written(tmp_path / "u2netp.pth", networks.build("u2netp").state_dict())
    found = convert(file, tmp_path / "store" / "set", {"name": "my u2netp"})
    assert (found.network, found.size) == ("u2netp", 320)
    assert weights.inspect("my u2netp", tmp_path / "store").sha256 == found.sha256


def test_keys_as_several_gpus_leave_them_are_understood(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    file = written(tmp_path / "many.pth", {f"module.{key}": value for key, value in state.items()})
    assert convert(file, tmp_path / "set").network == "basnet-small"


def test_a_file_of_the_table_is_known_by_its_bytes(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    file = written(tmp_path / "saved from the browser.pth", state)
    digests = {"md5": hashlib.md5(file.read_bytes()).hexdigest()}
    entry = published.Published("small", "basnet-small", "https://host/small.pth", digests, 1, "Qin", "MIT", side=64)
    card = convert(file, tmp_path / "set", table=(entry,)).card
    assert (card["published"], card["size"], card["source"]) == ("small", 64, "Qin")
    assert (card["licences"], card["address"]) == (["MIT"], "https://host/small.pth")
    assert "published" not in convert(file, tmp_path / "other").card
    wrong = dataclasses.replace(entry, network="u2net")
    with pytest.raises(weights.WeightsError, match="basnet-small, not of u2net"):
        convert(file, tmp_path / "third", table=(wrong,))


def spoilt(state: dict[str, torch.Tensor], value: float) -> dict[str, torch.Tensor]:
    return {**state, "bridge.whole.bias": torch.full_like(state["bridge.whole.bias"], value)}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(("change", "words"), [
    (lambda s: spoilt(s, float("nan")), "bridge.whole.bias is not finite"),
    (lambda s: spoilt(s, float("inf")), "bridge.whole.bias is not finite"),
    (lambda s: {"layer1.weight": torch.ones(3)}, "another architecture than those known here"),
    (lambda s: {**s, "bridge.whole.bias": torch.ones(3)}, "has the shape"),
    (lambda s: dict(list(s.items())[:-3]), "3 entries are missing"),
])  # fmt: skip
def test_wrong_tensors_are_refused(tmp_path: Path, state: dict[str, torch.Tensor], suffix, change, words) -> None:
    file = written(tmp_path / f"wrong{suffix}", change(state))
    with pytest.raises(weights.WeightsError, match=words):
        convert(file, tmp_path / "set")
    assert not (tmp_path / "set" / weights.CARD).exists()


class Code:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda code, path: path.write_bytes(pickle.dumps(code, 2))])
def test_a_pickle_that_is_more_than_tensors_is_not_run(tmp_path: Path, write) -> None:
    write({"weight": torch.ones(1), "code": Code(tmp_path / "ran")}, tmp_path / "code.pth")
    with pytest.raises(weights.WeightsError, match="not a file of tensors alone"):
        convert(tmp_path / "code.pth", tmp_path / "set")
    assert not (tmp_path / "ran").exists()


def test_a_whole_checkpoint_is_more_than_a_state_dict(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save({"model": state, "epoch": 3}, tmp_path / "checkpoint.pth")
    with pytest.raises(weights.WeightsError, match="export the state dict alone"):
        convert(tmp_path / "checkpoint.pth", tmp_path / "set")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".onnx"])
@pytest.mark.parametrize("kept", [0, 100, -20])
def test_a_file_cut_short_is_refused(tmp_path: Path, state, foreign_onnx: Path, suffix: str, kept: int) -> None:
    file = tmp_path / f"cut{suffix}"
    if suffix == ".onnx":
        shutil.copy(foreign_onnx, file)
    else:
        written(file, state)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(weights.WeightsError, match="cut short"):
        convert(file, tmp_path / "set")


def test_what_is_no_weights_at_all_is_refused(tmp_path: Path) -> None:
    for name, words in (("page.pth", "web page"), ("page.onnx", "not an ONNX graph"), ("notes.txt", "none of .pth")):
        (tmp_path / name).write_text("<!DOCTYPE html><html></html>")
        with pytest.raises(weights.WeightsError, match=words):
            convert(tmp_path / name, tmp_path / "set")
    with pytest.raises(weights.WeightsError, match="check the path"):
        convert(tmp_path / "absent.pth", tmp_path / "set")


def test_an_onnx_graph_of_others_becomes_a_set_that_serves(tmp_path: Path, foreign_onnx: Path, photo) -> None:
    found = convert(foreign_onnx, tmp_path / "set")
    assert (found.format, found.network, found.size) == ("onnx", "u2netp", 320)
    assert found.sha256 == weights.digest(foreign_onnx)
    graph = published.Graph(**found.card["graph"])
    assert (graph.input, graph.refined, graph.coarse, graph.answers) == ("input.1", "d0", "d1", "probabilities")
    backend = backends.choose(found, "cpu", "onnxruntime")
    predictor = BackendPredictor(backend, found.sha256, found.card)
    golden.self_test(predictor)
    assert predictor.predict(photo).alpha.shape == photo.shape[:2]
    two = np.stack([np.zeros((320, 320, 3), np.uint8), np.full((320, 320, 3), 200, np.uint8)])
    answers = np.concatenate([backend.run(two[i : i + backend.batch_limit]) for i in range(0, 2, backend.batch_limit)])
    assert answers.shape == (2, 2, 320, 320)
    with pytest.raises(weights.WeightsError, match="no network to train"):
        weights.load(found.folder)


def test_it_answers_what_the_same_network_answers_in_torch(tmp_path: Path, foreign_onnx: Path, photo) -> None:
    torch.manual_seed(3)
    folder, network = tmp_path / "torch", networks.build("u2netp").eval()
    network.outconv.weight.data *= 10
    saving.save(folder, network, {"network": "u2netp", "size": 320})
    ours = TorchPredictor(weights.load(folder), "cpu").predict(photo)
    found = convert(foreign_onnx, tmp_path / "set")
    theirs = BackendPredictor(backends.choose(found, "cpu", "onnxruntime"), found.sha256, found.card).predict(photo)
    assert np.abs(ours.alpha.astype(int) - theirs.alpha).max() <= 1
    assert theirs.uncertainty == pytest.approx(ours.uncertainty, abs=1e-4)


def exported(path: Path, module: torch.nn.Module, shape: tuple[int, ...]) -> Path:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.zeros(shape),), path, dynamo=False)
    return path


class Nan(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] * float("nan")


class Logits(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] * 9


@pytest.mark.parametrize(("module", "shape", "words"), [
    (Nan(), (1, 3, 64, 64), "NaN"),
    (torch.nn.Conv2d(4, 1, 3, padding=1), (1, 4, 64, 64), "not one N×3×S×S"),
    (torch.nn.Conv2d(3, 5, 3, padding=1), (1, 3, 64, 64), "cuts nothing"),
    (torch.nn.Conv2d(3, 1, 3, padding=1), (1, 3, 64, 96), "squares"),
    (torch.nn.Conv2d(3, 1, 3, padding=1), (1, 3, 16, 16), "squares of 32"),
])  # fmt: skip
def test_a_graph_that_cuts_no_photos_is_refused(tmp_path: Path, module, shape, words: str) -> None:
    with pytest.raises(weights.WeightsError, match=words):
        convert(exported(tmp_path / "graph.onnx", module, shape), tmp_path / "set")


def test_a_graph_of_one_map_of_logits_is_understood(tmp_path: Path) -> None:
    graph = convert(exported(tmp_path / "My Graph.onnx", Logits(), (1, 3, 64, 64)), tmp_path / "set").card["graph"]
    assert graph["answers"] == "logits"
    assert graph["refined"] == graph["coarse"]
