"""What keeps a network from unlearning what it knew."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import networks, weights
from training import interpolate, layerwise
from training.__main__ import main
from training.interpolate import Score
from training.losses import deep_supervision, distillation, mixed
from training.teacher import answers

Maker = Callable[..., Path]
SMALL = ["--size", "64", "--batch", "4", "--least-steps", "2", "--threads", "1", "--device", "cpu", "--no-forms"]


def events(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_distillation_is_least_where_the_student_answers_as_its_teacher() -> None:
    target = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    agreeing = distillation([torch.logit(target)], target)
    for shift in (-0.5, 0.5):
        assert distillation([torch.logit(target) + shift], target) > agreeing
    logits = torch.logit(target).requires_grad_()
    distillation([logits], target).backward()
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-6


def test_a_mixed_batch_counts_every_picture_alike() -> None:
    random = torch.Generator().manual_seed(1)
    maps = [torch.randn(4, 1, 32, 32, generator=random), torch.randn(4, 1, 16, 16, generator=random)]
    target = torch.rand(4, 1, 32, 32, generator=random)
    none, some = torch.zeros(4, dtype=torch.bool), torch.tensor([True, False, False, False])
    assert torch.equal(mixed(maps, target, none, 2.0), deep_supervision(maps, target))
    own, taught = [m[1:] for m in maps], [m[:1] for m in maps]
    expected = (2.0 * distillation(taught, target[:1]) + 3 * deep_supervision(own, target[1:])) / 4
    assert torch.allclose(mixed(maps, target, some, 2.0), expected)
    assert torch.allclose(mixed(maps, target, ~none, 2.0), 2.0 * distillation(maps, target))


@pytest.mark.parametrize("name", networks.NAMES)
def test_a_teacher_answers_a_view_as_its_mirror_image(name: str) -> None:
    torch.manual_seed(0)
    teacher = networks.build(name).eval()
    views = torch.randn(1, 3, 64, 64)
    final, sides = answers(teacher, views)
    mirrored, mirrored_sides = answers(teacher, views.flip(3))
    assert final.shape == (1, 1, 64, 64)
    assert [s.shape for s in sides] == [m.shape for m in teacher.maps(views)[1:]]
    for here, there in zip([final, *sides], [mirrored, *mirrored_sides], strict=True):
        assert torch.allclose(here, there.flip(3), atol=1e-6)
        assert not here.requires_grad


@pytest.mark.parametrize("name", networks.NAMES)
def test_rates_fall_towards_the_input(name: str) -> None:
    network = networks.build(name)
    groups = layerwise.parameter_groups(network, name, floor=0.1)
    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in network.parameters())
    scale_of = {id(p): g["scale"] for g in groups for p in g["params"]}
    scales = [scale_of[id(p)] for p in network.parameters()]
    assert scales[0] == pytest.approx(0.1), "the first layer learns slowest"
    assert scales[-1] == 1.0, "the last one at the full rate"
    encoder = [s for s in scales if s < 1]
    assert encoder == sorted(encoder)
    assert {g["scale"] for g in layerwise.parameter_groups(network, name, floor=1.0)} == {1.0}


def test_between_two_sets_of_weights() -> None:
    champion = {"a": torch.zeros(3), "n": torch.tensor(1)}
    challenger = {"a": torch.ones(3), "n": torch.tensor(2)}
    assert torch.equal(interpolate.between(champion, challenger, 0.25)["a"], torch.full((3,), 0.25))
    assert torch.equal(interpolate.between(champion, challenger, 1.0)["a"], challenger["a"])
    assert interpolate.between(champion, challenger, 0.5)["n"] == 2


def test_as_far_is_gone_as_old_pictures_allow() -> None:
    champion = Score(0.0, 0.60, 0.80)
    forgetting = [Score(0.25, 0.64, 0.801), Score(0.5, 0.68, 0.799), Score(0.75, 0.70, 0.79), Score(1.0, 0.71, 0.70)]
    assert interpolate.best(forgetting, champion).share == 0.5
    harmless = [Score(0.5, 0.68, 0.80), Score(1.0, 0.71, 0.80)]
    assert interpolate.best(harmless, champion).share == 1.0
    harmful = [Score(0.25, 0.64, 0.79), Score(1.0, 0.71, 0.70)]
    assert interpolate.best(harmful, champion).share == 0.25
    assert interpolate.choose(lambda share: champion, replayed=False) == (interpolate.FALLBACK, [])


def test_the_base_teaches_on_photos_nobody_corrected(
    dataset: Maker, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["--base", str(weights.starter_folder()), *SMALL, "--epochs", "1"]
    data = str(dataset(3, 1, unlabelled=4))

    def run(name: str, *more: str) -> tuple[dict, dict]:
        assert main(["fine-tune", "--data", data, "--out", str(tmp_path / name), *base, *more]) == 0
        told = events(capsys.readouterr().out)
        return told[0], next(e for e in told if e["event"] == "interpolate")

    start, interpolation = run("taught")
    assert (start["taught"], start["replay"]) == (4, 0)
    assert interpolation == {"event": "interpolate", "share": interpolate.FALLBACK, "scores": []}
    assert run("untaught", "--no-distil")[0]["taught"] == 0
    start, interpolation = run("replayed", "--replay", str(plain))
    assert (start["taught"], start["replay"]) == (0, 22), "a tenth of the replayed pictures is put aside"
    assert [s[0] for s in interpolation["scores"]] == [0, *interpolate.SHARES]
    assert run("both", "--replay", str(plain), "--distil")[0]["taught"] == 4
    assert run("fixed", "--interpolate", "0.5")[1]["share"] == 0.5
    assert weights.load(tmp_path / "fixed" / "weights").card["interpolate"] == 0.5


def test_a_way_beyond_the_challenger_is_refused(dataset: Maker, tmp_path: Path) -> None:
    for share in ("0", "1.5", "nan"):
        arguments = ["--base", str(weights.starter_folder()), "--out", str(tmp_path), "--interpolate", share]
        assert main(["fine-tune", "--data", str(dataset(1, 0, share)), *arguments]) == 2
    assert np.isfinite(interpolate.FALLBACK)
