import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import mask, picture, weights
from segmentation.__main__ import main
from segmentation.mask import edge, subjects
from segmentation.predictor import DeviceError, TorchPredictor
from segmentation.transforms import normalise
from segmentation.uncertainty import highest, subject_score, uncertainty


@pytest.fixture(scope="module")
def predictor() -> TorchPredictor:
    return TorchPredictor(weights.load("starter"), "cpu")


def test_a_photo_is_cut_at_its_own_size(predictor: TorchPredictor, photo: np.ndarray) -> None:
    cut = predictor.predict(photo[:400])
    assert cut.alpha.shape == (400, 512)
    assert cut.alpha.dtype == np.uint8
    assert cut.subject_found
    assert 0 <= cut.uncertainty <= 1
    assert 0 <= cut.subject_score <= 1
    assert cut.alpha[150:300, 180:260].mean() > 200, "the face and the chest are the subject"
    assert cut.alpha[:60, 350:400].mean() < 60, "the wall behind is not"


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_flat_picture_has_no_subject(predictor: TorchPredictor, value: int) -> None:
    cut = predictor.predict(np.full((120, 200, 3), value, np.uint8))
    assert not cut.subject_found
    assert np.isfinite(cut.uncertainty)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (900, 1, 3), (257, 255, 3)])
def test_every_shape_of_photo_is_answered(predictor: TorchPredictor, shape: tuple[int, ...]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert predictor.predict(rgb).alpha.shape == shape[:2]


def test_what_is_no_photo_is_refused(predictor: TorchPredictor) -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(ValueError, match="H×W×3"):
            predictor.predict(wrong)


def test_threads_get_the_answers_one_gets_alone(predictor: TorchPredictor, photo: np.ndarray) -> None:
    photos = [np.rot90(photo, i).copy() for i in range(4)]
    alone = [predictor.predict(p).alpha for p in photos]
    together: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: together.__setitem__(i, predictor.predict(photos[i]).alpha))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((together[i] == alone[i]).all() for i in range(4))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_absent_is_refused() -> None:
    loaded = weights.load("starter")
    assert TorchPredictor(loaded, "auto").device == "cpu"
    for device in ("cuda", "tpu"):
        with pytest.raises(DeviceError, match="choose"):
            TorchPredictor(loaded, device)


