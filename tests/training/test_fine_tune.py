import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from segmentation import backends, manifest, networks, weights
from segmentation.predictor import TorchPredictor
from segmentation.weights import golden
from training.__main__ import main
from training.config import FineTuneConfig
from training.data.dataset import Pair
from training.data.material import put_aside
from training.determinism import idle_cores
from training.loop import set_mode

Maker = Callable[..., Path]
SMALL = ["--size", "64", "--batch", "2", "--least-steps", "2", "--threads", "1", "--device", "cpu", "--no-forms"]


def command(data: Path, out: Path, *more: str) -> list[str]:
    base = weights.starter_folder()
    return ["fine-tune", "--data", str(data), "--base", str(base), "--out", str(out), *SMALL, *more]


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_a_run_leaves_weights_and_an_evaluation(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = dataset(3, 2), tmp_path / "run"
    assert main(command(data, out, "--epochs", "2")) == 0
    told = events(capsys.readouterr().out)
    assert [e["event"] for e in told] == [
        "start",
        "epoch",
        "epoch",
        "interpolate",
        "evaluate",
        "sample",
        "sample",
        "done",
    ]
    assert [e["epoch"] for e in told if e["event"] == "epoch"] == [1, 2]
    assert told[0]["validation"] == "training"

    evaluation = json.loads((out / "evaluation.json").read_text())
    loaded = weights.load(out / "weights")
    assert evaluation["challenger"]["sha256"] == loaded.sha256 == told[-1]["weights"]
    assert evaluation["champion"]["sha256"] == weights.load("starter").sha256 != loaded.sha256
    assert evaluation["heldout"] == len(evaluation["images"]) == 2
    heldout = {s.image_sha256 for s in manifest.read(data) if s.split == "holdout"}
    assert {line["image_sha256"] for line in evaluation["images"]} == heldout
    assert evaluation["dataset_digest"] == manifest.digest(data)
    for player in ("champion", "challenger"):
        mean = sum(line[f"{player}_iou"] for line in evaluation["images"]) / 2
        assert evaluation[player]["mean_iou"] == pytest.approx(mean)
        assert {"sha256", "mean_iou", "mean_boundary_f", "mae", "max_f_beta"} <= set(evaluation[player])
    assert loaded.card["base"] == evaluation["champion"]["sha256"]
    assert loaded.card["dataset"]["digest"] == manifest.digest(data)
    golden.self_test(TorchPredictor(loaded, "cpu"))
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 2
    assert len(list((out / "samples").glob("*.jpg"))) == 2


def test_batch_norm_statistics_stay_those_of_the_base(dataset: Maker, tmp_path: Path) -> None:
    assert main(command(dataset(3, 0), tmp_path / "run", "--epochs", "1", "--rate", "0.01")) == 0
    base = load_file(weights.starter_folder() / weights.WEIGHTS)
    tuned = load_file(tmp_path / "run" / "weights" / weights.WEIGHTS)
    statistics = [key for key in base if "running_" in key]
    assert statistics
    assert all(torch.equal(base[key], tuned[key]) for key in statistics)
    assert any(not torch.equal(base[key], tuned[key]) for key in base)
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert evaluation["heldout"] == 0
    assert evaluation["challenger"]["mean_iou"] is None


def test_a_run_killed_and_resumed_ends_where_an_unbroken_one_ends(dataset: Maker, tmp_path: Path) -> None:
    data = dataset(3, 1)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(command(data, whole, "--epochs", "3")) == 0

    child = subprocess.Popen(
        [sys.executable, "-m", "training", *command(data, broken, "--epochs", "3")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    for line in child.stdout:
        if '"epoch": 1,' in line:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert not (broken / "evaluation.json").exists()

    assert main(command(data, broken, "--epochs", "3", "--resume")) == 0
    one, two = (load_file(run / "weights" / weights.WEIGHTS) for run in (whole, broken))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_checkpoint_of_another_run_is_refused(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = dataset(1, 0), tmp_path / "run"
    assert main(command(data, out, "--epochs", "1")) == 0
    assert main(command(data, out, "--epochs", "1", "--rate", "0.5", "--resume")) == 1
    assert "without --resume" in events(capsys.readouterr().out)[-1]["message"]


def test_one_picture_is_enough_and_none_is_a_clear_error(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(dataset(1, 0, "one"), tmp_path / "a", "--epochs", "1")) == 0
    for data in (dataset(0, 2, "heldout only"), dataset(0, 0, "empty"), tmp_path / "nowhere"):
        assert main(command(data, tmp_path / "b")) == 2
        told = capsys.readouterr()
        assert events(told.out)[-1]["event"] == "error"
        assert told.err.strip()
    assert not (tmp_path / "b" / "weights").exists()


def test_a_loss_that_is_no_number_stops_the_run(
    dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = command(dataset(2, 0), tmp_path / "run", "--epochs", "30", "--rate", "1e30", "--warmup", "0.001")
    assert main(run) == 1
    assert "not finite" in events(capsys.readouterr().out)[-1]["message"]
    assert not (tmp_path / "run" / "weights").exists()


def test_a_base_of_another_network_or_digest_is_refused(dataset: Maker, tmp_path: Path) -> None:
    data = dataset(1, 0)
    assert main(command(data, tmp_path / "run", "--network", "basnet")) == 1
    arguments = command(data, tmp_path / "run")
    arguments[arguments.index("--base") + 1] = str(tmp_path)
    assert main(arguments) == 2


def test_mlflow_keeps_the_whole_run(dataset: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    uri, artifacts = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts"
    client = MlflowClient(tracking_uri=uri)
    client.create_experiment("cut", artifact_location=artifacts.as_uri())
    data, out = dataset(2, 1), tmp_path / "run"
    more = ("--epochs", "2", "--tracking-uri", uri, "--experiment", "cut", "--tag", "training_run=17")
    assert main(command(data, out, *more)) == 0
    run_id = events(capsys.readouterr().out)[0]["mlflow_run_id"]
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["training_run"] == "17"
    assert run.data.tags["dataset_digest"] == manifest.digest(data)
    assert run.data.params["seed"] == "0"
    assert [m.step for m in client.get_metric_history(run_id, "val_iou")] == [1, 2]
    assert {f.path for f in client.list_artifacts(run_id)} == {"weights", "samples", "evaluation.json"}
    assert {f.path for f in client.list_artifacts(run_id, "weights")} == {
        "weights/card.json",
        "weights/weights.safetensors",
    }
    assert json.loads((out / "evaluation.json").read_text())["mlflow_run_id"] == run_id
    assert weights.load(out / "weights").card["mlflow_run_id"] == run_id


def test_validation_is_put_aside_by_group_when_there_is_enough() -> None:
    pairs = [Pair(str(i), "s", f"g{i // 2}", None, None) for i in range(600)]  # type: ignore[arg-type]
    config = FineTuneConfig()
    training, validation = put_aside(pairs, config)
    assert 30 <= len(validation) <= 90
    assert not {p.group for p in training} & {p.group for p in validation}
    assert put_aside(pairs[:399], config) == (pairs[:399], []), "a few dozen are too few to choose by"


def test_frozen_statistics_leave_the_rest_in_training() -> None:
    network = networks.build("basnet-small")
    set_mode(network, frozen_statistics=True)
    assert network.training
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)


def test_figures_are_printed_for_any_weights(dataset: Maker, plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data, count in ((dataset(1, 2), 2), (plain, 24)):
        assert main(["evaluate", "--weights", "starter", "--data", str(data), "--device", "cpu"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["images"] == count
        assert 0 <= told["mae"] <= 1
    assert main(["evaluate", "--weights", "starter", "--data", str(dataset(1, 0, "none")), "--device", "cpu"]) == 2


def test_a_busy_machine_lends_at_least_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (50.0, 50.0, 50.0))
    assert idle_cores() == 1
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert idle_cores() >= 1


def test_training_takes_no_more_cores_than_the_container_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(32)))
    monkeypatch.setattr(backends, "CGROUP_QUOTA", tmp_path / "cpu.max")
    assert idle_cores() == 32
    (tmp_path / "cpu.max").write_text("400000 100000")
    assert idle_cores() == 4
    monkeypatch.setattr(os, "getloadavg", lambda: (20.0, 20.0, 20.0))
    assert idle_cores() == 4, "others are busy on cores of their own"
    monkeypatch.setattr(os, "getloadavg", lambda: (30.0, 30.0, 30.0))
    assert idle_cores() == 2
