"""Families of graphs made elsewhere: how each is fed and read. What fits a graph is told by its input and tried.

Sources: U²-Net, xuebinqin/U-2-Net and rembg's sessions; IS-Net, xuebinqin/DIS, inference.py, and imgly's
background-removal-data 1.4.5, (x − 128) / 256; RMBG 1.4, briaai's model page; BiRefNet, ZhengPeng7/BiRefNet, README;
MODNet, ZHKKKe/MODNet, onnx/inference_onnx.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from segmentation.weights.published import Graph

HALF = (0.5, 0.5, 0.5)
ONE = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Family:
    """A network's name for the card, the side it was trained at, and how its graphs are fed and read."""

    name: str
    side: int
    graph: Graph


FAMILIES = (
    Family("u2net", 320, Graph()),
    Family("isnet", 1024, Graph(mean=HALF, std=ONE, scale="255")),
    Family("rmbg", 1024, Graph(mean=HALF, std=ONE, scale="255", answers="minmax")),
    Family("birefnet", 1024, Graph(scale="255", answers="logits")),
    Family("modnet", 512, Graph(mean=HALF, std=HALF, scale="255")),
)
NAMES = (*(family.name for family in FAMILIES), "dis")


class UnknownFamilyError(ValueError):
    """Nobody knows such a family."""


def family_get(name: str) -> Family:
    """The family of that name; "dis" is IS-Net's project. Raises UnknownFamilyError, which lists them."""
    wanted = "isnet" if name == "dis" else name
    for family in FAMILIES:
        if family.name == wanted:
            return family
    raise UnknownFamilyError(f"There is no family {name!r}: choose one of {', '.join(NAMES)}.")


def candidates(sides: Iterable[object]) -> list[Family]:
    """The families whose side fits a graph's input: `sides` are its height and width, numbers where it fixes them.

    An open side leaves all of them; a side that no family has leaves U²-Net's way of feeding.
    """
    fixed = {side for side in sides if isinstance(side, int)}
    fitting = [family for family in FAMILIES if not fixed or fixed == {family.side}]
    return fitting or [FAMILIES[0]]
