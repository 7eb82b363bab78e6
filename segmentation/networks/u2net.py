"""U²-Net and U²-Netp: nested U-structure for salient object detection (Qin et al., Pattern Recognition 2020).

An encoder and a decoder whose every stage is itself a small U-Net with a residual (an RSU block); the side outputs of
all stages are fused into the final map. Names of parameters and buffers are those of the authors' `u2net.pth` and
`u2netp.pth`, which therefore load as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from segmentation.networks.basnet import resize_to

Widths = tuple[int, int, int]

# Height of each stage's RSU block; the two deepest stages and the first decoder stage keep their resolution inside.
HEIGHTS = {1: 7, 2: 6, 3: 5, 4: 4}
FLAT = (1, 2, 4, 8)
STAGES = ("1", "2", "3", "4", "5", "6", "5d", "4d", "3d", "2d", "1d")

# Channels of each stage: in, inside, out.
FULL: dict[str, Widths] = {
    "1": (3, 32, 64),
    "2": (64, 32, 128),
    "3": (128, 64, 256),
    "4": (256, 128, 512),
    "5": (512, 256, 512),
    "6": (512, 256, 512),
    "5d": (1024, 256, 512),
    "4d": (1024, 128, 256),
    "3d": (512, 64, 128),
    "2d": (256, 32, 64),
    "1d": (128, 16, 64),
}
SMALL: dict[str, Widths] = {name: (3 if name == "1" else 128 if "d" in name else 64, 16, 64) for name in STAGES}


class REBNCONV(nn.Module):
    """Convolution, batch norm, ReLU; keeps height and width."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)
        self.relu_s1 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.relu_s1(self.bn_s1(self.conv_s1(x))))


class RSU(nn.Module):
    """Residual U-block. With `dilations` it keeps its resolution and widens its view by them, one to a level;
    without, each of its `height` levels but the last halves the resolution."""

    def __init__(self, widths: Widths, height: int, dilations: tuple[int, ...] = ()) -> None:
        super().__init__()
        inputs, middle, outputs = widths
        self.height, self.pools = height, not dilations
        down = dilations or (1,) * (height - 1) + (2,)
        self.rebnconvin = REBNCONV(inputs, outputs)
        for level in range(1, height + 1):
            self.add_module(f"rebnconv{level}", REBNCONV(outputs if level == 1 else middle, middle, down[level - 1]))
        for level in range(height - 1, 0, -1):
            dilation = down[level - 1] if dilations else 1
            self.add_module(f"rebnconv{level}d", REBNCONV(2 * middle, outputs if level == 1 else middle, dilation))

    def forward(self, x: Tensor) -> Tensor:
        residual = x = self.rebnconvin(x)
        finer: list[Tensor] = []
        for level in range(1, self.height + 1):
            if self.pools and 1 < level < self.height:
                x = max_pool2d(x, 2, ceil_mode=True)
            x = self.get_submodule(f"rebnconv{level}")(x)
            finer.append(x)
        for level in range(self.height - 1, 0, -1):
            skip = finer[level - 1]
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat([resize_to(x, skip), skip], 1))
        return x + residual


class U2Net(nn.Module):
    """44,009,869 parameters with the `FULL` widths, 1,131,181 with the `SMALL` ones (U²-Netp).

    `forward(x)`: x is N×3×H×W float32, 320×320 as published. Answers seven maps of logits, N×1×H×W each, in the
    published order: fused, then the side outputs from the finest to the coarsest. The published network answers the
    sigmoid of these.
    """

    def __init__(self, widths: dict[str, Widths]) -> None:
        super().__init__()
        for name in STAGES:
            level = int(name[0])
            height, dilations = (HEIGHTS[level], ()) if level in HEIGHTS else (len(FLAT), FLAT)
            self.add_module(f"stage{name}", RSU(widths[name], height, dilations))
        for level in range(1, 7):
            side = widths["6" if level == 6 else f"{level}d"][2]
            self.add_module(f"side{level}", nn.Conv2d(side, 1, 3, padding=1))
        self.outconv = nn.Conv2d(6, 1, 1)

    def features(self, x: Tensor) -> Iterator[Tensor]:
        """Decoder features, from the coarsest (1/32, of the last encoder stage) to the finest (1/1)."""
        skips: list[Tensor] = []
        for level in range(1, 6):
            x = self.get_submodule(f"stage{level}")(x)
            skips.append(x)
            x = max_pool2d(x, 2, ceil_mode=True)
        x = self.get_submodule("stage6")(x)
        yield x
        for level in range(5, 0, -1):
            skip = skips[level - 1]
            x = self.get_submodule(f"stage{level}d")(torch.cat([resize_to(x, skip), skip], 1))
            yield x

    def maps(self, x: Tensor, first: int | None = None) -> list[Tensor]:
        """The seven logits, final first, each at the resolution where it arises; only the `first` so many if given."""
        features = list(self.features(x))[::-1]
        sides = [self.get_submodule(f"side{level}")(features[level - 1]) for level in range(1, 7)]
        fused = self.outconv(torch.cat([resize_to(side, sides[0]) for side in sides], 1))
        return [fused, *sides][:first]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(resize_to(m, x) for m in self.maps(x))
