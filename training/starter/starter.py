"""Training of the shipped starter weights within a time budget, on a processor without a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from segmentation import networks, saving, weights
from segmentation.backends import computes_bf16
from segmentation.predictor import TorchPredictor
from segmentation.transforms import channels_last, normalise
from training import checkpoint
from training.config import LESSON_SIDE, STARTERS, ConfigError, StarterConfig
from training.data.dataset import DataError, Pair, plain_folder, validation_split
from training.data.pairs import Cache
from training.errors import TrainingError
from training.evaluation.evaluate import figures_of
from training.events import emit
from training.losses import deep_supervision
from training.schedule import ActiveClock, rate_factor
from training.starter.card import measured
from training.starter.encoder import load_pretrained
from training.starter.lessons import Lessons, lessons_of, read, soft_masks, unlabelled
from training.starter.sampler import Prefetch, Sampler

CACHE_BYTES = 1536 * 2**20


@dataclass(frozen=True)
class Sources:
    """Where a run learns from: folders of pairs (the first one's held-out part is the validation), a teacher's soft
    masks of them, pictures that the teacher alone has seen, and what the network starts from."""

    data: tuple[Path, ...]
    encoder: Path
    base: str | None = None
    teacher: Path | None = None
    unlabelled: Path | None = None
    evaluation: Path | None = None


class Starter:
    """One training run with all that a checkpoint holds."""

    def __init__(self, config: StarterConfig, out: Path) -> None:
        self.config, self.out = config, out
        torch.manual_seed(config.seed)
        self.network = channels_last(networks.build(config.network))
        for part in networks.entry(config.network).encoder[: 1 + config.frozen_blocks]:
            self.network.get_submodule(part).requires_grad_(False)
        encoder = [p for p in self.network.get_submodule("encoder").parameters() if p.requires_grad]
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
            "name": self.config.network,
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
        name = state.get("name", "basnet-small")
        if name != self.config.network:
            raise ConfigError(f"{self.checkpoint} is of {name}, not of {self.config.network}: name another --out.")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.state, self.average.updates = state["average"], state["updates"]
        self.step, self.elapsed = state["step"], state["elapsed"]

    def averaged(self) -> nn.Module:
        network = networks.build(self.config.network)
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
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(self.config.bfloat16)):
            maps = self.network.maps(x)  # type: ignore[operator]
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


def loaded(network: nn.Module, config: StarterConfig) -> weights.LoadedWeights:
    return weights.LoadedWeights(network, "", {"network": config.network, "size": config.size}, Path())


def export(starter: Starter, validation: Sequence[Pair]) -> None:
    """The averaged weights so far with their validation figures, and a checkpoint."""
    network = starter.averaged()
    predictor = TorchPredictor(loaded(network, starter.config), "cpu")
    figures = figures_of(predictor, validation)
    emit("evaluate", step=starter.step, minutes=starter.elapsed / 60, **figures)
    card = {"network": starter.config.network, "size": starter.config.size, "validation": figures}
    saving.save(starter.out / "weights", network, card, half=True)
    starter.save()


UNSAID = ("sources", "bfloat16")  # of the settings, what no option says


def command_of(config: StarterConfig, sources: Sources) -> str:
    """The command that makes such a run, its folders by their names."""
    start = "--base BASE" if sources.base else f"--encoder {sources.encoder.name}"
    data = " ".join(folder.name for folder in sources.data)
    taught = [f"--teacher {sources.teacher.name}"] if sources.teacher else []
    taught += [f"--unlabelled {sources.unlabelled.name}"] if sources.unlabelled else []
    usual = StarterConfig().as_dict()
    changed = {name: value for name, value in config.as_dict().items() if value != usual[name] and name not in UNSAID}
    options = [f"--{name.replace('_', '-')} {spelt(value)}" for name, value in changed.items()]
    return " ".join([f"python -m training starter --data {data}", start, *taught, "--out FOLDER", *options])


def spelt(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def conclude(starter: Starter, validation: Sequence[Pair], sources: Sources) -> dict[str, Any]:
    """The final weights with their whole card: calibration, figures, data, licences, runs. Answers the card."""
    config, folder = starter.config, starter.out / "weights"
    run = {
        "command": command_of(config, sources),
        "seed": config.seed,
        "steps": starter.step,
        "pictures_seen": starter.step * config.batch,
        "minutes": round(starter.elapsed / 60, 1),
        "config": config.as_dict(),
    }
    earlier = weights.load(sources.base).card.get("runs", []) if sources.base else []
    saving.save(
        folder,
        starter.averaged(),
        {"network": starter.config.network, "size": config.size, "runs": [*earlier, run]},
        half=True,
    )
    folder_of = sources.evaluation
    evaluated = {folder_of.name: list(plain_folder(folder_of, longer_side=None))} if folder_of else {}
    card: dict[str, Any] = measured(weights.load(folder), validation, evaluated)  # judged as stored, in 16 bits
    weights.write_card(folder, card)
    return card


def train(starter: Starter, lessons: Lessons, validation: Sequence[Pair], rank: int) -> None:
    """Trains until the time budget is spent; the first process exports every few minutes."""
    config = starter.config
    sampler = Sampler(lessons, config.seed, config.batch, rank, config.processes)
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


def lessons_for(sources: Sources, config: StarterConfig) -> tuple[Lessons, list[Pair]]:
    """What to learn from, and the validation pairs in memory. DataError for a folder that cannot be used."""
    cache, masks = Cache(CACHE_BYTES), soft_masks(sources.teacher)
    training, held = validation_split(read(sources.data[:1], cache, LESSON_SIDE))
    lessons = lessons_of([*training, *read(sources.data[1:], cache, LESSON_SIDE)], masks)
    if sources.unlabelled:
        lessons += unlabelled(sources.unlabelled, masks, cache, LESSON_SIDE)
    validation = [Pair(p.name, p.source, p.group, p.rgb, p.mask) for p in held]
    return Lessons(lessons, config.sources), validation


def begin(starter: Starter, sources: Sources) -> None:
    """Goes on from the checkpoint, else from the base, else from the pretrained encoder."""
    if starter.checkpoint.exists():
        starter.resume()
        return
    name = starter.config.network
    if sources.base:
        base = weights.load(sources.base)
        if base.card["network"] != name:
            raise DataError(f"{sources.base} holds weights of {base.card['network']}, not of {name}: see --network.")
        starter.network.load_state_dict(base.network.state_dict())
    else:
        load_pretrained(name, starter.network.get_submodule("encoder"), sources.encoder)
    starter.average = checkpoint.MovingAverage(starter.network, starter.config.ema)


def work(rank: int, sources: Sources, out: Path, config: StarterConfig) -> None:
    """One of the processes of a run."""
    torch.set_num_threads(config.threads)
    if config.processes > 1:
        rendezvous = f"file://{(out / 'rendezvous').resolve()}"
        dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=config.processes)
    lessons, validation = lessons_for(sources, config)
    starter = Starter(config, out)
    begin(starter, sources)
    if rank == 0:
        counts = {"training": sum(map(len, lessons.by_source.values())), "validation": len(validation)}
        emit("start", **counts, step=starter.step, config=config.as_dict())
    train(starter, lessons, validation, rank)
    if config.processes > 1:
        dist.destroy_process_group()
    if rank > 0:
        return
    starter.save()
    card = conclude(starter, validation, sources)
    emit("done", step=starter.step, weights=card["sha256"], figures=card["figures"])


def check(sources: Sources, out: Path, config: StarterConfig, resume: bool) -> None:
    """Refuses in this process, before any other is started, what each of them would refuse.

    DataError for data, encoder or base, ConfigError for settings, checkpoint.DamagedCheckpoint for the checkpoint.
    """
    if not sources.base and not sources.encoder.is_file():
        raise DataError(f"There is no pretrained encoder at {sources.encoder}: name its file with --encoder.")
    if config.network not in STARTERS:
        raise ConfigError(f"{config.network} has no pretrained encoder here: choose one of {', '.join(STARTERS)}.")
    if config.bfloat16 and not computes_bf16():
        raise ConfigError("This processor computes no bfloat16: leave --bfloat16 out.")
    soft_masks(sources.teacher)
    starter = Starter(config, out)
    if not resume:
        starter.checkpoint.unlink(missing_ok=True)
    begin(starter, sources)


def run(sources: Sources, out: Path, config: StarterConfig, resume: bool) -> None:
    """The whole run: read, train, export, and the figures on the evaluation folder at the end.

    `sources.base` names weights of the same network to go on from; without, the encoder starts pretrained and the rest
    at random. Several processes of one thread each share every batch: on a busy machine they wait for each other once
    a step, threads once an operation.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "rendezvous").unlink(missing_ok=True)
    check(sources, out, config, resume)
    if config.bfloat16 is None:
        config = replace(config, bfloat16=computes_bf16())
    if config.processes == 1:
        work(0, sources, out, config)
    else:
        spawn(work, (sources, out, config), nprocs=config.processes)
