"""The dataset that comes with the code: whole, small, and there without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segmentation import manifest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("Not a git checkout: there is nothing to clone.")
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], check=True)
    return tmp_path / "clone"


def test_dvc_pull_in_a_fresh_clone_brings_it(clone):
    subprocess.run([sys.executable, "-m", "dvc", "pull", "--quiet"], cwd=clone, check=True)
    samples = manifest.read(clone / "data")
    assert len(samples) >= 5
    assert {sample.split for sample in samples} == {"train", "holdout"}
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    assert status.stdout == ""


def test_its_stages_are_understood(clone):
    stages = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    )
    assert stages.stdout.split() == ["evaluate_base", "train"]


def test_it_is_small():
    assert sum(path.stat().st_size for path in (ROOT / "samples").rglob("*") if path.is_file()) < 2_000_000


def test_its_maker_makes_the_same_outlines_fit_the_photographs(tmp_path):
    folder = tmp_path / "data"
    subprocess.run([sys.executable, "scripts/make_sample_dataset.py", str(folder)], cwd=ROOT, check=True)
    assert {sample.group for sample in manifest.read(folder)} >= {"scikit-image/chelsea", "scikit-image/coffee"}
