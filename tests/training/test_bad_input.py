"""Whatever goes wrong around a training, it ends with a plain message, or visibly goes on."""

import json
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from segmentation import manifest, mask, picture, weights
from training import checkpoint
from training.__main__ import main
from training.tracking import MlflowTracker

Maker = Callable[..., Path]
SMALL = ["--size", "64", "--batch", "2", "--least-steps", "1", "--threads", "1", "--device", "cpu", "--no-forms"]


def command(data: Path, out: Path, *more: str) -> list[str]:
    base = str(weights.starter_folder())
    return ["fine-tune", "--data", str(data), "--base", base, "--out", str(out), *SMALL, "--epochs", "1", *more]


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def refused(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    """What the run says that ends with this status."""
    assert main(arguments) == status
    told = capsys.readouterr()
    last = events(told.out)[-1]
    assert last["event"] == "error"
    assert last["message"] in told.err
    assert "Traceback" not in told.err
    return str(last["message"])


def test_a_mask_that_is_no_picture_is_named(dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(2, 1)
    samples = manifest.read(data)
    spoilt = manifest.add(data, (data / samples[0].image).read_bytes() + b"\0", b"rubbish", group="g9", source="s")
    manifest.write(data, [*samples, spoilt], number=2, created="2026-01-02T03:04:05+00:00")
    assert str(spoilt.mask_sha256) in refused(capsys, 2, *command(data, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_file_with_other_bytes_than_its_name_says_is_named(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset(2, 1)
    first = data / manifest.read(data)[0].image
    first.write_bytes(first.read_bytes()[:-1])
    assert first.name in refused(capsys, 2, *command(data, tmp_path / "out"))


@pytest.mark.parametrize(("training", "heldout", "unlabelled"), [(0, 0, 0), (0, 3, 0), (0, 0, 3)])
def test_a_dataset_without_training_pictures_says_what_to_do(
    training: int, heldout: int, unlabelled: int, dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dataset(training, heldout, unlabelled=unlabelled)
    assert "approve more corrections" in refused(capsys, 2, *command(data, tmp_path / "out"))


def test_pictures_that_show_nothing_or_only_the_subject_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    data = tmp_path / "data"
    samples = [
        manifest.add(
            data,
            picture.encode_png(np.full((40 + i, 60, 3), 50 * i, np.uint8)),
            mask.encode_png(np.full((40 + i, 60), 255 * (i % 2), np.uint8)),
            group=f"g{i}",
            source="one class",
            split="train",
        )
        for i in range(4)
    ]
    manifest.write(data, samples, number=1, created="2026-01-02T03:04:05+00:00")
    assert main(command(data, tmp_path / "out")) == 0
    assert events(capsys.readouterr().out)[-1]["heldout"] == 0


def test_a_full_disk_ends_the_run_and_spares_the_last_checkpoint(dataset: Maker, tmp_path: Path) -> None:
    data, out = dataset(2, 1), tmp_path / "out"
    out.mkdir()
    checkpoint.save(out / "checkpoint.pt", {"epoch": "the last good one"})

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        [sys.executable, "-m", "training", *command(data, out)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_files,
        timeout=120,
    )
    assert done.returncode == 1
    last = events(done.stdout)[-1]
    assert last["event"] == "error"
    assert "free space" in last["message"]
    assert "Traceback" not in done.stderr
    assert checkpoint.load(out / "checkpoint.pt") == {"epoch": "the last good one"}
    assert not list(out.glob("*.writing")), "what was half-written is gone"


@contextmanager
def away(database: Path) -> Iterator[None]:
    """The tracking database lets nobody in meanwhile."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def test_mlflow_away_in_the_middle_is_told_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    database = tmp_path / "mlflow.db"
    uri = f"sqlite:///{database}?timeout=0.1"
    tracker = MlflowTracker(uri, "cut", {"seed": 0}, {})
    tracker.metrics({"val_iou": 0.1}, 1)
    with away(database):
        tracker.metrics({"val_iou": 0.2}, 2)
        tracker.metrics({"val_iou": 0.3}, 3)
    warnings = [e for e in events(capsys.readouterr().out) if e["event"] == "warning"]
    assert len(warnings) == 1
    assert "training goes on" in warnings[0]["message"]
    tracker.metrics({"val_iou": 0.4}, 4)
    history = MlflowClient(tracking_uri=uri).get_metric_history(str(tracker.run_id), "val_iou")
    assert [(m.step, m.value) for m in history] == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    with away(database):
        tracker.finish()
    assert "was not told the end" in events(capsys.readouterr().out)[-1]["message"]


def test_without_mlflow_from_the_start_a_run_goes_on_and_says_so(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = ("--tracking-uri", "http://127.0.0.1:9")
    assert main(command(dataset(1, 0), tmp_path / "out", *nobody)) == 0
    told = events(capsys.readouterr().out)
    assert told[0]["event"] == "warning"
    assert "untracked" in told[0]["message"]
    assert told[1]["mlflow_run_id"] is None
    assert told[-1]["event"] == "done"
