"""Batches for the starter's training, prepared beside it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training.data import augment
from training.data.dataset import DataError
from training.starter.lessons import Lessons

PASTE_RATE = 0.3


class Sampler:
    """Draws training batches; an example depends on the seed, the step and its place in the batch alone.

    Of `of` processes the one of rank `rank` draws its share of every batch.
    """

    def __init__(self, lessons: Lessons, seed: int, batch: int, rank: int = 0, of: int = 1) -> None:
        self.lessons, self.seed, self.places = lessons, seed, range(rank, batch, of)

    def step(self, step: int, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """N×size×size×3 and N×size×size uint8, of one of the sizes; every process draws the same.

        What a teacher saw is never pasted elsewhere: it did not see the composite.
        """
        size = int(np.random.default_rng([self.seed, step]).choice(sizes))
        images, masks = [], []
        for i in self.places:
            random = np.random.default_rng([self.seed, step, i])
            drawn = self.lessons.draw(random)
            rate = 0.0 if drawn.taught else PASTE_RATE
            image, mask = augment.example(random, drawn, self.lessons.others, size, paste_rate=rate)
            images.append(image)
            masks.append(mask)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks))


class Prefetch:
    """Prepares the batches of the next steps in one thread beside the training."""

    def __init__(self, sampler: Sampler, start: int, sizes: Sequence[int], depth: int = 4) -> None:
        self.sampler, self.sizes = sampler, sizes
        self.ready: queue.Queue[tuple[Tensor, Tensor] | DataError] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.fill, args=(start,), daemon=True)
        self.thread.start()

    def fill(self, step: int) -> None:
        while not self.stopped.is_set():
            try:
                batch: tuple[Tensor, Tensor] | DataError = self.sampler.step(step, self.sizes)
            except DataError as error:  # a picture that cannot be read: told where the batch is awaited
                batch = error
            step += 1
            while not self.stopped.is_set():
                try:
                    self.ready.put(batch, timeout=0.5)
                    break
                except queue.Full:
                    continue

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            batch = self.ready.get()
            if isinstance(batch, DataError):
                raise batch
            yield batch
