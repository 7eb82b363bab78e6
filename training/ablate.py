"""What each safeguard against forgetting is worth: `python -m training ablate --data TRAIN --evaluate ECSSD --out OUT`.

A class the starter weights fail (pets by night, see training.data.simulate) is corrected, and each row of the table
is one way to learn from these corrections. Judged on pictures of the class that neither the starter nor the rows were
trained on, and on a folder that has nothing to do with it. Settings were chosen by the columns `validation`, whose
pictures are in neither. Whatever was trained already stays in OUT, so that a broken run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segmentation import manifest, networks, weights
from training import checkpoint, interpolate
from training.config import FineTuneConfig
from training.data.dataset import Pair, validation_split
from training.data.material import Material
from training.data.pairs import Cache, Example, Indexed, plain_index
from training.data.simulate import by_night
from training.determinism import prepare
from training.events import emit
from training.loop import Run, built, copied, mean_iou, train
from training.train import started, with_teacher

PETS = ("oxford_pets", "feral_cats")
CORRECTIONS, CHOSEN_BY, REPLAYED = 200, 40, 400
SHARES = (interpolate.FALLBACK, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Simulation:
    """Corrections to learn from, old pictures to mix in, photos without masks, and four sets to judge by."""

    corrections: Sequence[Example]
    replay: Sequence[Example]
    guards: Sequence[Example]
    unlabelled: Sequence[Example]
    judges: Mapping[str, Sequence[Example]]


@dataclass(frozen=True)
class Way:
    """One training: its safeguards by name, and the rows that its weights make."""

    name: str
    frozen: bool = True
    layerwise: bool = True
    distil: bool = True
    replay: bool = True


WAYS = (
    Way("distillation", replay=False),
    Way("plain", frozen=False, layerwise=False, distil=False, replay=False),
    Way("replay"),
    Way("frozen statistics", layerwise=False, distil=False, replay=False),
    Way("layer-wise", distil=False, replay=False),
    Way("without distillation", distil=False),
    Way("without frozen statistics", frozen=False),
    Way("without layer-wise", layerwise=False),
)


def night(pairs: Sequence[Indexed], seed: int) -> list[Example]:
    """The pairs as they look in the dark, with their true masks."""
    return [
        Pair(f"{p.name} by night", p.source, p.group, by_night(np.random.default_rng([seed, i]), p.rgb), p.mask)
        for i, p in enumerate(pairs)
    ]


def simulation(data: Path, evaluation: Path, seed: int) -> Simulation:
    """Corrections and replay are of the starter's training pictures; the rest are of those it was never trained on."""
    known, unseen = (list(part) for part in validation_split(plain_index(data, Cache())))
    mixed = np.random.default_rng(seed)
    pets = shuffled(mixed, [p for p in known if p.source in PETS])
    others = shuffled(mixed, [p for p in unseen if p.source not in PETS])
    replay = shuffled(mixed, [p for p in known if p.source not in PETS])[: REPLAYED + 48]
    half = len(others) // 2
    return Simulation(
        corrections=night(pets[:CORRECTIONS], 1),
        replay=replay[48:],
        guards=replay[:48],
        unlabelled=others[:half],
        judges={
            "validation, class": night(pets[CORRECTIONS : CORRECTIONS + CHOSEN_BY], 2),
            "validation, others": others[half : half + 80],
            "class": night([p for p in unseen if p.source in PETS], 3),
            evaluation.name: plain_index(evaluation, Cache(), longer_side=None),
        },
    )


def shuffled(random: np.random.Generator, pairs: Sequence[Indexed]) -> list[Indexed]:
    return [pairs[i] for i in random.permutation(len(pairs))]


def settings(way: Way, config: FineTuneConfig) -> FineTuneConfig:
    return replace(config, frozen_statistics=way.frozen, encoder_floor=config.encoder_floor if way.layerwise else 1.0)


def trained(way: Way, found: Simulation, config: FineTuneConfig, out: Path) -> tuple[dict[str, Tensor], ...]:
    """The last weights of a training and their moving average; kept in `out`."""
    kept = out / f"{way.name}.pt"
    if kept.exists():
        known = checkpoint.load(kept)
        return known["last"], known["average"]
    prepare(config.seed, config.threads, deterministic=True)
    base = weights.load(weights.STARTER)
    replay = found.replay if way.replay else ()
    material = Material(found.corrections, replay=replay, unlabelled=found.unlabelled, cache=Cache())
    own = settings(way, config)
    material = with_teacher(material, base, replace(own, distil=way.distil), "cpu")
    state = started(base, own, "cpu")
    train(state, Run(str(base.card["network"]), own, material, out / way.name))
    last, average = copied(state.network), {k: v.clone() for k, v in state.average.state.items()}
    checkpoint.save(kept, {"last": last, "average": average})
    return last, average


def candidates(
    way: Way, last: dict[str, Tensor], average: dict[str, Tensor], config: FineTuneConfig, guards: Sequence[Example]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The rows that a training's weights make."""
    champion = weights.load(weights.STARTER).network.state_dict()

    def measure(share: float) -> interpolate.Score:
        network = built(networks.SHIPPED, interpolate.between(champion, average, share))
        return interpolate.Score(share, None, mean_iou(network, guards, config.size))

    if way.name in ("plain", "frozen statistics"):
        yield f"{way.name}, last weights", last
    if way.name != "plain":
        yield f"{way.name}, average", average
    if way.name == "replay":
        yield "all but the average", interpolate.between(champion, last, interpolate.choose(measure, True)[0])
    if way.name == "distillation":
        for share in SHARES:
            yield f"{way.name}, {share:.0%} of the way", interpolate.between(champion, average, share)
    if way.replay:
        share, _ = interpolate.choose(measure, True)
        yield f"{way.name}, interpolated ({share:.0%})", interpolate.between(champion, average, share)


def run(data: Path, evaluation: Path, out: Path, config: FineTuneConfig, only: Sequence[str] = ()) -> dict[str, Any]:
    """Trains and judges every way (or `only` those named); answers {row: {judge: mean IoU}}, kept in ablation.json."""
    torch.set_num_threads(max(1, config.threads))
    found = simulation(data, evaluation, config.seed)
    path = out / "ablation.json"
    table: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def note(row: str, state: dict[str, Tensor]) -> None:
        if row not in table:
            network = built(networks.SHIPPED, state)
            table[row] = {name: mean_iou(network, pairs, config.size) for name, pairs in found.judges.items()}
            manifest.write_bytes(path, (json.dumps(table, indent=1) + "\n").encode())
            emit("row", name=row, **table[row])

    note("the base", weights.load(weights.STARTER).network.state_dict())
    for way in WAYS:
        if not only or way.name in only:
            last, average = trained(way, found, config, out)
            for row, state in candidates(way, last, average, config, found.guards):
                note(row, state)
    manifest.write_bytes(out / "ablation.md", markdown(table).encode())
    return table


def markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """The table of `run`: mean IoU of the base in points, and what each row adds to it."""
    base = table["the base"]
    lines = ["| | " + " | ".join(base) + " |", "|---" * (len(base) + 1) + "|"]
    lines.append("| the base | " + " | ".join(f"{100 * value:.1f}" for value in base.values()) + " |")
    for row, figures in table.items():
        if row != "the base":
            changes = (f"{100 * (figures[name] - value):+.1f}" for name, value in base.items())
            lines.append(f"| {row} | " + " | ".join(changes) + " |")
    return "\n".join(lines) + "\n"
