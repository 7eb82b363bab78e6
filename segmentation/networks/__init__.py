"""The networks: one entry each. A new one is its file in this folder and an entry in `ENTRIES`, nothing more.

Importing this imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Entry:
    """All that is known of a network before it is built.

    `size` is its input's side, as its authors chose it. `key` and `shape` name an entry of its state dict that no
    other network has alike. `encoder` are the parts whose learning rate falls, from the input on, by the beginning of
    their parameters' names. `heavy`: torch computes it sooner in bfloat16 than
    onnxruntime in float32, where the processor has it. `light`: serves without a GPU, and its weights are kept in
    16 bits.
    """

    name: str
    build: Callable[[], nn.Module]
    size: int
    key: str
    shape: tuple[int, ...]
    encoder: tuple[str, ...]
    heavy: bool = False
    light: bool = False


def _basnet() -> nn.Module:
    from segmentation.networks.basnet import BASNet

    return BASNet()


def _basnet_small() -> nn.Module:
    from segmentation.networks.basnet_small import BASNetSmall

    return BASNetSmall()


def _basnet_lite() -> nn.Module:
    from segmentation.networks.basnet_lite import BASNetLite

    return BASNetLite()


def _u2net() -> nn.Module:
    from segmentation.networks.u2net import FULL, U2Net

    return U2Net(FULL)


def _u2netp() -> nn.Module:
    from segmentation.networks.u2net import SMALL, U2Net

    return U2Net(SMALL)


def blocks(count: int) -> tuple[str, ...]:
    """The parts of a mobile encoder: its stem, then its blocks."""
    return ("encoder.stem", *(f"encoder.blocks.{i}" for i in range(count)))


RESNET = ("inconv", "inbn", *(f"encoder{i}" for i in range(1, 5)), "resb5", "resb6")
STAGES = tuple(f"stage{i}" for i in range(1, 7))
U2NET_KEY = "stage1.rebnconv1.conv_s1.weight"

ENTRIES = (
    Entry("basnet", _basnet, 256, "refunet.conv0.weight", (64, 1, 3, 3), RESNET, heavy=True),
    Entry("basnet-small", _basnet_small, 256, "encoder.stem.weight", (16, 3, 3, 3), blocks(17), light=True),
    Entry("basnet-lite", _basnet_lite, 256, "encoder.stem.weight", (32, 3, 3, 3), blocks(16), light=True),
    Entry("u2net", _u2net, 320, U2NET_KEY, (32, 64, 3, 3), STAGES, heavy=True),
    Entry("u2netp", _u2netp, 320, U2NET_KEY, (16, 64, 3, 3), STAGES),
)
BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}
NAMES = tuple(BY_NAME)
SHIPPED = "basnet-lite"
"""The network of the weights that come with the package, which large ones teach."""


class Shaped(Protocol):
    """A tensor or array, as far as its shape goes."""

    @property
    def shape(self) -> Sequence[int]: ...


def entry(name: str) -> Entry:
    """What is known of a network. Raises ValueError for an unknown name."""
    if name not in BY_NAME:
        raise ValueError(f"There is no network {name!r}: choose one of {', '.join(NAMES)}.")
    return BY_NAME[name]


def is_light(name: str) -> bool:
    """Whether it serves without a GPU; a network that is not known here does not count as light."""
    return name in BY_NAME and BY_NAME[name].light


def build(name: str) -> nn.Module:
    """A network with fresh weights.

    `forward(x)`: x is N×3×H×W float32, normalised (see segmentation.transforms); the answer is a tuple of logits,
    each N×1×H×W float32, the final (refined) map first, the others in the published order.
    Raises ValueError for an unknown name.
    """
    return entry(name).build()


def named_by(state: Mapping[str, Shaped]) -> str | None:
    """The network whose state dict this looks like; None where it is like none of them."""
    for known in ENTRIES:
        if known.key in state and tuple(state[known.key].shape) == known.shape:
            return known.name
    return None
