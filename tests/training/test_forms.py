import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segmentation import forms, weights
from segmentation.backends import choose
from segmentation.export_onnx import ExportError
from segmentation.predictor import BackendPredictor
from segmentation.weights import golden
from training.__main__ import main
from training.saving import make_forms

Maker = Callable[..., Path]
SMALL = ["--epochs", "1", "--batch", "2", "--least-steps", "1", "--threads", "1", "--device", "cpu"]


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def fine_tune(data: Path, out: Path) -> int:
    starter = str(weights.starter_folder())
    return main(["fine-tune", "--data", str(data), "--base", starter, "--out", str(out), *SMALL])


def test_a_run_leaves_forms_that_answer_the_golden_pictures_as_its_card_says(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fine_tune(dataset(3, 2), tmp_path / "run") == 0
    (told,) = [event for event in events(capsys.readouterr().out) if event["event"] == "forms"]
    found = weights.inspect(tmp_path / "run" / "weights")
    for name in ("onnx", "int8"):
        path = found.form(name)
        assert path is not None
        assert path.stat().st_size == told[name] == found.card["forms"][name]["bytes"]
    golden.self_test(BackendPredictor(choose(found, "cpu", "onnxruntime"), found.sha256, found.card))


def test_weights_whose_forms_can_not_be_made_are_kept_and_the_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ExportError("onnxscript is not installed: pip install 'stickersnap[model]'.")

    monkeypatch.setattr(forms, "make", fails)
    make_forms(tmp_path, [])
    (told,) = events(capsys.readouterr().out)
    assert told["event"] == "warning"
    assert "onnxscript is not installed" in told["message"]


def test_figures_of_a_form_are_those_of_the_network_it_was_made_of(
    plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = weights.inspect("starter")
    graph = found.form("int8")
    assert graph is not None
    figures = []
    for options in ([], ["--backend", "onnxruntime"], ["--graph", str(graph)]):
        assert main(["evaluate", "--weights", "starter", "--data", str(plain), "--device", "cpu", *options]) == 0
        figures.append(json.loads(capsys.readouterr().out))
    torch, served, small = figures
    assert torch["images"] == served["images"] == small["images"] == 24
    assert served["max_f_beta"] == pytest.approx(torch["max_f_beta"], abs=1e-3)
    assert small["max_f_beta"] == pytest.approx(torch["max_f_beta"], abs=0.05)
    assert np.isfinite(small["mae"])
