"""Batches for the starter's training, prepared beside it."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training import augment
from training.dataset import Pair


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

    def step(self, step: int, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """N×size×size×3 and N×size×size uint8, of one of the sizes; every process draws the same."""
        size = int(np.random.default_rng([self.seed, step]).choice(sizes))
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

    def __init__(self, sampler: Sampler, start: int, sizes: Sequence[int], depth: int = 4) -> None:
        self.sampler, self.sizes = sampler, sizes
        self.ready: queue.Queue[tuple[Tensor, Tensor]] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.fill, args=(start,), daemon=True)
        self.thread.start()

    def fill(self, step: int) -> None:
        while not self.stopped.is_set():
            batch = self.sampler.step(step, self.sizes)
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
