"""The networks by name."""

from __future__ import annotations

from torch import nn

NAMES = ("basnet", "basnet-small")


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
