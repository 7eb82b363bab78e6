import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from segmentation import networks, saving, weights
from training.__main__ import main

Maker = Callable[..., Path]
SMALL = ["--size", "64", "--batch", "2", "--least-steps", "2", "--threads", "1", "--device", "cpu", "--no-forms"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("teacher")
    saving.save(folder, networks.build("u2netp").eval(), {"network": "u2netp", "size": 64})
    return folder


def test_a_student_follows_its_teacher_on_all_consenting_photos(
    dataset: Maker, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "student"
    data = dataset(3, 2, unlabelled=2)
    assert (
        main(["distill", "--teacher", str(teacher), "--data", str(data), "--out", str(out), *SMALL, "--epochs", "1"])
        == 0
    )
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert (told[0]["samples"], told[0]["taught"]) == (3, 5)
    assert next(e for e in told if e["event"] == "interpolate")["share"] == 1.0
    student, present = weights.load(out / "weights"), weights.load("starter")
    evaluation = json.loads((out / "evaluation.json").read_text())
    assert evaluation["champion"]["sha256"] == present.sha256
    assert evaluation["challenger"]["sha256"] == student.sha256 != present.sha256
    assert evaluation["teacher"] == student.card["teacher"] == weights.load(teacher).sha256
    assert evaluation["heldout"] == 2
    assert student.card["network"] == networks.SHIPPED


def test_photos_without_any_true_mask_are_enough(dataset: Maker, teacher: Path, tmp_path: Path) -> None:
    run = ["distill", "--teacher", str(teacher), "--out", str(tmp_path / "out"), *SMALL, "--epochs", "1"]
    assert main([*run, "--data", str(dataset(0, 0, "photos", unlabelled=3))]) == 0
    assert weights.load(tmp_path / "out" / "weights").sha256
    assert main([*run, "--data", str(dataset(0, 1, "nothing"))]) == 2


def test_a_network_without_a_present_student_is_refused(dataset: Maker, teacher: Path, tmp_path: Path) -> None:
    run = ["distill", "--teacher", str(teacher), "--data", str(dataset(1, 0)), "--out", str(tmp_path / "out"), *SMALL]
    assert main([*run, "--network", "u2netp"]) == 1
    assert main([*run, "--network", "u2netp", "--base", str(weights.starter_folder())]) == 1
    assert main([*run, "--teacher", str(tmp_path / "nowhere")]) == 2
