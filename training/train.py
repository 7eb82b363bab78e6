"""Fine-tuning of a set of weights on a dataset folder.

In the order in which things happen: read, (resume,) train epoch by epoch, save, compare with the base on the
held-out pictures. Batch-norm statistics stay those of the base: a few corrections cannot estimate new ones.

The held-out pictures judge and never choose. With at least `validation_from` training pictures a tenth of them (by
group) is put aside to choose the best epoch and to stop early; with fewer, every epoch runs, the last average counts,
and "val_iou" is measured on the training pictures themselves ("validation": "training" in the start event).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from segmentation import forms, manifest, networks, weights
from segmentation.backends import DeviceError
from segmentation.export_onnx import ExportError
from segmentation.predictor import TorchPredictor, choose_device
from segmentation.transforms import alpha_at, channels_last, network_input, normalise
from training import augment, checkpoint, samples, tracking
from training.config import FineTuneConfig
from training.dataset import LONGER_SIDE, DataError, Pair, manifest_folder, plain_folder
from training.errors import TrainingError
from training.evaluate import compare
from training.events import emit
from training.losses import deep_supervision
from training.metrics import iou
from training.schedule import rate_factor
from training.state import State

REPLAY_AT_MOST = 2000


@dataclass(frozen=True)
class Task:
    """What to fine-tune, on what, where to. Without a `network` it is the base's own."""

    data: Path
    base: Path
    out: Path
    network: str = ""
    device: str = "auto"
    replay: Path | None = None
    resume: bool = False
    tracking_uri: str | None = None
    experiment: str = "stickersnap"
    tags: Mapping[str, str] = field(default_factory=dict)
    forms: bool = True


def idle_cores() -> int:
    """How many processor cores nobody else uses now, at least one: threads that wait for a busy core all wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - round(os.getloadavg()[0]))


def put_aside(pairs: Sequence[Pair], config: FineTuneConfig) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs, split by group; no validation pairs when there are too few."""
    if len(pairs) < config.validation_from:
        return list(pairs), []
    shares = {p.group: int(hashlib.sha256(f"validation {p.group}".encode()).hexdigest()[:8], 16) / 2**32 for p in pairs}
    kept = [p for p in pairs if shares[p.group] >= config.validation_share]
    aside = [p for p in pairs if shares[p.group] < config.validation_share]
    return (kept, aside) if kept and aside else (list(pairs), [])


def order(random: Generator, pairs: Sequence[Pair], count: int) -> list[Pair]:
    """`count` draws in random order, each pair as often as its weight asks, to within one."""
    total = np.cumsum([pair.weight for pair in pairs])
    points = (np.arange(count) + random.random()) / count * total[-1]
    indices = np.minimum(np.searchsorted(total, points, side="right"), len(pairs) - 1)
    return [pairs[i] for i in random.permutation(indices)]


def batches(config: FineTuneConfig, pairs: Sequence[Pair], replay: Sequence[Pair], epoch: int) -> list[list[Pair]]:
    """The batches of an epoch, a function of seed and epoch; with replay pairs a share of each batch is theirs."""
    random = np.random.default_rng([config.seed, epoch])
    own = max(1, round(config.batch * (1 - config.replay_share))) if replay else min(config.batch, len(pairs))
    steps = max(config.least_steps, math.ceil(len(pairs) / own))
    drawn = order(random, pairs, steps * own)
    groups = [drawn[i * own : (i + 1) * own] for i in range(steps)]
    if replay:
        others = order(random, replay, steps * (config.batch - own)) if config.batch > own else []
        groups = [group + others[i :: len(groups)] for i, group in enumerate(groups)]
    return groups


