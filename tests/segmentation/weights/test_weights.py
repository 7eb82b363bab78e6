import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from segmentation import networks, saving, weights
from segmentation.predictor import TorchPredictor
from segmentation.weights import golden, pins


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(weights.starter_folder(), tmp_path / "copy"))


def test_the_starter_is_small_and_named_by_its_digest() -> None:
    loaded = weights.load("starter")
    path = weights.starter_folder() / weights.WEIGHTS
    assert [p for p in path.parent.iterdir() if p.stat().st_size > 10 * 1024 * 1024] == []
    assert loaded.sha256 == weights.digest(path) == loaded.card["sha256"]
    assert loaded.card["network"] == networks.SHIPPED
    assert all(p.dtype == torch.float32 for p in loaded.network.parameters())
    assert not loaded.network.training


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = networks.build("basnet-small").eval()
    sha256 = saving.save(tmp_path / "new", network, {"network": "basnet-small", "note": "fresh"})
    loaded = weights.load(tmp_path / "new")
    assert loaded.sha256 == sha256
    assert loaded.card["note"] == "fresh"
    assert len(loaded.card["golden"]) == len(golden.pictures())
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], value)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["card.json", "weights.safetensors"]


def test_a_name_finds_weights_in_the_store(folder: Path, tmp_path: Path) -> None:
    sha256 = weights.read_card(folder)["sha256"]
    store = tmp_path / "store"
    store.mkdir()
    folder.rename(store / sha256)
    assert weights.load(sha256[:12], store).sha256 == sha256
    with pytest.raises(weights.WeightsError, match="no weights"):
        weights.load("0" * 64, store)


