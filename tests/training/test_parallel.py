"""Several processes learn what one learns from the doubled batch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from segmentation import weights
from training.__main__ import main
from training.parallel import World

Maker = Callable[..., Path]
COMMON = ["--size", "64", "--epochs", "1", "--least-steps", "3", "--threads", "1", "--device", "cpu", "--no-forms"]
EXACT = ["--deterministic", "--no-bfloat16", "--rate", "0.0001"]


def command(data: Path, out: Path, batch: int) -> list[str]:
    base = str(weights.starter_folder())
    arguments = ["fine-tune", "--data", str(data), "--base", base, "--out", str(out), "--batch", str(batch)]
    return [*arguments, *COMMON, *EXACT]


def test_two_processes_end_where_one_with_the_doubled_batch_ends(dataset: Maker, tmp_path: Path) -> None:
    data = dataset(6, 1, unlabelled=4)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--module", "training"]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command(data, tmp_path / "two", 2)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [e["event"] for e in told].count("start") == 1, "only the first process tells"
    assert [e["event"] for e in told].count("epoch") == 1
    assert (told[0]["processes"], told[0]["samples"], told[0]["taught"]) == (2, 6, 4)

    assert main(command(data, tmp_path / "one", 4)) == 0
    torch.set_deterministic_debug_mode("default")
    folders = [weights.starter_folder(), tmp_path / "one" / "weights", tmp_path / "two" / "weights"]
    base, whole, apart = (load_file(folder / weights.WEIGHTS) for folder in folders)
    learnt = [key for key in base if "running" not in key]
    moved = sum(float((whole[key].float() - base[key].float()).norm()) for key in learnt)
    differ = sum(float((whole[key].float() - apart[key].float()).norm()) for key in learnt)
    assert moved > 0
    assert differ < 0.1 * moved, "by rounding, and by what the losses of a batch are divided by"


def test_alone_a_process_has_all_and_agrees_with_itself() -> None:
    alone = World()
    assert alone.leader
    assert alone.share([1, 2, 3]) == [1, 2, 3]
    assert alone.total(1.5, 2.0) == [1.5, 2.0]
    assert alone.mean(4.0) == 4.0
    parts = [World(rank, 3).share(range(10)) for rank in range(3)]
    assert sorted(x for part in parts for x in part) == list(range(10))