def freeze_statistics(network: nn.Module) -> None:
    """Training mode, but batch norm keeps and uses the statistics it has."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def native_maps(network: nn.Module, x: Tensor) -> Sequence[Tensor]:
    maps: Sequence[Tensor] = network.maps(x)  # type: ignore[operator]
    return maps


def train_epoch(state: State, config: FineTuneConfig, pairs: Sequence[Pair], replay: Sequence[Pair]) -> float:
    """One epoch; the mean loss. TrainingError when the loss is no number."""
    device = next(state.network.parameters()).device
    freeze_statistics(state.network)
    groups = batches(config, pairs, replay, state.epoch)
    others = [*pairs, *replay]
    losses = []
    for step, group in enumerate(groups):
        seeds = [np.random.default_rng([config.seed, state.epoch, step, place]) for place in range(len(group))]
        drawn = [augment.example(r, p, others, config.size, 0.1, 0.02) for r, p in zip(seeds, group, strict=True)]
        images, masks = (torch.from_numpy(np.stack(arrays)).to(device) for arrays in zip(*drawn, strict=True))
        progress = (state.epoch + step / len(groups)) / config.epochs
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = config.rate * rate_factor(progress, config.warmup)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            maps = native_maps(state.network, normalise(images))
        loss = deep_supervision(maps, masks[:, None].float() / 255)
        state.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        if not math.isfinite(float(loss.detach())) or not math.isfinite(float(norm)):
            raise TrainingError(f"The loss is not finite in epoch {state.epoch + 1}: choose a smaller --rate.")
        state.optimizer.step()
        state.average.update(state.network)
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


@torch.inference_mode()
def mean_iou(network: nn.Module, pairs: Sequence[Pair], size: int) -> float:
    device = next(network.parameters()).device
    network.eval()
    values = []
    for pair in pairs:
        logits = native_maps(network, network_input(pair.rgb, size).to(device))[0][0, 0]
        values.append(iou(alpha_at(logits.float().sigmoid().cpu().numpy(), *pair.mask.shape), pair.mask))
    return float(np.mean(values))


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def averaged(state: State, name: str) -> nn.Module:
    network = networks.build(name).to(next(state.network.parameters()).device)
    network.load_state_dict(state.average.state)
    return network.eval()


def train(
    state: State,
    config: FineTuneConfig,
    name: str,
    pairs: Sequence[Pair],
    validation: Sequence[Pair],
    replay: Sequence[Pair],
    tracker: tracking.Tracker,
    out: Path,
    fingerprint: str,
) -> nn.Module:
    """Trains to the last epoch, the end of the budget or of patience; answers the network that counts."""
    while state.epoch < config.epochs and state.elapsed < config.minutes * 60:
        if validation and state.epoch - state.best_epoch >= config.patience:
            break
        began = time.monotonic()
        loss = train_epoch(state, config, pairs, replay)
        network = averaged(state, name)
        value = mean_iou(network, (validation or pairs)[:64], config.size)
        state.epoch += 1
        if not validation or value > state.best_iou:
            state.best_iou, state.best_epoch = value, state.epoch
            state.best = copied(network)
        state.elapsed += time.monotonic() - began
        line = {"epoch": state.epoch, "train_loss": loss, "val_iou": value, "seconds": round(state.elapsed, 3)}
        state.history.append(line)
        state.save(out / "checkpoint.pt", fingerprint)
        write_history(out / "metrics.jsonl", state.history)
        tracker.metrics({"train_loss": loss, "val_iou": value}, state.epoch)
        emit("epoch", epochs=config.epochs, **line)
    network = networks.build(name)
    network.load_state_dict(state.best)
    return network.eval()


def write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    manifest.write_bytes(path, "".join(json.dumps(line) + "\n" for line in history).encode())


def new_card(base: weights.LoadedWeights, task: Task, config: FineTuneConfig, run_id: str | None) -> dict[str, Any]:
    version = manifest.read_version(task.data)
    return {
        "network": task.network,
        "size": config.size,
        "subject_threshold": base.card.get("subject_threshold", 0.5),
        "subject": inherited(base.card),
        "base": base.sha256,
        "dataset": {"number": version.number, "digest": version.digest, "samples": version.samples},
        "config": config.as_dict(),
        "git_revision": tracking.git_revision(),
        "mlflow_run_id": run_id,
        "data": [*base.card.get("data", []), f"corrections, dataset version {version.number}"],
        "licences": base.card.get("licences", []),
    }


def inherited(card: Mapping[str, Any]) -> dict[str, Any]:
    """The base's calibrated score, without figures that were measured on the base alone."""
    subject = card.get("subject") or {}
    return {key: subject[key] for key in ("coefficients", "intercept") if key in subject}


