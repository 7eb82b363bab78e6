import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation import weights
from segmentation.predictor import BackendPredictor, TorchPredictor
from segmentation.weights import golden
from training.__main__ import main
from training.config import StarterConfig
from training.evaluation import failures
from training.starter import card
from training.starter.starter import Sources, command_of


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    return Path(shutil.copytree(weights.starter_folder(), tmp_path / "weights"))


def test_a_silhouette_tells_right_from_surplus_and_missing() -> None:
    truth, alpha = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8)
    truth[:, :6], alpha[:, 3:8] = 255, 200
    row = np.asarray(failures.silhouette(alpha, truth))[0]
    assert (row[:3] == failures.MISSING).all()
    assert (row[3:6] == failures.RIGHT).all()
    assert (row[6:8] == failures.SURPLUS).all()
    assert (row[8:] == failures.NOTHING).all()


def test_the_worst_and_the_typical_are_shown() -> None:
    scores = np.linspace(1, 0, 40)
    assert failures.worst_and_typical(scores, 4) == [39, 38, 37, 36, 21, 20, 19, 18]
    assert failures.worst_and_typical(np.array([0.5, 0.2]), 4) == [1, 0]


def test_a_run_is_told_as_the_command_that_makes_it() -> None:
    whole = Sources(
        (Path("a/train"), Path("a/train2")), Path("lite0.pth"), teacher=Path("b/soft"), unlabelled=Path("a/more")
    )
    assert command_of(StarterConfig(), whole) == (
        "python -m training starter --data train train2 --encoder lite0.pth --teacher soft --unlabelled more "
        "--out FOLDER"
    )
    again = Sources((Path("a/train"),), Path("lite0.pth"), base="starter")
    assert command_of(StarterConfig(seed=1, minutes=76.0, sizes=(192, 224), bfloat16=False), again) == (
        "python -m training starter --data train --base BASE --out FOLDER --seed 1 --minutes 76.0 --sizes 192 224"
    )


def test_a_card_is_measured_and_written_for_people_too(
    starter: Path, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "PHOTOS", ("chelsea",))
    ecssd = Path(shutil.copytree(plain, tmp_path / "ecssd"))
    for image in sorted((ecssd / "images").iterdir())[4:]:
        image.unlink()
    picture = tmp_path / "images" / "starter.webp"
    options = ["--weights", str(starter), "--data", str(plain), "--evaluate", str(ecssd), "--picture", str(picture)]
    before = weights.inspect(starter)
    assert main(["card", *options]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["weights"] == before.sha256
    found = weights.inspect(starter)
    assert found.sha256 == before.sha256
    assert found.card["figures"]["ecssd"]["pictures"] == 4
    assert found.form("int8") is not None, "forms stay: the weights are the same"
    assert set(found.card["form_figures"]) == set(found.forms)
    loaded = weights.load(starter)
    predictor: BackendPredictor = TorchPredictor(loaded, "cpu")
    golden.self_test(predictor)
    page = (starter / "README.md").read_text(encoding="utf-8")
    assert found.sha256 in page
    assert "docs/images/starter.webp" in page
    assert f"{found.card['figures']['ecssd']['mae']:.3f}" in page
    with Image.open(picture) as shown:
        assert shown.width == failures.COLUMNS * (failures.CELL + failures.GAP) - failures.GAP
    assert picture.stat().st_size <= failures.MOST_BYTES