def rewrite(folder: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(state, folder / weights.WEIGHTS)
    card = json.loads((folder / weights.CARD).read_text())
    card["sha256"] = weights.digest(folder / weights.WEIGHTS)
    (folder / weights.CARD).write_text(json.dumps(card))


@pytest.mark.parametrize(("change", "words"), [
    (lambda state: state.pop("encoder.stem.bias"), "1 entries are missing"),
    (lambda state: state.update(extra=torch.ones(1)), "1 surplus"),
    (lambda state: state.update({"encoder.stem.bias": torch.ones(5)}), "has the shape"),
    (lambda state: state["encoder.stem.bias"].fill_(float("nan")), "not finite"),
])  # fmt: skip
def test_a_state_that_does_not_fit_is_refused(folder: Path, change: object, words: str) -> None:
    state = load_file(folder / weights.WEIGHTS)
    change(state)
    rewrite(folder, state)
    with pytest.raises(weights.WeightsError, match=words):
        weights.load(folder)


def test_other_bytes_than_the_card_says_are_refused(folder: Path) -> None:
    path = folder / weights.WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(weights.WeightsError, match="fetch"):
        weights.load(folder)


def test_a_missing_or_strange_card_is_refused(folder: Path) -> None:
    (folder / weights.CARD).write_text('{"network": "other"}')
    with pytest.raises(weights.WeightsError, match="no known network"):
        weights.load(folder)
    (folder / weights.CARD).unlink()
    with pytest.raises(weights.WeightsError, match="cannot be read"):
        weights.load(folder)


def test_a_web_page_or_a_pickle_is_no_pth(tmp_path: Path) -> None:
    page, code = tmp_path / "page.pth", tmp_path / "code.pth"
    page.write_text("<!DOCTYPE html><html>Too many requests</html>")
    with pytest.raises(weights.WeightsError, match="web page"):
        weights.load(page)
    torch.save({"x": Path("/")}, code)
    with pytest.raises(weights.WeightsError, match="not a file of tensors"):
        weights.load(code)


def test_a_pth_of_tensors_is_loaded(tmp_path: Path) -> None:
    network = networks.build("basnet-small")
    torch.save(network.state_dict(), tmp_path / "small.pth")
    loaded = weights.load(tmp_path / "small.pth")
    assert loaded.card["network"] == "basnet-small"
    assert torch.equal(loaded.network.state_dict()["bridge.whole.bias"], network.bridge.whole.bias)


def test_spoilt_weights_are_not_saved(tmp_path: Path) -> None:
    network = networks.build("basnet-small")
    with torch.no_grad():
        network.bridge.whole.bias[0] = float("inf")
    with pytest.raises(weights.WeightsError, match="not saved"):
        saving.save(tmp_path / "spoilt", network, {"network": "basnet-small"})
    assert not (tmp_path / "spoilt").exists()


def test_the_starter_passes_its_self_test() -> None:
    predictor = TorchPredictor(weights.load("starter"), "cpu")
    golden.self_test(predictor, half=False)
    assert golden.golden_answers(predictor) == golden.golden_answers(predictor)


def test_full_floats_are_held_to_less_difference_than_half_ones() -> None:
    loaded = weights.load("starter")
    answers = [dict(answer) for answer in loaded.card["golden"]]
    answers[0]["cells"] = [cell + 2 for cell in answers[0]["cells"]]
    loaded.card["golden"] = answers
    golden.self_test(TorchPredictor(loaded, "cpu"))
    with pytest.raises(golden.GoldenError, match=r"2\.0 levels"):
        golden.self_test(TorchPredictor(loaded, "cpu"), half=False)


def test_weights_that_answer_differently_fail_the_self_test() -> None:
    loaded = weights.load("starter")
    with torch.no_grad():
        for parameter in loaded.network.parameters():
            parameter.mul_(0.9)
    with pytest.raises(golden.GoldenError, match="differently"):
        golden.self_test(TorchPredictor(loaded, "cpu"))


def test_a_card_of_other_weights_fails_the_self_test() -> None:
    loaded = weights.load("starter")
    for card in ({**loaded.card, "sha256": "0" * 64}, {**loaded.card, "golden": []}):
        other = weights.LoadedWeights(loaded.network, loaded.sha256, card, loaded.folder)
        with pytest.raises(golden.GoldenError):
            golden.self_test(TorchPredictor(other, "cpu"))


def test_the_starter_says_where_it_comes_from_and_how_good_it_is() -> None:
    card = weights.load("starter").card
    assert card["encoder"]["licence"] == "Apache-2.0"
    assert (len(card["data"]), sum(entry["pairs"] for entry in card["data"])) == (17, 8097)
    assert all(entry["licence"] and entry["pairs"] for entry in card["data"])
    assert card["figures"]["ecssd"]["pictures"] == 250
    assert 0 < card["subject_threshold"] < 1
    readme = (weights.starter_folder() / "README.md").read_text(encoding="utf-8")
    assert card["sha256"] in readme
    for name in ("max_f_beta", "mae", "mean_iou", "mean_boundary_f"):
        assert f"{card['figures']['ecssd'][name]:.3f}" in readme
    assert "No figure on PASCAL-S may be quoted" in readme


def test_weights_are_inspected_without_torch() -> None:
    code = (
        "import sys\n"
        "from segmentation import networks, weights\n"
        "from segmentation.weights import golden\n"
        "found = weights.inspect('starter')\n"
        "print('torch' in sys.modules, found.format, found.network, found.size)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "safetensors", networks.SHIPPED, str(weights.inspect("starter").size)]


@pytest.mark.parametrize(
    "subject",
    [
        [1.0],
        {"coefficients": [1.0], "intercept": 0.0},
        {"coefficients": [1.0, 2.0, 3.0, 4.0]},
        {"coefficients": [1.0, 2.0, 3.0, "4"], "intercept": 0.0},
        {"coefficients": "none", "intercept": 0.0},
        {"coefficients": [1.0, 2.0, 3.0, float("nan")], "intercept": 0.0},
    ],
)
def test_a_card_whose_subject_score_can_not_be_computed_is_refused(subject: object) -> None:
    card = {**weights.load("starter").card, "subject": subject}
    assert "subject" in weights.card_fault(card)
    usable = {"coefficients": [1, 2.0, 3.0, 4.0], "intercept": -1.5}
    assert weights.card_fault({**card, "subject": usable}) == ""


GRAPH = {
    "input": "input.1",
    "refined": "d0",
    "coarse": "d1",
    "mean": [0.5] * 3,
    "std": [1, 1, 1.0],
    "answers": "logits",
}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "pickle"},
        {"format": ["onnx"]},
        {"network": None},
        {"size": 320.5},
        {"size": 100_000},
        {"size": "320"},
        {"subject_threshold": float("nan")},
        {"subject_threshold": True},
        {"forms": ["int8"]},
        {"forms": {"int8": {"file": 1, "sha256": ""}}},
        {"graph": None},
        {"graph": {**GRAPH, "code": "import os"}},
        {"graph": {**GRAPH, "input": 1}},
        {"graph": {**GRAPH, "mean": [0.5, 0.5]}},
        {"graph": {**GRAPH, "mean": 0.5}},
        {"graph": {**GRAPH, "mean": ["a", "b", "c"]}},
        {"graph": {**GRAPH, "std": [1, 0, 1]}},
        {"graph": {**GRAPH, "std": [1, float("inf"), 1]}},
        {"graph": {**GRAPH, "answers": "classes"}},
    ],
)
def test_a_card_that_does_not_fit_is_refused_by_what_is_wrong(tmp_path: Path, change: dict) -> None:
    card = {"format": "onnx", "network": "u2net", "size": 320, "graph": GRAPH, "sha256": "0" * 64}
    assert weights.card_fault(card) == ""
    (tmp_path / weights.CARD).write_text(json.dumps(card | change))
    with pytest.raises(weights.WeightsError, match="correct the card, or fetch these weights again"):
        weights.inspect(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answers: answers.pop(),
        lambda answers: answers.append("more"),
        lambda answers: answers[0].pop("cells"),
        lambda answers: answers[0].update(cells=[1, 2]),
        lambda answers: answers[0].update(uncertainty="low"),
        lambda answers: answers[0].update(subject_score=None),
    ],
)
def test_golden_answers_that_are_none_are_refused(spoil: object) -> None:
    loaded = weights.load("starter")
    answers = json.loads(json.dumps(loaded.card["golden"]))
    spoil(answers)
    other = weights.LoadedWeights(loaded.network, loaded.sha256, {**loaded.card, "golden": answers}, loaded.folder)
    with pytest.raises(golden.GoldenError, match="golden answers are not of the golden pictures"):
        golden.self_test(TorchPredictor(other, "cpu"))


def test_the_shipped_card_is_the_one_that_is_pinned(folder: Path) -> None:
    assert pins.pinned(weights.starter_folder()) == pins.pins_of(weights.read_card(weights.starter_folder()))
    card = weights.read_card(folder)
    for changed in ({**card, "subject_threshold": 1.0}, {**card, "forms": {}}):
        (folder / weights.CARD).write_text(json.dumps(changed))
        with pytest.raises(weights.WeightsError, match=r"is not the card that pins\.json pins"):
            weights.inspect(folder)
    weights.write_card(folder, {**card, "note": "by our own code"})
    assert weights.inspect(folder).card["note"] == "by our own code"