def read_data(task: Task, config: FineTuneConfig) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Training, validation and replay pairs. DataError when there is nothing to train on."""
    pairs = list(manifest_folder(task.data, LONGER_SIDE, "train"))
    if not pairs:
        raise DataError("The dataset has no training pictures: approve more corrections and freeze it again.")
    training, validation = put_aside(pairs, config)
    replay = list(plain_folder(task.replay)) if task.replay else []
    chosen = np.random.default_rng(config.seed).permutation(len(replay))[:REPLAY_AT_MOST]
    return training, validation, [replay[i] for i in chosen]


def start_tracking(
    task: Task, config: FineTuneConfig, facts: Mapping[str, str], run_id: str | None
) -> tracking.Tracker:
    if not task.tracking_uri:
        return tracking.Tracker()
    tags = {**task.tags, **facts, "git_revision": tracking.git_revision() or ""}
    return tracking.MlflowTracker(task.tracking_uri, task.experiment, config.as_dict(), tags, run_id)


def run(task: Task, config: FineTuneConfig) -> dict[str, Any]:
    """The whole run; answers what evaluation.json holds.

    Raises DataError or manifest.ManifestError for data that cannot be used, weights.WeightsError for the base,
    TrainingError when training cannot go on.
    """
    device = choose_device(task.device)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads or idle_cores())
    base = weights.load(task.base)
    own = str(base.card["network"])
    if task.network not in ("", own):
        raise TrainingError(f"The base is {own}: fine-tune it with --network {own}.")
    task = replace(task, network=own)
    config = replace(config, size=config.size or int(base.card.get("size", 256)))
    digest = manifest.digest(task.data)
    training, validation, replay = read_data(task, config)
    facts = {"dataset_digest": digest, "base": base.sha256, "network": task.network}
    fingerprint = json.dumps({**facts, **config.as_dict()}, sort_keys=True)

    network = channels_last(weights.load(task.base).network).requires_grad_(True).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    state = State(network, optimizer, checkpoint.MovingAverage(network, config.ema), best=copied(network))
    if task.resume and (task.out / "checkpoint.pt").exists():
        state.restore(task.out / "checkpoint.pt", fingerprint)
    tracker = start_tracking(task, config, facts, state.mlflow_run_id)
    state.mlflow_run_id = tracker.run_id
    emit(
        "start",
        epoch=state.epoch,
        epochs=config.epochs,
        samples=len(training),
        validation=len(validation) or "training",
        replay=len(replay),
        device=device,
        mlflow_run_id=tracker.run_id,
        dataset_digest=digest,
        base=base.sha256,
    )
    try:
        tuned = train(state, config, task.network, training, validation, replay, tracker, task.out, fingerprint)
        evaluation = conclude(task, config, base, tuned, tracker, digest)
    except BaseException:
        tracker.finish(failed=True)
        raise
    tracker.finish()
    emit("done", weights=evaluation["challenger"]["sha256"], heldout=evaluation["heldout"])
    return evaluation


def conclude(
    task: Task,
    config: FineTuneConfig,
    base: weights.LoadedWeights,
    tuned: nn.Module,
    tracker: tracking.Tracker,
    digest: str,
) -> dict[str, Any]:
    """Saves the challenger, compares what was saved with the base, keeps pictures, figures and weights with the run."""
    folder = task.out / "weights"
    weights.save(folder, tuned, new_card(base, task, config, tracker.run_id), half=task.network == "basnet-small")
    champion = TorchPredictor(base, task.device)
    challenger = TorchPredictor(weights.load(folder), task.device)
    heldout = list(manifest_folder(task.data, None, "holdout"))
    evaluation = compare(champion, challenger, heldout)
    evaluation |= {"dataset_digest": digest, "mlflow_run_id": tracker.run_id, "seed": config.seed}
    emit("evaluate", champion=evaluation["champion"], challenger=evaluation["challenger"], heldout=len(heldout))
    manifest.write_bytes(task.out / "evaluation.json", (json.dumps(evaluation, indent=1) + "\n").encode())
    shown = heldout or list(manifest_folder(task.data, LONGER_SIDE, "train"))
    for path in samples.draw(task.out / "samples", shown, [champion, challenger]):
        emit("sample", path=f"samples/{path.name}")
    if task.forms:
        make_forms(folder, shown)
    numbers = {f"heldout_{k}": v for k, v in evaluation["challenger"].items() if isinstance(v, float)}
    tracker.metrics(numbers, config.epochs)
    tracker.artifacts(folder, "weights")
    tracker.artifacts(task.out / "evaluation.json")
    tracker.artifacts(task.out / "samples", "samples")
    return evaluation


def make_forms(folder: Path, pairs: Sequence[Pair]) -> None:
    """The forms that serve without torch, compared with it on these pictures; weights without them serve, too."""
    try:
        made = forms.make(folder, [pair.rgb for pair in pairs[: forms.MOST_PICTURES]])
    except (forms.FormError, ExportError, DeviceError) as error:
        emit("warning", message=str(error))
    else:
        emit("forms", **{name: entry["bytes"] for name, entry in made.items()})
