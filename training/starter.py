"""Training of the shipped starter weights: basnet-small, within a time budget, on a processor without a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from segmentation import saving, weights
from segmentation.basnet_small import BASNetSmall
from segmentation.predictor import TorchPredictor
from segmentation.transforms import channels_last, normalise
from training import checkpoint
from training.card import measured
from training.config import StarterConfig
from training.dataset import DataError, Pair, plain_folder, validation_split
from training.encoder import load_pretrained
from training.errors import TrainingError
from training.evaluate import figures_of
from training.events import emit
from training.losses import deep_supervision
from training.sampler import Prefetch, Sampler
from training.schedule import ActiveClock, rate_factor

NETWORK = "basnet-small"


class Starter:
    """One training run with all that a checkpoint holds."""

    def __init__(self, config: StarterConfig, out: Path) -> None:
        self.config, self.out = config, out
        torch.manual_seed(config.seed)
        self.network = channels_last(BASNetSmall())
        frozen = [self.network.encoder.stem, *self.network.encoder.blocks[: config.frozen_blocks]]
        for module in frozen:
            module.requires_grad_(False)
        encoder = [p for p in self.network.encoder.parameters() if p.requires_grad]
        others = [p for n, p in self.network.named_parameters() if not n.startswith("encoder.")]
        groups = [{"params": encoder, "scale": config.encoder_rate}, {"params": others, "scale": 1.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)
        self.average = checkpoint.MovingAverage(self.network, config.ema)
        self.step = 0
        self.elapsed = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    @property
    def progress(self) -> float:
        return self.elapsed / (self.config.minutes * 60)

    @property
    def sizes(self) -> tuple[int, ...]:
        late = self.progress >= 1 - self.config.final_share
        return self.config.final_sizes if late else self.config.sizes

    def save(self) -> None:
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "updates": self.average.updates,
            "step": self.step,
            "elapsed": self.elapsed,
        }
        checkpoint.save(self.checkpoint, state)

    def resume(self) -> None:
        state = checkpoint.load(self.checkpoint)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.state, self.average.updates = state["average"], state["updates"]
        self.step, self.elapsed = state["step"], state["elapsed"]

    def averaged(self) -> BASNetSmall:
        network = BASNetSmall()
        network.load_state_dict(self.average.state)
        return network.eval()

    def agree(self, elapsed: float) -> None:
        """Averages the gradients and the time spent over all processes."""
        if not dist.is_initialized():
            self.elapsed = elapsed
            return
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        flat = torch.cat([torch.tensor([elapsed]), *(g.flatten() for g in gradients)])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        self.elapsed = float(flat[0])
        offset = 1
        for gradient in gradients:
            gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
            offset += gradient.numel()

    def learn(self, images: Tensor, masks: Tensor, clock: ActiveClock) -> float:
        factor = self.config.rate * rate_factor(self.progress, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["scale"]
        x = normalise(images).contiguous(memory_format=torch.channels_last)
        target = masks[:, None].float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            maps = self.network.maps(x)
        loss = deep_supervision(maps, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.agree(clock.tick())
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if not math.isfinite(float(norm)):
            raise TrainingError(f"The loss is not finite at step {self.step}: resume with a smaller --rate.")
        self.optimizer.step()
        self.average.update(self.network)
        self.step += 1
        return float(loss.detach())


def loaded(network: nn.Module, sha256: str = "") -> weights.LoadedWeights:
    return weights.LoadedWeights(network, sha256, {"network": NETWORK}, Path())


def export(starter: Starter, validation: Sequence[Pair]) -> None:
    """The averaged weights so far with their validation figures, and a checkpoint."""
    network = starter.averaged()
    predictor = TorchPredictor(loaded(network), "cpu")
    figures = figures_of(predictor, validation)
    emit("evaluate", step=starter.step, minutes=starter.elapsed / 60, **figures)
    card = {"network": NETWORK, "size": starter.config.size, "validation": figures}
    saving.save(starter.out / "weights", network, card, half=True)
    starter.save()


def command_of(config: StarterConfig, base: str | None) -> str:
    """The command that makes such a run, its folders by their names."""
    start = "--base BASE" if base else "--encoder encoder_mobilenetv2_050.npz"
    usual = StarterConfig().as_dict()
    changed = {name: value for name, value in config.as_dict().items() if value != usual[name] and name != "sources"}
    options = [f"--{name.replace('_', '-')} {spelt(value)}" for name, value in changed.items()]
    return " ".join(["python -m training starter --data train", start, "--out FOLDER", *options])


def spelt(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def conclude(starter: Starter, validation: Sequence[Pair], evaluation: Path | None, base: str | None) -> dict[str, Any]:
    """The final weights with their whole card: calibration, figures, data, licences, runs. Answers the card."""
    config, folder = starter.config, starter.out / "weights"
    run = {
        "command": command_of(config, base),
        "seed": config.seed,
        "steps": starter.step,
        "pictures_seen": starter.step * config.batch,
        "minutes": round(starter.elapsed / 60, 1),
        "config": config.as_dict(),
    }
    earlier = weights.load(base).card.get("runs", []) if base else []
    saving.save(
        folder,
        starter.averaged(),
        {"network": NETWORK, "size": config.size, "runs": [*earlier, run]},
        half=True,
    )
    evaluated = {evaluation.name: list(plain_folder(evaluation, longer_side=None))} if evaluation else {}
    card: dict[str, Any] = measured(weights.load(folder), validation, evaluated)  # judged as stored, in 16 bits
    weights.write_card(folder, card)
    return card


def train(starter: Starter, training: Sequence[Pair], validation: Sequence[Pair], rank: int) -> None:
    """Trains until the time budget is spent; the first process exports every few minutes."""
    config = starter.config
    sampler = Sampler(training, config.sources, config.seed, config.batch, rank, config.processes)
    clock = ActiveClock(starter.elapsed)
    exported, reported, loss = starter.elapsed, starter.elapsed, 0.0
    while starter.progress < 1:
        sizes = starter.sizes
        prefetch = Prefetch(sampler, starter.step, sizes)
        for images, masks in prefetch:
            current = starter.learn(images, masks, clock)
            loss = 0.98 * loss + 0.02 * current if loss else current
            if rank == 0 and starter.elapsed - reported > 60:
                reported = starter.elapsed
                emit("progress", step=starter.step, minutes=reported / 60, sizes=sizes, train_loss=loss)
            if rank == 0 and starter.elapsed - exported > config.export_minutes * 60:
                exported = starter.elapsed
                export(starter, validation)
            if starter.progress >= 1 or starter.sizes != sizes:
                break
        prefetch.stopped.set()


def work(
    rank: int,
    data: Path,
    evaluation: Path | None,
    out: Path,
    encoder: Path,
    base: str | None,
    config: StarterConfig,
) -> None:
    """One of the processes of a run."""
    torch.set_num_threads(config.threads)
    if config.processes > 1:
        rendezvous = f"file://{(out / 'rendezvous').resolve()}"
        dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=config.processes)
    training, validation = validation_split(plain_folder(data))
    starter = Starter(config, out)
    if starter.checkpoint.exists():
        starter.resume()
    else:
        if base:
            starter.network.load_state_dict(weights.load(base).network.state_dict())
        else:
            load_pretrained(starter.network.encoder, encoder)
        starter.average = checkpoint.MovingAverage(starter.network, config.ema)
    if rank == 0:
        emit("start", training=len(training), validation=len(validation), step=starter.step, config=config.as_dict())
    train(starter, training, validation, rank)
    if config.processes > 1:
        dist.destroy_process_group()
    if rank > 0:
        return
    starter.save()
    card = conclude(starter, validation, evaluation, base)
    emit("done", step=starter.step, weights=card["sha256"], figures=card["figures"])


def run(
    data: Path,
    evaluation: Path | None,
    out: Path,
    encoder: Path,
    base: str | None,
    config: StarterConfig,
    resume: bool,
) -> None:
    """The whole run: read, train, export, and the figures on the evaluation folder at the end.

    `base` names weights of basnet-small to go on from; without, the encoder starts pretrained and the rest at random.

    Several processes of one thread each share every batch: on a busy machine they wait for each other once a step,
    threads once an operation.
    """
    if not base and not encoder.is_file():
        raise DataError(f"There is no pretrained encoder at {encoder}: name its .npz with --encoder.")
    out.mkdir(parents=True, exist_ok=True)
    (out / "rendezvous").unlink(missing_ok=True)
    if not resume:
        (out / "checkpoint.pt").unlink(missing_ok=True)
    arguments = (data, evaluation, out, encoder, base, config)
    if config.processes == 1:
        work(0, *arguments)
    else:
        spawn(work, arguments, nprocs=config.processes)
