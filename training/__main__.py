"""`python -m training fine-tune|starter|evaluate|card`: one JSON object a line on standard output.

Exit status 0: done; 2: the data, the base or the settings cannot be used; 1: training could not go on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segmentation.backends import MODULES as BACKENDS
from segmentation.backends import DeviceError, choose
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.manifest import ManifestError
from segmentation.networks import NAMES
from segmentation.predictor import BackendPredictor, Predictor, TorchPredictor
from segmentation.weights import WeightsError, inspect, load
from training.checkpoint import plain
from training.config import AUTO, Config, ConfigError, FineTuneConfig, StarterConfig
from training.dataset import DataError
from training.errors import TrainingError
from training.evaluate import read_any
from training.events import emit
from training.judge import judge

DEVICES = ("auto", "cpu", "cuda")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m training", description="Trains and judges the networks.")
    commands = top.add_subparsers(dest="command", required=True)

    tune = commands.add_parser("fine-tune", help="fine-tune a set of weights on a dataset folder")
    tune.add_argument("--data", type=Path, required=True, help="dataset folder with manifest.jsonl")
    tune.add_argument("--base", type=Path, required=True, help="folder of the weights to start from")
    tune.add_argument("--out", type=Path, required=True, help="folder of the run")
    tune.add_argument("--network", choices=NAMES, default="", help="refuse a base of another; else the base's own")
    tune.add_argument(
        "--benchmark", type=Path, action="append", default=[], help="images/ masks/ folder to judge on, too; repeatable"
    )
    tune.add_argument("--replay", type=Path, help="images/ masks/ folder to mix in, so that nothing is unlearnt")
    tune.add_argument("--device", choices=DEVICES, default="auto")
    tune.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    tune.add_argument("--no-forms", action="store_true", help="make no ONNX forms of the weights")
    tune.add_argument("--tracking-uri", help="MLflow server, database or folder")
    tune.add_argument("--experiment", default="stickersnap")
    tune.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE")
    settings(tune, FineTuneConfig())
    choices(tune)

    starter = commands.add_parser("starter", help="train basnet-small from its pretrained encoder")
    starter.add_argument("--data", type=Path, required=True, help="images/ masks/ folder")
    starter.add_argument("--evaluate", type=Path, help="images/ masks/ folder for the figures at the end")
    starter.add_argument("--encoder", type=Path, default=Path("../shared/weights/encoder_mobilenetv2_050.npz"))
    starter.add_argument("--base", help="weights to go on from instead of the encoder: a folder or 'starter'")
    starter.add_argument("--out", type=Path, required=True)
    starter.add_argument("--resume", action="store_true")
    settings(starter, StarterConfig())

    page = commands.add_parser(
        "card", help="calibrate the starter's weights, measure them, write their card and README"
    )
    page.add_argument("--weights", required=True, help="folder or 'starter'")
    page.add_argument("--data", type=Path, required=True, help="images/ masks/ folder they were trained on")
    page.add_argument("--evaluate", type=Path, required=True, help="images/ masks/ folder for the figures")
    page.add_argument("--picture", type=Path, help="a .webp of failures to draw, in docs/images")

    figures = commands.add_parser("evaluate", help="figures of a set of weights")
    figures.add_argument("--weights", required=True, help="folder, .pth file or 'starter'")
    figures.add_argument(
        "--data", type=Path, required=True, help="dataset folder (its held-out part) or images/ masks/"
    )
    figures.add_argument("--device", choices=DEVICES, default="auto")
    figures.add_argument("--backend", choices=BACKENDS, help="what runs them; torch in float32 where nothing is said")
    figures.add_argument("--graph", type=Path, help="judge this form (segmentation.export_onnx) of the weights")
    return top


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


def chosen(args: argparse.Namespace, config: Config) -> dict[str, Any]:
    return {name: getattr(args, name) for name in config.as_dict() if hasattr(args, name)}


def tags(pairs: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigError(f"--tag {wrong[0]} is not KEY=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def fine_tune(args: argparse.Namespace) -> None:
    from training.train import Task, run

    task = Task(
        data=args.data,
        base=args.base,
        out=args.out,
        network=args.network,
        device=args.device,
        replay=args.replay,
        resume=args.resume,
        tracking_uri=args.tracking_uri,
        experiment=args.experiment,
        tags=tags(args.tag),
        forms=not args.no_forms,
        benchmarks=args.benchmark,
    )
    run(task, FineTuneConfig.of(chosen(args, FineTuneConfig())))


def starter(args: argparse.Namespace) -> None:
    from training.starter import run

    config = StarterConfig.of(chosen(args, StarterConfig()))
    run(args.data, args.evaluate, args.out, args.encoder, args.base, config, args.resume)


def judged(args: argparse.Namespace) -> Predictor:
    if args.graph:
        found = inspect(args.weights)
        return BackendPredictor(OnnxRuntime(args.graph, found.size), found.sha256, found.card)
    if args.backend:
        found = inspect(args.weights)
        return BackendPredictor(choose(found, args.device, args.backend), found.sha256, found.card)
    return TorchPredictor(load(args.weights), args.device)


def evaluate(args: argparse.Namespace) -> None:
    predictor = judged(args)
    pairs = list(read_any(args.data))
    if not pairs:
        raise DataError(f"{args.data} has no held-out pictures: there is nothing to judge by.")
    print(json.dumps({"weights": predictor.weights, "images": len(pairs), **judge(predictor, pairs)}))


def card(args: argparse.Namespace) -> None:
    from training.card import write

    written = write(args.weights, args.data, args.evaluate, args.picture)
    emit("done", weights=written["sha256"], figures=written["figures"])


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    command = {"fine-tune": fine_tune, "starter": starter, "evaluate": evaluate, "card": card}[args.command]
    try:
        command(args)
    except (DataError, ManifestError, WeightsError, ConfigError, DeviceError) as error:
        return fail(error, 2)
    except TrainingError as error:
        return fail(error, 1)
    except OSError as error:
        return fail(TrainingError(f"{plain(error)}{where(error)}: see to it, then go on with --resume."), 1)
    return 0


def where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def fail(error: Exception, status: int) -> int:
    emit("error", message=str(error))
    print(error, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
