"""BASNet's predict-and-refine idea on a mobile encoder, small enough to ship and to train on two cores.

Encoder: MobileNetV2 with width 0.5 (Sandler et al., CVPR 2018), its batch norm folded into the convolutions.
Bridge: after Qin et al., "BASNet", CVPR 2019. Decoder and refinement: `predict_refine`.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from segmentation.networks.predict_refine import BRIDGE, ConvNorm, PredictRefine

CHANNELS = (8, 12, 12, 16, 16, 16, 32, 32, 32, 32, 48, 48, 48, 80, 80, 80, 160)
STRIDE_TWO = (1, 3, 6, 13)
STEM = 16
EXPANSION = 6
SKIPS = (48, 72, 96, 288)
"""Channels at 1/2, 1/4, 1/8, 1/16: the expanded features of the blocks that halve the picture."""


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
        """x: N×3×H×W in [-1, 1]. Answers features of `SKIPS` channels at 1/2 to 1/16 and 160 at 1/32."""
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


class BASNetSmall(PredictRefine):
    """1,561,427 parameters; see `PredictRefine`."""

    def __init__(self) -> None:
        super().__init__(Encoder(), Bridge(CHANNELS[-1], BRIDGE), SKIPS)
