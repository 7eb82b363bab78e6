"""A run killed at any moment goes on from where it was."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from segmentation import weights
from training import checkpoint
from training.__main__ import main
from training.config import FineTuneConfig
from training.errors import TrainingError
from training.state import State

Maker = Callable[..., Path]
SMALL = ["--size", "64", "--batch", "2", "--threads", "1", "--device", "cpu", "--no-forms", "--deterministic"]
LONG = ["--epochs", "2", "--least-steps", "6", "--checkpoint-seconds", "0"]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    torch.set_deterministic_debug_mode("default")


def command(data: Path, out: Path, *more: str) -> list[str]:
    base = str(weights.starter_folder())
    return ["fine-tune", "--data", str(data), "--base", base, "--out", str(out), *SMALL, *LONG, *more]


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def killed(arguments: list[str], step: int) -> None:
    """Runs the training in a process of its own and kills it when it tells of the step of its second epoch."""
    child = subprocess.Popen([sys.executable, "-m", "training", *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "checkpoint" and (event["epoch"], event["step"]) == (2, step):
            break
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL


def test_killed_in_mid_epoch_it_ends_with_the_bits_of_an_unbroken_run(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset(3, 1, unlabelled=2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(command(data, whole)) == 0
    killed(command(data, broken), step=3)
    assert not (broken / "weights").exists()
    capsys.readouterr()

    assert main(command(data, broken, "--resume")) == 0
    start = events(capsys.readouterr().out)[0]
    assert start["epoch"] == 1
    assert 3 <= start["step"] < 6
    one, two = ((run / "weights" / weights.WEIGHTS).read_bytes() for run in (whole, broken))
    assert one == two
    histories = [[json.loads(line) for line in (run / "metrics.jsonl").open()] for run in (whole, broken)]
    for a, b in zip(*histories, strict=True):
        assert (a["epoch"], a["train_loss"], a["val_iou"]) == (b["epoch"], b["train_loss"], b["val_iou"])
    card = weights.load(whole / "weights").card
    assert card["threads"] == card["config"]["threads"] == 1
    assert card["config"]["deterministic"] is True


def test_a_damaged_checkpoint_is_refused_and_the_run_starts_from_its_base(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    checkpoint.save(out / "checkpoint.pt", {"numbers": torch.zeros(1000)})
    whole = (out / "checkpoint.pt").read_bytes()
    (out / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    assert main(command(dataset(2, 1), out, "--epochs", "1", "--least-steps", "1", "--resume")) == 0
    told = events(capsys.readouterr().out)
    assert "damaged" in told[0]["message"]
    assert "from the base" in told[0]["message"]
    assert (told[1]["event"], told[1]["epoch"]) == ("start", 0)
    assert weights.load(out / "weights").sha256 == told[-1]["weights"]


@pytest.mark.parametrize("state", [{"epoch": 3}, {}])
def test_a_checkpoint_of_something_else_is_refused(state: dict, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c.pt", state)
    network = torch.nn.Linear(1, 1)
    average = checkpoint.MovingAverage(network, 0.5)
    with pytest.raises(checkpoint.DamagedCheckpoint, match="no checkpoint"):
        State(network, torch.optim.SGD(network.parameters()), average).restore(tmp_path / "c.pt", "")
    for spoilt in (b"", b"PK", b"rubbish" * 100):
        (tmp_path / "c.pt").write_bytes(spoilt)
        with pytest.raises(checkpoint.DamagedCheckpoint, match="damaged"):
            checkpoint.load(tmp_path / "c.pt")


def test_no_changed_byte_of_the_numbers_goes_unnoticed(tmp_path: Path) -> None:
    path, chance = tmp_path / "c.pt", random.Random(0)
    checkpoint.save(path, {"numbers": torch.randn(20000), "plain": [1, 2.0, "three"]})
    whole = path.read_bytes()
    for _ in range(50):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(2000, 70000)] ^= 0x10
        path.write_bytes(spoilt)
        with pytest.raises(checkpoint.DamagedCheckpoint, match="damaged"):
            checkpoint.load(path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.save(path, {"epoch": 1})
    (tmp_path / "c.writing").mkdir()
    with pytest.raises(TrainingError, match="free space"):
        checkpoint.save(path, {"epoch": 2})
    assert checkpoint.load(path) == {"epoch": 1}


def test_more_minutes_are_no_other_run() -> None:
    usual = FineTuneConfig().decisive()
    assert FineTuneConfig(minutes=99, checkpoint_seconds=1).decisive() == usual
    assert FineTuneConfig(seed=1).decisive() != usual
