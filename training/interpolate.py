"""Weights between champion and challenger (WiSE-FT: Wortsman et al., CVPR 2022).

Along the line from the champion (0) to the challenger (1) what was learnt arrives early and what is forgotten goes
late, so that a point between is often better at both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SHARES = (0.25, 0.5, 0.75, 1.0)
FALLBACK = 0.4
MOST_FORGOTTEN = 0.002


@dataclass(frozen=True)
class Score:
    """Mean IoU at a point of the line: on corrections put aside (None: there are none) and on replayed pictures."""

    share: float
    new: float | None
    old: float | None


@torch.no_grad()
def between(champion: Mapping[str, Tensor], challenger: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """(1 − share) × champion + share × challenger, of every floating tensor; the others are the challenger's."""
    return {
        key: torch.lerp(champion[key].to(value), value, share) if value.is_floating_point() else value.clone()
        for key, value in challenger.items()
    }


def best(scores: Sequence[Score], champion: Score) -> Score:
    """The point with the largest gain on new pictures among those that lose at most `MOST_FORGOTTEN` on old ones.

    Where every point loses more, the one that loses least.
    """

    def old_gain(score: Score) -> float:
        return (score.old or 0.0) - (champion.old or 0.0)

    keeping = [score for score in scores if old_gain(score) >= -MOST_FORGOTTEN]
    if keeping:
        return max(keeping, key=lambda score: ((score.new or 0.0) + old_gain(score), score.share))
    return max(scores, key=lambda score: (old_gain(score), -score.share))


def choose(measure: Callable[[float], Score], replayed: bool) -> tuple[float, list[Score]]:
    """The share to go, and what was measured on the way; never on held-out pictures.

    Without replayed pictures nothing can tell what was forgotten: then it is `FALLBACK`, see docs/training.md.
    """
    if not replayed:
        return FALLBACK, []
    champion = measure(0.0)
    scores = [measure(share) for share in SHARES]
    return best(scores, champion).share, [champion, *scores]
