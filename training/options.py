"""The options of `python -m training`."""

from __future__ import annotations

import argparse
from pathlib import Path

from segmentation.backends import MODULES as BACKENDS
from segmentation.networks import NAMES, SHIPPED
from training.config import AUTO, LESSON_SIDE, STARTERS, Config, FineTuneConfig, StarterConfig

DEVICES = ("auto", "cpu", "cuda")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m training", description="Trains and judges the networks.")
    commands = top.add_subparsers(dest="command", required=True)

    tune = commands.add_parser("fine-tune", help="fine-tune a set of weights on a dataset folder")
    tune.add_argument("--base", type=Path, required=True, help="folder of the weights to start from")
    tune.add_argument("--champion", type=Path, help="folder of the weights to be compared with; else the base")
    tune.add_argument("--network", choices=NAMES, default="", help="refuse a base of another; else the base's own")
    tune.add_argument("--replay", type=Path, help="images/ masks/ folder to mix in, so that nothing is unlearnt")
    run_options(tune)

    student = commands.add_parser("distill", help="teach a small network what a large one sees")
    student.add_argument("--teacher", type=Path, required=True, help="folder of the large network's weights")
    student.add_argument("--base", type=Path, help="folder of the present student; the shipped weights where unsaid")
    student.add_argument("--network", choices=NAMES, default=SHIPPED, help="the student's")
    run_options(student)

    starter_options(commands.add_parser("starter", help="train the shipped weights from a pretrained encoder"))

    lesson = commands.add_parser("teach", help="write a large network's soft masks of folders of pictures")
    lesson.add_argument("--teacher", required=True, help="folder of weights, or their name")
    lesson.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pictures, or with images/")
    lesson.add_argument("--out", type=Path, required=True, help="folder of masks; a stopped run goes on there")
    lesson.add_argument("--longer-side", type=int, default=LESSON_SIDE, help="of the masks, default %(default)s")
    lesson.add_argument("--mirrored", action="store_true", help="the mean with the mirror image, for twice the time")
    lesson.add_argument("--device", choices=DEVICES, default="auto")

    page = commands.add_parser(
        "card", help="calibrate the starter's weights, measure them, write their card and README"
    )
    page.add_argument("--weights", required=True, help="folder or 'starter'")
    page.add_argument("--data", type=Path, required=True, help="images/ masks/ folder they were trained on")
    page.add_argument("--evaluate", type=Path, required=True, help="images/ masks/ folder for the figures")
    page.add_argument("--teacher", help="weights that tell crops beside a subject which show something else")
    page.add_argument("--picture", type=Path, help="a .webp of failures to draw, in docs/images")

    table = commands.add_parser("ablate", help="what each safeguard against forgetting is worth, as a table")
    table.add_argument("--data", type=Path, required=True, help="the images/ masks/ folder of the starter's training")
    table.add_argument("--evaluate", type=Path, required=True, help="images/ masks/ folder of quite other pictures")
    table.add_argument("--out", type=Path, required=True)
    table.add_argument("--only", nargs="+", default=[], metavar="ROW", help="train these alone")
    settings(table, FineTuneConfig())

    figures = commands.add_parser("evaluate", help="figures of a set of weights")
    figures.add_argument("--weights", required=True, help="folder, .pth file or 'starter'")
    figures.add_argument(
        "--data", type=Path, required=True, help="dataset folder (its held-out part) or images/ masks/"
    )
    figures.add_argument("--device", choices=DEVICES, default="auto")
    figures.add_argument("--backend", choices=BACKENDS, help="what runs them; torch in float32 where nothing is said")
    figures.add_argument("--graph", type=Path, help="judge this form (segmentation.export_onnx) of the weights")
    return top


def starter_options(command: argparse.ArgumentParser) -> None:
    usual = StarterConfig()
    command.add_argument("--network", choices=STARTERS, default=usual.network)
    command.add_argument(
        "--data", type=Path, nargs="+", required=True, help="images/ masks/ folders; the first is validated by, too"
    )
    command.add_argument("--teacher", type=Path, help="folder of soft masks that `teach` wrote: half of the lessons")
    command.add_argument("--unlabelled", type=Path, help="folder of pictures that the teacher alone has seen")
    command.add_argument("--evaluate", type=Path, help="images/ masks/ folder for the figures at the end")
    command.add_argument("--encoder", type=Path, default=Path("efficientnet-lite0-57934424.pth"))
    command.add_argument("--base", help="weights to go on from instead of the encoder: a folder or 'starter'")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--resume", action="store_true")
    command.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=None, help="default: where hardware computes it"
    )
    settings(command, usual)


def run_options(command: argparse.ArgumentParser) -> None:
    """What every run on a dataset folder may be told."""
    command.add_argument("--data", type=Path, required=True, help="dataset folder with manifest.jsonl")
    command.add_argument("--out", type=Path, required=True, help="folder of the run")
    command.add_argument("--device", choices=DEVICES, default="auto")
    command.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    command.add_argument(
        "--benchmark", type=Path, action="append", default=[], help="judge both on this images/ masks/ folder, too"
    )
    command.add_argument("--no-forms", action="store_true", help="make no ONNX forms of the weights")
    command.add_argument("--tracking-uri", help="MLflow server, database or folder")
    command.add_argument("--experiment", default="stickersnap")
    command.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE")
    settings(command, FineTuneConfig())
    choices(command)


def choices(command: argparse.ArgumentParser) -> None:
    """The settings of fine-tuning that are no plain numbers."""
    command.add_argument(
        "--interpolate",
        type=share_or_auto,
        default=AUTO,
        metavar="auto|0..1",
        help="how far to go from the base's weights (0) to those learnt (1); auto: by pictures put aside",
    )
    command.add_argument(
        "--distil",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="learn what the base says of unlabelled photos, too; by default where nothing is replayed",
    )
    command.add_argument(
        "--frozen-statistics", action=argparse.BooleanOptionalAction, default=True, help="keep the base's batch norm"
    )
    command.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=None, help="default: where hardware computes it"
    )
    command.add_argument(
        "--deterministic",
        action="store_true",
        help="the same bits again on the same machine; --minutes does not count, threads are 1 where none are given",
    )


def share_or_auto(text: str) -> float | str:
    return text if text == AUTO else float(text)


def settings(command: argparse.ArgumentParser, config: Config) -> None:
    """An option for every number of the settings, and for every list of whole numbers."""
    for name, default in config.as_dict().items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(default, tuple):
            command.add_argument(option, type=int, nargs="+", default=default, help=f"default {default}")
        elif isinstance(default, int | float) and not isinstance(default, bool):
            command.add_argument(option, type=type(default), default=default, help=f"default {default}")
