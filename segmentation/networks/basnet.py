"""BASNet: Boundary-Aware Salient Object Detection (Qin et al., CVPR 2019), in the published shape.

A predict module (ResNet-34 encoder, dilated bridge, decoder with side outputs) and a residual refinement module.
The names of parameters and buffers are those of the authors' `basnet.pth`, which therefore loads as it is.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

Stage = tuple[str, int, int, int]

# Decoder stages, deepest first: name, channels in (deeper and skip together), in the middle, out.
DECODER: tuple[Stage, ...] = (
    ("6d", 1024, 512, 512),
    ("5d", 1024, 512, 512),
    ("4d", 1024, 512, 256),
    ("3d", 512, 256, 128),
    ("2d", 256, 128, 64),
    ("1d", 128, 64, 64),
)
PARTS = ("1", "m", "2")
SIDES = {"b": 512, "6": 512, "5": 512, "4": 256, "3": 128, "2": 64, "1": 64}


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize of `x` (N×C×h×w) to the height and width of `like`."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class BasicBlock(nn.Module):
    """Residual block of ResNet-18 and -34 (He et al., CVPR 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + shortcut)


def residual_layer(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(outputs, outputs) for _ in range(blocks - 1))
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)


class RefUnet(nn.Module):
    """Residual refinement module: a U-Net on the coarse logits (N×1×H×W); answers the refined logits."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(1, width, 3, padding=1)
        for level in range(1, 6):
            self.add_module(f"conv{level}", nn.Conv2d(width, width, 3, padding=1))
            self.add_module(f"bn{level}", nn.BatchNorm2d(width))
        for level in range(4, 0, -1):
            self.add_module(f"conv_d{level}", nn.Conv2d(2 * width, width, 3, padding=1))
            self.add_module(f"bn_d{level}", nn.BatchNorm2d(width))
        self.conv_d0 = nn.Conv2d(width, 1, 3, padding=1)

    def convolve(self, name: str, x: Tensor) -> Tensor:
        return relu(self.get_submodule(f"bn{name}")(self.get_submodule(f"conv{name}")(x)))

    def forward(self, coarse: Tensor) -> Tensor:
        x = self.convolve("1", self.conv0(coarse))
        finer = []
        for level in range(2, 6):
            finer.append(x)
            x = self.convolve(str(level), max_pool2d(x, 2, ceil_mode=True))
        for level in range(4, 0, -1):
            skip = finer[level - 1]
            x = self.convolve(f"_d{level}", torch.cat([resize_to(x, skip), skip], 1))
        return coarse + cast(Tensor, self.conv_d0(x))


class BASNet(nn.Module):
    """87,060,360 parameters. `forward(x)`: x is N×3×H×W float32, 256×256 as published.

    Answers eight maps of logits, N×1×H×W each, in the published order: refined, then the side outputs from the
    finest to the coarsest, then the bridge's. The published network answers the sigmoid of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inconv = nn.Conv2d(3, 64, 3, padding=1)
        self.inbn = nn.BatchNorm2d(64)
        self.encoder1 = residual_layer(64, 64, 3, stride=1)
        self.encoder2 = residual_layer(64, 128, 4, stride=2)
        self.encoder3 = residual_layer(128, 256, 6, stride=2)
        self.encoder4 = residual_layer(256, 512, 3, stride=2)
        for level in (5, 6):
            for part in (1, 2, 3):
                self.add_module(f"resb{level}_{part}", BasicBlock(512, 512))
        self.add_stage("bg", 512, 512, 512, dilations=(2, 2, 2))
        for name, inputs, middle, outputs in DECODER:
            self.add_stage(name, inputs, middle, outputs, dilations=(1, 2, 2) if name == "6d" else (1, 1, 1))
        for name, inputs in SIDES.items():
            self.add_module(f"outconv{name}", nn.Conv2d(inputs, 1, 3, padding=1))
        self.refunet = RefUnet()

    def add_stage(self, name: str, inputs: int, middle: int, outputs: int, dilations: tuple[int, int, int]) -> None:
        widths = (inputs, middle, middle, outputs)
        for i, (part, dilation) in enumerate(zip(PARTS, dilations, strict=True)):
            conv = nn.Conv2d(widths[i], widths[i + 1], 3, padding=dilation, dilation=dilation)
            self.add_module(f"conv{name}_{part}", conv)
            self.add_module(f"bn{name}_{part}", nn.BatchNorm2d(widths[i + 1]))

    def stage(self, name: str, x: Tensor) -> Tensor:
        for part in PARTS:
            x = relu(self.get_submodule(f"bn{name}_{part}")(self.get_submodule(f"conv{name}_{part}")(x)))
        return x

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features at 1, 1/2, 1/4, 1/8, 1/16, 1/32; 64, 128, 256, 512, 512, 512 channels."""
        x = relu(self.inbn(self.inconv(x)))
        features = []
        for encoder in (self.encoder1, self.encoder2, self.encoder3, self.encoder4):
            x = encoder(x)
            features.append(x)
        for level in (5, 6):
            x = max_pool2d(x, 2, ceil_mode=True)
            for part in (1, 2, 3):
                x = self.get_submodule(f"resb{level}_{part}")(x)
            features.append(x)
        return features

    def maps(self, x: Tensor, first: int | None = None) -> list[Tensor]:
        """The eight logits, final first, each at the resolution where it arises; only the `first` so many if given."""
        features = self.encode(x)
        deeper = self.stage("bg", features[-1])
        decoded = [("b", deeper)]
        for (name, *_), skip in zip(DECODER, reversed(features), strict=True):
            deeper = self.stage(name, torch.cat([resize_to(deeper, skip), skip], 1))
            decoded.append((name[0], deeper))
        wanted = decoded[::-1][: first and max(first - 1, 1)]
        sides = [self.get_submodule(f"outconv{name}")(feature) for name, feature in wanted]
        return [self.refunet(sides[0]), *sides][:first]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(resize_to(m, x) for m in self.maps(x))
