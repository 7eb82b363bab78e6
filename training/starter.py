"""Training of the shipped starter weights: basnet-small, within a time budget, on a processor without a GPU."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from safetensors.torch import save_file
from torch import Tensor

from segmentation.basnet_small import BASNetSmall
from segmentation.transforms import alpha_at, network_input, normalise
from training import augment, checkpoint
from training.config import StarterConfig
from training.dataset import Pair, plain_folder, validation_split
from training.encoder import load_pretrained
from training.events import emit
from training.losses import deep_supervision
from training.metrics import Figures


class Sampler:
    """Draws training batches; an example depends on the seed, the step and its place in the batch alone.

    Of `of` processes the one of rank `rank` draws its share of every batch.
    """

    def __init__(
        self, pairs: Sequence[Pair], weights: dict[str, float], seed: int, batch: int, rank: int = 0, of: int = 1
    ) -> None:
        by_source: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            by_source[pair.source].append(pair)
        self.pairs, self.by_source = pairs, by_source
        self.sources = sorted(by_source)
        shares = np.array([weights.get(s, 1 / len(by_source)) for s in self.sources])
        self.shares = shares / shares.sum()
        self.seed, self.places = seed, range(rank, batch, of)

    def step(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        """N×size×size×3 and N×size×size uint8."""
        images, masks = [], []
        for i in self.places:
            random = np.random.default_rng([self.seed, step, i])
            members = self.by_source[self.sources[int(random.choice(len(self.sources), p=self.shares))]]
            image, mask = augment.example(random, members[int(random.integers(len(members)))], self.pairs, size)
            images.append(image)
            masks.append(mask)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))


class Prefetch:
    """Prepares the batches of the next steps in one thread beside the training."""

    def __init__(self, sampler: Sampler, start: int, size: int, depth: int = 4) -> None:
        self.sampler, self.size = sampler, size
        self.ready: queue.Queue[tuple[Tensor, Tensor]] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.fill, args=(start,), daemon=True)
        self.thread.start()

    def fill(self, step: int) -> None:
        while not self.stopped.is_set():
            batch = self.sampler.step(step, self.size)
            step += 1
            while not self.stopped.is_set():
                try:
                    self.ready.put(batch, timeout=0.5)
                    break
                except queue.Full:
                    continue

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield self.ready.get()


def schedule(progress: float, warmup: float) -> float:
    """Factor of the learning rate at a share 0..1 of the budget: linear warmup, then a cosine to nearly nothing."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    share = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))


class Starter:
    """One training run with all that a checkpoint holds."""

    def __init__(self, config: StarterConfig, out: Path) -> None:
        self.config, self.out = config, out
        torch.manual_seed(config.seed)
        self.network = BASNetSmall().to(memory_format=torch.channels_last)
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
    def size(self) -> int:
        late = self.progress >= 1 - self.config.final_share
        return self.config.final_size if late else self.config.size

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

    def learn(self, images: Tensor, masks: Tensor, began: float) -> float:
        factor = self.config.rate * schedule(self.progress, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["scale"]
        x = normalise(images).contiguous(memory_format=torch.channels_last)
        target = masks[:, None].float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bfloat16):
            maps = self.network.maps(x)
        loss = deep_supervision(maps, target)
        self.optimizer.zero_grad()
        loss.backward()
        self.agree(time.monotonic() - began)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if not math.isfinite(float(norm)):
            raise FloatingPointError(f"The loss is not finite at step {self.step}: resume with a smaller --rate.")
        self.optimizer.step()
        self.average.update(self.network)
        self.step += 1
        return float(loss.detach())


@torch.inference_mode()
def evaluate(network: BASNetSmall, pairs: Sequence[Pair], size: int) -> dict[str, dict[str, float]]:
    """Figures over all pairs ("all") and for each source, masks compared at the pictures' sizes."""
    figures: dict[str, Figures] = defaultdict(Figures)
    for pair in pairs:
        probability = network.maps(network_input(pair.rgb, size))[0].sigmoid()[0, 0]
        alpha = alpha_at(probability, *pair.mask.shape)
        figures["all"].add(alpha, pair.mask)
        figures[pair.source].add(alpha, pair.mask)
    return {source: figure.summary() for source, figure in figures.items()}


def export(starter: Starter, validation: Sequence[Pair]) -> None:
    """The averaged weights so far, with their validation figures."""
    network = starter.averaged()
    figures = evaluate(network, validation, starter.config.final_size)
    emit("evaluate", step=starter.step, minutes=starter.elapsed / 60, **figures["all"], sources={
        source: round(values["max_f_beta"], 3) for source, values in figures.items() if source != "all"
    })  # fmt: skip
    folder = starter.out / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / "weights.writing"
    save_file({k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}, aside)
    aside.replace(folder / "weights.safetensors")
    starter.save()


def train(starter: Starter, training: Sequence[Pair], validation: Sequence[Pair], rank: int) -> None:
    """Trains until the time budget is spent; the first process exports every few minutes."""
    config = starter.config
    sampler = Sampler(training, config.sources, config.seed, config.batch, rank, config.processes)
    began = time.monotonic() - starter.elapsed
    exported, reported, loss = starter.elapsed, starter.elapsed, 0.0
    while starter.progress < 1:
        size = starter.size
        prefetch = Prefetch(sampler, starter.step, size)
        for images, masks in prefetch:
            current = starter.learn(images, masks, began)
            loss = 0.98 * loss + 0.02 * current if loss else current
            if rank == 0 and starter.elapsed - reported > 60:
                reported = starter.elapsed
                emit("progress", step=starter.step, minutes=reported / 60, size=size, train_loss=loss)
            if rank == 0 and starter.elapsed - exported > config.export_minutes * 60:
                exported = starter.elapsed
                export(starter, validation)
            if starter.progress >= 1 or starter.size != size:
                break
        prefetch.stopped.set()


def work(rank: int, data: Path, evaluation: Path | None, out: Path, encoder: Path, config: StarterConfig) -> None:
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
        load_pretrained(starter.network.encoder, encoder)
        starter.average = checkpoint.MovingAverage(starter.network, config.ema)
    if rank == 0:
        emit("start", training=len(training), validation=len(validation), step=starter.step, config=config.as_dict())
    train(starter, training, validation, rank)
    if config.processes > 1:
        dist.destroy_process_group()
    if rank > 0:
        return
    torch.set_num_threads(config.threads * config.processes)
    export(starter, validation)
    figures = None
    if evaluation:
        pairs = plain_folder(evaluation, longer_side=None)
        figures = evaluate(starter.averaged(), list(pairs), config.final_size)["all"]
    emit("done", step=starter.step, figures=figures)


def run(data: Path, evaluation: Path | None, out: Path, encoder: Path, config: StarterConfig, resume: bool) -> None:
    """The whole run: read, train, export, and the figures on the evaluation folder at the end.

    Several processes of one thread each share every batch: on a busy machine they wait for each other once a step,
    threads once an operation.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "rendezvous").unlink(missing_ok=True)
    if not resume:
        (out / "checkpoint.pt").unlink(missing_ok=True)
    arguments = (data, evaluation, out, encoder, config)
    if config.processes == 1:
        work(0, *arguments)
    else:
        multiprocessing.spawn(work, arguments, nprocs=config.processes)
