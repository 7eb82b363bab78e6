"""The networks by name. Importing this imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn

SIZES = {"basnet": 256, "basnet-small": 256, "u2net": 320, "u2netp": 320}
"""Each network's input side, as its authors chose it."""
NAMES = tuple(SIZES)

# An entry that only this network's state dict has, and its shape.
TELLING = {
    "basnet": ("refunet.conv0.weight", (64, 1, 3, 3)),
    "basnet-small": ("encoder.stem.weight", (16, 3, 3, 3)),
    "u2net": ("stage1.rebnconv1.conv_s1.weight", (32, 64, 3, 3)),
    "u2netp": ("stage1.rebnconv1.conv_s1.weight", (16, 64, 3, 3)),
}


class Shaped(Protocol):
    """A tensor or array, as far as its shape goes."""

    @property
    def shape(self) -> Sequence[int]: ...


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
    if name in ("u2net", "u2netp"):
        from segmentation.u2net import FULL, SMALL, U2Net

        return U2Net(FULL if name == "u2net" else SMALL)
    raise ValueError(f"There is no network {name!r}: choose one of {', '.join(NAMES)}.")


def named_by(state: Mapping[str, Shaped]) -> str | None:
    """The network whose state dict this looks like; None where it is like none of them."""
    for name, (key, shape) in TELLING.items():
        if key in state and tuple(state[key].shape) == shape:
            return name
    return None
