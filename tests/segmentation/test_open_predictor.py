"""Whatever holds weights can be cut with from the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import mask, picture, weights
from segmentation.__main__ import main
from segmentation.convert import convert
from segmentation.opening import open_predictor
from segmentation.weights import WeightsError


@pytest.fixture
def photo_file(tmp_path: Path, photo: np.ndarray) -> Path:
    file = tmp_path / "photo.png"
    file.write_bytes(picture.encode_png(photo))
    return file


def test_a_graph_of_others_cuts_by_name_folder_and_file(
    tmp_path: Path, foreign_onnx: Path, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STICKERSNAP_STATE", str(tmp_path))
    found = convert(foreign_onnx, tmp_path / "weights" / "arrived", {"name": "theirs", "subject_threshold": 0.0})
    masks = []
    for name in ("theirs", str(found.folder)):
        out = tmp_path / "mask.png"
        assert main([str(photo_file), "-o", str(out), "--weights", name, "--device", "cpu"]) in (0, 3)
        masks.append(open_predictor(name, tmp_path / "weights", "cpu").predict(np.zeros((32, 32, 3), np.uint8)).alpha)
    masks.append(open_predictor(foreign_onnx, None, "cpu").predict(np.zeros((32, 32, 3), np.uint8)).alpha)
    assert all((m == masks[0]).all() for m in masks)


def test_a_pth_and_a_bare_safetensors_cut_alike(tmp_path: Path, photo: np.ndarray) -> None:
    loaded = weights.load("starter")
    torch.save(loaded.network.state_dict(), tmp_path / "small.pth")
    shutil.copy(weights.starter_folder() / weights.WEIGHTS, tmp_path / "small.safetensors")
    cuts = [open_predictor(tmp_path / name, None, "cpu").predict(photo) for name in ("small.pth", "small.safetensors")]
    assert np.abs(cuts[0].alpha.astype(int) - cuts[1].alpha).mean() < 2, "but for how exactly each backend computes"
    assert mask.crop_box(mask.settle(cuts[0].alpha))


def test_the_starter_cuts_the_same_from_its_folder_and_by_its_name(photo: np.ndarray) -> None:
    by_name, by_folder = open_predictor("starter"), open_predictor(weights.starter_folder() / weights.WEIGHTS)
    assert by_name.weights == by_folder.weights
    assert (by_name.predict(photo).alpha == by_folder.predict(photo).alpha).all()


def test_what_is_no_weights_is_refused(tmp_path: Path, photo_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(WeightsError, match=r"none of \.pth"):
        open_predictor(tmp_path / "notes.txt")
    assert main([str(photo_file), "-o", str(tmp_path / "m.png"), "--weights", "nonsense"]) == 2
    assert capsys.readouterr().err.startswith("weights: There are no weights")
