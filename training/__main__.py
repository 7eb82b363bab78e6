"""`python -m training fine-tune|distill|starter|teach|evaluate|card|ablate`: one JSON object a line on standard output.

Exit status 0: done; 2: the data, the base or the settings cannot be used; 1: training could not go on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segmentation.backends import DeviceError, choose
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.cut import Predictor
from segmentation.manifest import ManifestError
from segmentation.predictor import BackendPredictor, TorchPredictor
from segmentation.weights import WeightsError, inspect, load
from training.config import Config, ConfigError, FineTuneConfig, StarterConfig
from training.data.dataset import DataError
from training.errors import TrainingError, reason
from training.evaluation.evaluate import read_any
from training.events import emit
from training.options import parser
from training.task import Task


def chosen(args: argparse.Namespace, config: Config) -> dict[str, Any]:
    return {name: getattr(args, name) for name in config.as_dict() if hasattr(args, name)}


def tags(pairs: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigError(f"--tag {wrong[0]} is not KEY=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def task_of(args: argparse.Namespace, base: Path) -> Task:
    return Task(
        data=args.data,
        base=base,
        out=args.out,
        network=args.network,
        champion=getattr(args, "champion", None),
        device=args.device,
        replay=getattr(args, "replay", None),
        resume=args.resume,
        tracking_uri=args.tracking_uri,
        experiment=args.experiment,
        tags=tags(args.tag),
        forms=not args.no_forms,
        benchmarks=tuple(args.benchmark),
    )


def fine_tune(args: argparse.Namespace) -> None:
    from training.train import run

    run(task_of(args, args.base), FineTuneConfig.of(chosen(args, FineTuneConfig())))


def distill(args: argparse.Namespace) -> None:
    from training.distill import run, student_of

    task = task_of(args, student_of(args.network, args.base))
    run(task, args.teacher, FineTuneConfig.of(chosen(args, FineTuneConfig())))


def ablate(args: argparse.Namespace) -> None:
    from training.ablate import run

    run(args.data, args.evaluate, args.out, FineTuneConfig.of(chosen(args, FineTuneConfig())), args.only)


def starter(args: argparse.Namespace) -> None:
    from training.starter.starter import Sources, run

    config = StarterConfig.of(chosen(args, StarterConfig()))
    sources = Sources(tuple(args.data), args.encoder, args.base, args.teacher, args.unlabelled, args.evaluate)
    run(sources, args.out, config, args.resume)


def teach(args: argparse.Namespace) -> None:
    from training.starter.teach import teach as write

    teacher = predictor_of(args.teacher, args.device)
    made = write(teacher, args.data, args.out, args.longer_side, args.mirrored)
    emit("done", made=made, teacher=teacher.weights)


def predictor_of(name: str, device: str) -> BackendPredictor:
    """Weights by their folder, or by their name among those of the service, by what serves them best here."""
    found = inspect(name, Path("var/weights"))
    return BackendPredictor(choose(found, device), found.sha256, found.card)


def judged(args: argparse.Namespace) -> Predictor:
    if args.graph:
        found = inspect(args.weights)
        return BackendPredictor(OnnxRuntime(args.graph, found.size), found.sha256, found.card)
    if args.backend:
        found = inspect(args.weights)
        return BackendPredictor(choose(found, args.device, args.backend), found.sha256, found.card)
    return TorchPredictor(load(args.weights), args.device)


def evaluate(args: argparse.Namespace) -> None:
    from training.evaluation.judge import judge

    predictor = judged(args)
    pairs = list(read_any(args.data))
    if not pairs:
        raise DataError(f"{args.data} has no held-out pictures: there is nothing to judge by.")
    print(json.dumps({"weights": predictor.weights, "images": len(pairs), **judge(predictor, pairs)}))


def card(args: argparse.Namespace) -> None:
    from training.starter.card import write

    teacher = predictor_of(args.teacher, "cpu") if args.teacher else None
    written = write(args.weights, args.data, args.evaluate, args.picture, teacher)
    emit("done", weights=written["sha256"], figures=written["figures"])


COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "fine-tune": fine_tune,
    "distill": distill,
    "ablate": ablate,
    "starter": starter,
    "teach": teach,
    "evaluate": evaluate,
    "card": card,
}


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        COMMANDS[args.command](args)
    except (DataError, ManifestError, WeightsError, ConfigError, DeviceError) as error:
        return fail(error, 2)
    except TrainingError as error:
        return fail(error, 1)
    except OSError as error:
        return fail(TrainingError(f"{reason(error)}{where(error)}: see to it, then go on with --resume."), 1)
    return 0


def where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def fail(error: Exception, status: int) -> int:
    emit("error", message=str(error))
    print(error, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
