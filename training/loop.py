"""The training loop: step, epoch, choice of the epoch that counts."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segmentation import networks
from segmentation.backends import computes_bf16
from segmentation.transforms import alpha_at, network_input, normalise
from training import saving
from training.config import FineTuneConfig
from training.data import augment
from training.data.batches import batches
from training.data.material import Material
from training.data.pairs import Example
from training.errors import TrainingError
from training.evaluation.metrics import iou
from training.events import emit
from training.losses import mixed
from training.parallel import Maps, World
from training.schedule import planned_progress, rate_factor
from training.state import State
from training.teacher import answers
from training.tracking import Tracker

LOOKED_AT = 64
PASTED = 0.5  # of the taught pictures, where every view is answered: one photo's subject on another's ground


@dataclass(frozen=True)
class Run:
    """What stays the same during training."""

    name: str
    config: FineTuneConfig
    material: Material
    out: Path
    fingerprint: str = ""
    world: World = field(default_factory=World)
    tracker: Tracker = field(default_factory=Tracker)


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def set_mode(network: nn.Module, frozen_statistics: bool) -> None:
    """Training mode, but batch norm keeps and uses the statistics it has: a few corrections cannot estimate new ones.

    (He et al., "Rethinking ImageNet pre-training" and detection's practice since Faster R-CNN: frozen batch norm.)
    """
    network.train()
    if frozen_statistics:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def in_bfloat16(config: FineTuneConfig, device: torch.device) -> bool:
    """As the settings say; else on a GPU, and on a processor that multiplies bfloat16 in hardware."""
    return (device.type == "cuda" or computes_bf16()) if config.bfloat16 is None else config.bfloat16


def examples(run: Run, group: Sequence[Example], epoch: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """This process's part of a batch: N×S×S×3 and N×S×S uint8, and N bool: which masks are a teacher's.

    Each is a function of seed, epoch, step and its place in the whole batch.
    """
    config, material = run.config, run.material
    pasted = PASTED if material.teacher else 0.0
    drawn = []
    for place, pair in run.world.share(list(enumerate(group))):
        random = np.random.default_rng([config.seed, epoch, step, place])
        if pair.taught:
            image, mask = augment.example(random, pair, material.taught, config.size, pasted, 0.0)
        else:
            image, mask = augment.example(random, pair, material.lenders, config.size, 0.1, 0.02)
        drawn.append((image, mask, pair.taught))
    images, masks, taught = zip(*drawn, strict=True)
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks)), torch.tensor(taught)


def prepared(
    run: Run, groups: Sequence[Sequence[Example]], epoch: int, first: int
) -> Iterator[tuple[int, tuple[Tensor, Tensor, Tensor]]]:
    """Steps from `first` on with their examples, the next one's made while one is learnt from."""
    with ThreadPoolExecutor(1, "examples") as pool:
        pending = None
        for step in range(first, len(groups)):
            ready = pending or pool.submit(examples, run, groups[step], epoch, step)
            later = step + 1
            pending = pool.submit(examples, run, groups[later], epoch, later) if later < len(groups) else None
            yield step, ready.result()


def learn(state: State, run: Run, learner: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    """One step of the optimizer; the loss. TrainingError when it is no number."""
    device = device_of(state.network)
    images, masks, taught = (part.to(device) for part in batch)
    with torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(run.config, device)):
        inputs = normalise(images).contiguous(memory_format=torch.channels_last)
        maps = learner(inputs)
        target, sides = masks[:, None].float() / 255, None
        if run.material.teacher and taught.any():
            target[taught], sides = answers(run.material.teacher, inputs[taught])
    loss = mixed(maps, target, taught, run.config.distil_strength, sides)
    state.optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    if not math.isfinite(float(loss.detach())) or not math.isfinite(float(norm)):
        raise TrainingError(f"The loss is not finite in epoch {state.epoch + 1}: choose a smaller --rate.")
    state.optimizer.step()
    state.average.update(state.network)
    return float(loss.detach())


def train_epoch(state: State, run: Run, learner: nn.Module) -> None:
    """The steps of the epoch that are left, as far as the time reaches; a checkpoint now and then."""
    config, material = run.config, run.material
    set_mode(state.network, config.frozen_statistics)
    groups = batches(config, material.own, material.replay, state.epoch, material.taught, run.world.size)
    saved, began, before = time.monotonic(), time.monotonic(), state.elapsed
    for step, batch in prepared(run, groups, state.epoch, state.step):
        done = (state.epoch + step / len(groups)) / config.epochs
        spent = 0.0 if config.deterministic else state.elapsed / (config.minutes * 60)
        factor = config.rate * rate_factor(planned_progress(done, spent), config.warmup)
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = factor * parameters.get("scale", 1.0)
        state.losses.append(learn(state, run, learner, batch))
        state.step = step + 1
        state.elapsed = run.world.mean(before + time.monotonic() - began)
        if time_is_up(state, config):
            return
        if run.world.leader and time.monotonic() - saved >= config.checkpoint_seconds:
            saving.checkpoint_of(state, run.out, run.fingerprint)
            emit("checkpoint", epoch=state.epoch + 1, step=state.step, steps=len(groups))
            saved = time.monotonic()


def time_is_up(state: State, config: FineTuneConfig) -> bool:
    """Whether the budget is spent; a deterministic run counts epochs alone."""
    return not config.deterministic and state.elapsed >= config.minutes * 60


@torch.inference_mode()
def mean_iou(network: nn.Module, pairs: Sequence[Example], size: int, world: World | None = None) -> float:
    """Mean IoU over the pairs; each process looks at its share and all get the same number. NaN without pairs."""
    device = device_of(network)
    network.eval()
    total = 0.0
    for pair in (world or World()).share(pairs):
        logits = Maps(network)(network_input(pair.rgb, size).to(device))[0][0, 0]
        total += iou(alpha_at(logits.float().sigmoid().cpu().numpy(), *pair.mask.shape), pair.mask)
    (total,) = (world or World()).total(total)
    return total / len(pairs) if pairs else math.nan


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def built(name: str, state: dict[str, Tensor], device: torch.device | str = "cpu") -> nn.Module:
    """The network of that name with these weights, ready for evaluation."""
    network = networks.build(name).to(device)
    network.load_state_dict(state)
    return network.eval()


def finished(state: State, run: Run) -> bool:
    """After the last epoch, the end of the budget, or of patience where there are validation pairs."""
    config = run.config
    impatient = bool(run.material.validation) and state.epoch - state.best_epoch >= config.patience
    return state.epoch >= config.epochs or time_is_up(state, config) or impatient


def train(state: State, run: Run) -> dict[str, Tensor]:
    """Trains until it is `finished`; answers the weights that count."""
    learner = run.world.learner(state.network)
    while not finished(state, run):
        train_epoch(state, run, learner)
        conclude_epoch(state, run)
    return state.best


def conclude_epoch(state: State, run: Run) -> None:
    """Looks at the averaged weights, keeps them if they are the best so far, tells and saves."""
    began = time.monotonic()
    shown = (run.material.validation or run.material.own)[:LOOKED_AT]
    network = built(run.name, state.average.state, device_of(state.network))
    value = mean_iou(network, shown, run.config.size, run.world)
    loss = run.world.mean(float(np.mean(state.losses)))
    state.epoch, state.step, state.losses = state.epoch + 1, 0, []
    if not run.material.validation or value > state.best_iou:
        state.best_iou, state.best_epoch = value, state.epoch
        state.best = copied(network)
    state.elapsed = run.world.mean(state.elapsed + time.monotonic() - began)
    line = {"epoch": state.epoch, "train_loss": loss, "val_iou": value, "seconds": round(state.elapsed, 3)}
    state.history.append(line)
    if run.world.leader:
        saving.checkpoint_of(state, run.out, run.fingerprint)
        saving.write_history(run.out / "metrics.jsonl", state.history)
        run.tracker.metrics({"train_loss": loss, "val_iou": value}, state.epoch)
        told: dict[str, Any] = {"epochs": run.config.epochs, **line}
        emit("epoch", **told)
