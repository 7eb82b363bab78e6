"""Which pictures a step learns from: a function of seed, epoch and step alone, shared out among the processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.random import Generator

from training.config import FineTuneConfig


class Weighted(Protocol):
    @property
    def weight(self) -> float: ...


Item = TypeVar("Item", bound=Weighted)


def order(random: Generator, items: Sequence[Item], count: int) -> list[Item]:
    """`count` draws in random order, each item as often as its weight asks, to within one."""
    total = np.cumsum([item.weight for item in items])
    points = (np.arange(count) + random.random()) / count * total[-1]
    indices = np.minimum(np.searchsorted(total, points, side="right"), len(items) - 1)
    return [items[i] for i in random.permutation(indices)]


def shares(batch: int, replay: float, taught: float) -> tuple[int, int, int]:
    """How many pictures of a batch are own, replayed and taught, at least one own; the arguments are shares, 0..1.

    Where there are both of the others, each gets half its share.
    """
    if replay and taught:
        replay, taught = replay / 2, taught / 2
    others = min(batch - 1, round(batch * (replay + taught)))
    replayed = round(others * replay / (replay + taught)) if others else 0
    return batch - others, replayed, others - replayed


def kinds_of_a_batch(
    config: FineTuneConfig, own: int, replay: bool, taught: bool, processes: int
) -> tuple[int, int, int]:
    """How many pictures of each kind are in a batch of all processes."""
    whole = config.batch * processes
    counts = shares(whole, config.replay_share if replay else 0.0, config.distil_share if taught else 0.0)
    return counts if replay or taught else (max(processes, min(whole, own)), 0, 0)


def steps_of(config: FineTuneConfig, own: int, mine: int) -> int:
    """The steps of an epoch of `own` pictures, `mine` of them in a batch."""
    return max(config.least_steps, math.ceil(own / mine))


def planned_epochs(config: FineTuneConfig, own: int, replay: bool, taught: bool, processes: int = 1) -> int:
    """How many epochs there will be: until `steps` are done, at least two, at most `epochs`."""
    mine, _, _ = kinds_of_a_batch(config, own, replay, taught, processes)
    return min(config.epochs, max(2, math.ceil(config.steps / steps_of(config, own, mine))))


def batches(
    config: FineTuneConfig,
    own: Sequence[Item],
    replay: Sequence[Item],
    epoch: int,
    taught: Sequence[Item] = (),
    processes: int = 1,
) -> list[list[Item]]:
    """The batches of an epoch, each of `batch` pictures for every process; an epoch shows every own picture.

    Without replay and taught pictures a batch is no larger than there are pictures. The three kinds follow each
    other, so that the share `[rank::processes]` of each process is mixed alike.
    """
    random = np.random.default_rng([config.seed, epoch])
    counts = kinds_of_a_batch(config, len(own), bool(replay), bool(taught), processes)
    steps = steps_of(config, len(own), counts[0])
    kinds = [order(random, own, steps * counts[0])]
    kinds += [order(random, items, steps * n) for items, n in ((replay, counts[1]), (taught, counts[2])) if items and n]
    return [[item for kind in kinds for item in kind[i::steps]] for i in range(steps)]
