"""BASNet's predict-and-refine idea on a mobile encoder, small enough to ship and to train on two cores.

Encoder: MobileNetV2 with width 0.5 (Sandler et al., CVPR 2018), its batch norm folded into the convolutions.
Bridge, decoder with side outputs and residual refinement: after Qin et al., "BASNet", CVPR 2019.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from segmentation.networks.basnet import resize_to
from segmentation.transforms import MEAN, STD

CHANNELS = (8, 12, 12, 16, 16, 16, 32, 32, 32, 32, 48, 48, 48, 80, 80, 80, 160)
STRIDE_TWO = (1, 3, 6, 13)
STEM = 16
EXPANSION = 6


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, ReLU; keeps height and width."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class InvertedResidual(nn.Module):
    """MobileNetV2's block; answers its expanded features (N×6C×H×W, before the stride) beside its output."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.expands = expansion > 1
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        expanded = nn.functional.relu6(self.expand(x)) if self.expands else x
        y = self.project(nn.functional.relu6(self.depthwise(expanded)))
        return (x + y if self.residual else y), expanded


class Encoder(nn.Module):
    """MobileNetV2 0.5 up to its last block."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2, padding=1)
        inputs = (STEM, *CHANNELS[:-1])
        self.blocks = nn.ModuleList(
            InvertedResidual(a, b, 2 if i in STRIDE_TWO else 1, EXPANSION if i else 1)
            for i, (a, b) in enumerate(zip(inputs, CHANNELS, strict=True))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: N×3×H×W in [-1, 1]. Answers features of 48, 72, 96, 288, 160 channels at 1/2, 1/4, 1/8, 1/16, 1/32."""
        features = []
        x = nn.functional.relu6(self.stem(x))
        for i, block in enumerate(self.blocks):
            x, expanded = block(x)
            if i in STRIDE_TWO:
                features.append(expanded)
        return [*features, x]


class Bridge(nn.Module):
    """Dilated convolutions and the mean of the whole picture at 1/32."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(inputs, outputs, 1)
        self.near = ConvNorm(outputs, outputs)
        self.far = ConvNorm(outputs, outputs, dilation=2)
        self.whole = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        x = x + self.far(self.near(x))
        return cast(Tensor, x + self.whole(x.mean((2, 3), keepdim=True)))


class DecoderStage(nn.Module):
    """Joins the deeper features with the encoder's of the next finer resolution."""

    def __init__(self, deeper: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.lateral = ConvNorm(skip, outputs, 1)
        self.join = ConvNorm(deeper + outputs, outputs)
        self.smooth = ConvNorm(outputs, outputs)

    def forward(self, deeper: Tensor, skip: Tensor) -> Tensor:
        lateral = self.lateral(skip)
        return cast(Tensor, self.smooth(self.join(torch.cat([resize_to(deeper, lateral), lateral], 1))))


class Refinement(nn.Module):
    """Residual refinement at 1/2: a small U-Net on the coarse logits and the finest features; answers the residual."""

    def __init__(self, skip: int, width: int = 16) -> None:
        super().__init__()
        self.lateral = ConvNorm(skip, width - 1, 1)
        self.down = nn.ModuleList([ConvNorm(width, width), ConvNorm(width, 24), ConvNorm(24, 32), ConvNorm(32, 48)])
        self.up = nn.ModuleList([ConvNorm(48 + 32, 32), ConvNorm(32 + 24, 24), ConvNorm(24 + width, width)])
        self.residual = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        x = torch.cat([torch.tanh(coarse / 4), self.lateral(skip)], 1)
        finer = []
        for i, stage in enumerate(self.down):
            x = stage(x if i == 0 else nn.functional.max_pool2d(x, 2, ceil_mode=True))
            finer.append(x)
        for stage, skip in zip(self.up, finer[-2::-1], strict=True):
            x = stage(torch.cat([resize_to(x, skip), skip], 1))
        return cast(Tensor, self.residual(x))


class BASNetSmall(nn.Module):
    """1,561,427 parameters. `forward(x)`: x is N×3×H×W float32, normalised with ImageNet's mean and deviation.

    Answers five maps of logits, N×1×H×W each: refined, coarse, then the side outputs from the finest to the bridge's.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.bridge = Bridge(CHANNELS[-1], 160)
        self.stages = nn.ModuleList([DecoderStage(160, 288, 96), DecoderStage(96, 96, 64), DecoderStage(64, 72, 32)])
        self.sides = nn.ModuleList([nn.Conv2d(c, 1, 3, padding=1) for c in (160, 96, 64, 32)])
        self.refinement = Refinement(48)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(resize_to(m.float(), x) for m in self.maps(x))

    def maps(self, x: Tensor, first: int | None = None) -> list[Tensor]:
        """The same logits, final first, each at the resolution where it arises: 1/2, 1/4, 1/8, 1/16, 1/32.

        Only the `first` so many if given.
        """
        half, quarter, eighth, sixteenth, last = self.encoder((x * self.std + self.mean) * 2 - 1)
        decoded = [self.bridge(last)]
        for stage, skip in zip(self.stages, (sixteenth, eighth, quarter), strict=True):
            decoded.append(stage(decoded[-1], skip))
        wanted = list(zip(self.sides, decoded, strict=True))[::-1][: first and max(first - 1, 1)]
        sides = [side(feature) for side, feature in wanted]
        coarse = resize_to(sides[0], half)
        return [coarse + self.refinement(coarse, half), *sides][:first]
