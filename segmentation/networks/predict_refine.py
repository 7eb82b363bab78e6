"""What the light networks share: BASNet's predict-and-refine idea behind any mobile encoder and bridge.

Decoder with side outputs and residual refinement: after Qin et al., "BASNet", CVPR 2019.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from segmentation.networks.basnet import resize_to
from segmentation.transforms import MEAN, STD

BRIDGE, STAGES = 160, (96, 64, 32)
"""Channels of the bridge at 1/32, and of the decoder's stages at 1/16, 1/8, 1/4."""


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, ReLU; keeps height and width."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


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


class PredictRefine(nn.Module):
    """`forward(x)`: x is N×3×H×W float32, normalised with ImageNet's mean and deviation.

    Answers five maps of logits, N×1×H×W each: refined, coarse, then the side outputs from the finest to the bridge's.
    `encoder` takes N×3×H×W in [-1, 1] and answers features at 1/2, 1/4, 1/8, 1/16 of `skips` channels, and at 1/32
    what `bridge` takes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: nn.Module, bridge: nn.Module, skips: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.encoder, self.bridge = encoder, bridge
        widths = zip((BRIDGE, *STAGES[:-1]), skips[:0:-1], STAGES, strict=True)
        self.stages = nn.ModuleList(DecoderStage(*each) for each in widths)
        self.sides = nn.ModuleList([nn.Conv2d(c, 1, 3, padding=1) for c in (BRIDGE, *STAGES)])
        self.refinement = Refinement(skips[0])
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
