"""What a run learns from and is judged by, as an index: no picture is in memory before it is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import nn

from training.config import FineTuneConfig
from training.data.pairs import Cache, Example, manifest_index, plain_index, refuse_unreadable

REPLAY_AT_MOST = 2000
GUARDS_AT_MOST = 48


@dataclass(frozen=True)
class Material:
    """`own` corrections with true masks, `validation` ones put aside, `replay` of earlier data, `guards` put aside of
    that, `unlabelled` photos, and `taught` ones: with a teacher's masks. A `teacher` is asked again of each view of
    them that is learned from; without one, what it said of the whole picture is cropped."""

    own: Sequence[Example]
    validation: Sequence[Example] = ()
    replay: Sequence[Example] = ()
    guards: Sequence[Example] = ()
    unlabelled: Sequence[Example] = ()
    taught: Sequence[Example] = ()
    teacher: nn.Module | None = None
    heldout: Sequence[Example] = ()
    cache: Cache = field(default_factory=Cache, compare=False)

    @property
    def lenders(self) -> Sequence[Example]:
        """Those with true masks: they lend backgrounds."""
        return [*self.own, *self.replay]


def put_aside(pairs: Sequence[Example], config: FineTuneConfig) -> tuple[list[Example], list[Example]]:
    """Training and validation pairs, split by group; no validation pairs when there are too few."""
    if len(pairs) < config.validation_from:
        return list(pairs), []
    shares = {p.group: int(hashlib.sha256(f"validation {p.group}".encode()).hexdigest()[:8], 16) / 2**32 for p in pairs}
    kept = [p for p in pairs if shares[p.group] >= config.validation_share]
    aside = [p for p in pairs if shares[p.group] < config.validation_share]
    return (kept, aside) if kept and aside else (list(pairs), [])


def replayed(folder: Path, config: FineTuneConfig, cache: Cache) -> tuple[list[Example], list[Example]]:
    """Replay pairs, at most `REPLAY_AT_MOST` by chance, and a tenth of them put aside as guards."""
    pairs = plain_index(folder, cache)
    chosen = np.random.default_rng(config.seed).permutation(len(pairs))[:REPLAY_AT_MOST]
    guards = min(GUARDS_AT_MOST, len(chosen) // 10)
    drawn: list[Example] = [pairs[i] for i in chosen]
    return drawn[guards:], drawn[:guards]


def read(data: Path, replay: Path | None, config: FineTuneConfig) -> Material:
    """The material of a dataset folder and perhaps a replay folder.

    DataError for files that are no pictures, ManifestError for a folder that is not what it says.
    """
    cache = Cache()
    index = manifest_index(data, cache)
    refuse_unreadable(entry for split in index.values() for entry in split)
    training, validation = put_aside(index["train"], config)
    old, guards = replayed(replay, config, cache) if replay else ([], [])
    heldout = [replace(entry, longer_side=None) for entry in index["holdout"]]
    return Material(training, validation, old, guards, index["unlabelled"], heldout=heldout, cache=cache)