def test_an_all_black_picture_stays_finite() -> None:
    x = normalise(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
    assert torch.isfinite(x).all()


def test_a_picture_is_divided_by_its_own_maximum() -> None:
    dark = torch.randint(0, 51, (1, 8, 8, 3), dtype=torch.uint8)
    dark[0, 0, 0, 0] = 51
    assert torch.allclose(normalise(dark), normalise(dark * 5), atol=1e-5)


def test_uncertainty_is_nothing_for_agreement_and_high_for_contradiction() -> None:
    yes, no = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    yes[16:48, 16:48] = 1
    no[:8, :8] = 1
    assert uncertainty(yes, yes) == pytest.approx(0, abs=1e-6)
    assert uncertainty(yes, no) > 0.9
    assert uncertainty(yes * 0.6, yes * 0.6) > uncertainty(yes * 0.95, yes * 0.95)
    assert uncertainty(no * 0, no * 0) == pytest.approx(0, abs=1e-6)
    assert subject_score(yes, yes, {}) == 1
    assert subject_score(no * 0, no, {}) == 0


def test_the_command_writes_a_mask_and_a_cutout(tmp_path: Path, photo: np.ndarray) -> None:
    source, out, cut = tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / "cut.png"
    source.write_bytes(picture.encode_png(photo))
    assert main([str(source), "-o", str(out), "--cutout", str(cut), "--device", "cpu"]) == 0
    alpha = mask.decode_png(out.read_bytes(), (512, 512))
    left, top, right, bottom = mask.crop_box(edge.refine(photo, subjects.choose(alpha, "all")))
    assert picture.decode(cut.read_bytes()).rgb.shape == (bottom - top, right - left, 3)


def test_the_command_says_when_there_is_no_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "flat.png", tmp_path / "mask.png"
    source.write_bytes(picture.encode_png(np.full((64, 64, 3), 90, np.uint8)))
    assert main([str(source), "-o", str(out), "--device", "cpu"]) == 3
    assert capsys.readouterr().out.startswith("no_subject_found: ")
    assert not out.exists()


@pytest.fixture
def two_balls(tmp_path: Path) -> Path:
    """Two balls on a lawn, the left one the larger."""
    rows, columns = np.mgrid[:240, :400]
    rgb = np.full((240, 400, 3), (70, 140, 60), np.uint8)
    for x, radius, colour in ((110, 70, (220, 40, 40)), (300, 55, (40, 60, 220))):
        rgb[np.hypot(rows - 120, columns - x) < radius] = colour
    path = tmp_path / "two.png"
    path.write_bytes(picture.encode_png(rgb))
    return path


def test_the_command_writes_the_mask_of_the_subject_that_is_asked_for(two_balls: Path, tmp_path: Path) -> None:
    files = ["-o", str(tmp_path / "mask.png"), "--cutout", str(tmp_path / "cut.png")]
    assert main([str(two_balls), *files, "--subject", "0.75,0.5"]) == 0
    alpha = mask.decode_png((tmp_path / "mask.png").read_bytes(), (400, 240))
    assert alpha[:, :180].max() < mask.HALF < alpha[120, 300]
    assert main([str(two_balls), *files]) == 0
    assert mask.decode_png((tmp_path / "mask.png").read_bytes())[120, [110, 300]].min() > mask.HALF


@pytest.mark.parametrize(("wrong", "code"), [
    (["--subject", "0.01,0.01"], "no_subject_there"), (["--subject", "7,7"], "not_a_subject"),
    (["--cutout", "absent/cut.png"], "not_written"), (["--cutout", "folder"], "not_written"),
    (["--cutout", "mask.png"], "not_written"), (["--weights", "nonsense"], "weights"),
])  # fmt: skip
def test_where_the_command_says_no_there_is_no_file(
    two_balls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    wrong: list[str], code: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "kept.png").write_bytes(b"as it was")
    before = sorted(tmp_path.rglob("*"))
    for output in ("mask.png", "kept.png"):
        asked = [each.replace("mask.png", output) for each in wrong]
        assert main([str(two_balls), "-o", output, *asked]) == 2
        assert capsys.readouterr().err.startswith(f"{code}: ")
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "kept.png").read_bytes() == b"as it was"


def test_the_command_refuses_bad_input_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.png"
    page.write_text("<html></html>")
    assert main([str(page), "-o", str(tmp_path / "m.png")]) == 2
    assert capsys.readouterr().err.startswith("not_an_image: ")
    assert main([str(tmp_path / "absent.jpg"), "-o", str(tmp_path / "m.png")]) == 2
    assert "check the path" in capsys.readouterr().err


def test_the_data_contract_needs_no_torch() -> None:
    code = (
        "import sys, segmentation, segmentation.mask, segmentation.manifest, segmentation.picture\n"
        "print('torch' in sys.modules, 'django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("shape", [(256, 256), (320, 320), (5, 7), (1, 1)])
@pytest.mark.parametrize("values", ["noise", "subject", "constant"])
def test_the_means_of_the_highest_are_those_of_all_sorted(shape: tuple[int, int], values: str) -> None:
    noise = np.random.default_rng(0).random(shape).astype(np.float32)
    found = {"noise": noise, "subject": np.clip(noise * 40 - 30, 0, 1), "constant": noise * 0 + 0.25}[values]
    shares = (0.001, 0.005, 0.02, 0.3)
    ordered = np.sort(found.ravel())[::-1]
    expected = [ordered[: max(1, round(found.size * share))].mean(dtype=np.float64) for share in shares]
    assert highest(found, shares) == pytest.approx(expected)
    assert highest(found, shares[:1]) == pytest.approx(expected[:1])
