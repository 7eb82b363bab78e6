"""The networks by name. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

SIZES = {"basnet": 256, "basnet-small": 256}
"""Each network's input side, as its authors chose it."""
NAMES = tuple(SIZES)

# A key that only this network's state dict has, most telling first.
TELLING = {"refunet.conv0.weight": "basnet", "encoder.stem.weight": "basnet-small"}


def build(name: str) -> nn.Module:
    """A network with fresh weights.

    `forward(x)`: x is N×3×H×W float32, normalised (see segmentation.transforms); the answer is a tuple of logits,
    each N×1×H×W float32, the final (refined) map first, the others in the published order.
    Raises ValueError for an unknown name.
    """
    if name == "basnet":
        from segmentation.basnet import BASNet

        return BASNet()
    if name == "basnet-small":
        from segmentation.basnet_small import BASNetSmall

        return BASNetSmall()
    raise ValueError(f"There is no network {name!r}: choose one of {', '.join(NAMES)}.")


def named_by(keys: Collection[str]) -> str | None:
    """The network whose state dict has such keys; None where none has."""
    return next((name for key, name in TELLING.items() if key in keys), None)
