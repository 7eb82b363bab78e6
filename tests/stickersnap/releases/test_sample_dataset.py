"""The dataset that comes with the code: whole, small, and there without a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from annotations.models import DatasetVersion
from segmentation import manifest, weights

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path_factory):
    """A fresh clone after `dvc pull`."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("Not a git checkout: there is nothing to clone.")
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "pull", "--quiet"], cwd=folder, check=True)
    return folder


def changed(clone):
    said = subprocess.run(["git", "status", "--porcelain"], cwd=clone, check=True, capture_output=True, text=True)
    return said.stdout.split()


def test_dvc_pull_in_a_fresh_clone_brings_it(clone):
    samples = manifest.read(clone / "data")
    assert len(samples) >= 5
    assert {sample.split for sample in samples} == {"train", "holdout"}
    assert changed(clone) == []


def test_dvc_repro_in_a_fresh_clone_runs_the_stages_and_then_has_nothing_to_do(clone):
    """As the README has it, but for one epoch only. Nothing that git keeps is changed by it."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def dvc(*arguments):
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    settings = clone / "params.yaml"
    settings.write_text(settings.read_text().replace("epochs: 6", "epochs: 1"))
    dvc("repro")
    evaluation = json.loads((clone / "runs/sample/evaluation.json").read_text())
    base = json.loads((clone / "runs/sample/base.json").read_text())
    assert evaluation["champion"]["sha256"] == base["weights"]
    assert evaluation["challenger"]["sha256"] == weights.inspect(clone / "runs/sample/weights").sha256
    assert len(evaluation["images"]) == base["images"] > 0
    assert "up to date" in dvc("repro")
    assert changed(clone) == ["M", "params.yaml", "??", "dvc.lock"]


@pytest.mark.django_db
def test_a_pinned_version_of_the_service_comes_to_the_clone_by_the_commands_it_is_told(
    clone, workspace, approve, settings, capsys
):
    approve(10)
    settings.BASE_DIR = clone
    call_command("dataset", "freeze")
    capsys.readouterr()
    call_command("dataset", "pin", "1")
    commands = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  dvc ")]
    assert [command[1] for command in commands] == ["remote", "pull"]
    for _, *arguments in commands:
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=clone, check=True, capture_output=True)
    assert manifest.digest(clone / "data") == DatasetVersion.objects.get().digest


def test_it_is_small():
    assert sum(path.stat().st_size for path in (ROOT / "samples").rglob("*") if path.is_file()) < 2_000_000


def test_its_maker_makes_the_same_outlines_fit_the_photographs(tmp_path):
    folder = tmp_path / "data"
    subprocess.run([sys.executable, "scripts/make_sample_dataset.py", str(folder)], cwd=ROOT, check=True)
    assert {sample.group for sample in manifest.read(folder)} >= {"scikit-image/chelsea", "scikit-image/coffee"}
