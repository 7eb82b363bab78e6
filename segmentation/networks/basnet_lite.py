"""BASNet's predict-and-refine idea on EfficientNet-Lite0: what the service ships.

Encoder: EfficientNet-Lite0 (Tan & Le, ICML 2019; TensorFlow's "lite" variant has ReLU6 and no squeeze-excite), its
batch norm folded into the convolutions. Bridge: self-attention at 1/32, a 1/64 level (Wu et al., EDN, TIP 2022) and
the mean of the whole picture. Decoder and refinement: `predict_refine`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, relu6, softmax

from segmentation.networks.basnet import resize_to
from segmentation.networks.predict_refine import BRIDGE, ConvNorm, PredictRefine

STEM = 32
# Channels out, kernel, stride of every block; all but the first expand six times.
BLOCKS = (
    (16, 3, 1),
    *((24, 3, 2), (24, 3, 1)),
    *((40, 5, 2), (40, 5, 1)),
    *((80, 3, 2), (80, 3, 1), (80, 3, 1)),
    *((112, 5, 1), (112, 5, 1), (112, 5, 1)),
    *((192, 5, 2), (192, 5, 1), (192, 5, 1), (192, 5, 1)),
    (320, 3, 1),
)
SKIPS = (96, 144, 240, 672)
"""Channels at 1/2, 1/4, 1/8, 1/16: the expanded features of the blocks that halve the picture."""


def pad_same(x: Tensor, kernel: int) -> Tensor:
    """Zeros around `x` as TensorFlow's "same" puts them before a convolution of stride 2: the odd one right, below."""
    totals = [max((size + 1) // 2 * 2 - 2 + kernel - size, 0) for size in (x.shape[-1], x.shape[-2])]
    (left, right), (top, bottom) = ((total // 2, total - total // 2) for total in totals)
    return pad(x, (left, right, top, bottom))


class Block(nn.Module):
    """MobileNetV2's inverted residual; answers its expanded features (before the stride) beside its output."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        padding = kernel // 2 if stride == 1 else 0
        self.depthwise = nn.Conv2d(hidden, hidden, kernel, stride, padding, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.expands, self.kernel, self.stride = expansion > 1, kernel, stride
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        expanded = relu6(self.expand(x)) if self.expands else x
        y = pad_same(expanded, self.kernel) if self.stride == 2 else expanded
        y = self.project(relu6(self.depthwise(y)))
        return (x + y if self.residual else y), expanded


class Encoder(nn.Module):
    """EfficientNet-Lite0 up to its last block: 2.95 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2)
        inputs = (STEM, *(outputs for outputs, _, _ in BLOCKS[:-1]))
        self.blocks = nn.ModuleList(
            Block(a, b, kernel, stride, 6 if i else 1)
            for i, (a, (b, kernel, stride)) in enumerate(zip(inputs, BLOCKS, strict=True))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: N×3×H×W in [-1, 1]. Answers features of `SKIPS` channels at 1/2 to 1/16 and 320 at 1/32."""
        features = []
        x = relu6(self.stem(pad_same(x, 3)))
        for block in self.blocks:
            x, expanded = block(x)
            if block.stride == 2:
                features.append(expanded)
        return [*features, x]


class Attention(nn.Module):
    """Self-attention of two heads over all places of a map (N×C×H×W); answers what is to be added to it."""

    def __init__(self, channels: int, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.questions = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.answer.weight)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        q, k, v = self.questions(x).reshape(n, 3, self.heads, channels // self.heads, height * width).unbind(1)
        weight = softmax(q.transpose(2, 3) @ k * (channels // self.heads) ** -0.5, -1)
        seen = (v @ weight.transpose(2, 3)).reshape(n, channels, height, width)
        return cast(Tensor, self.answer(seen))


class Bridge(nn.Module):
    """What is where in the whole picture: attention and dilated convolutions at 1/32, a 1/64 level, the mean."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.reduce = ConvNorm(inputs, outputs, 1)
        self.attention = Attention(outputs)
        self.near = ConvNorm(outputs, outputs)
        self.far = ConvNorm(outputs, outputs // 2, dilation=2)
        self.wide = ConvNorm(outputs, outputs // 2)
        self.join = ConvNorm(outputs, outputs, 1)
        self.whole = nn.Conv2d(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        x = x + self.attention(x)
        near = self.near(x)
        far = self.far(near)
        wide = resize_to(self.wide(avg_pool2d(near, 2, ceil_mode=True)), far)
        x = x + self.join(torch.cat([far, wide], 1))
        return cast(Tensor, x + self.whole(x.mean((2, 3), keepdim=True)))


class BASNetLite(PredictRefine):
    """4,235,011 parameters; see `PredictRefine`."""

    def __init__(self) -> None:
        super().__init__(Encoder(), Bridge(BLOCKS[-1][0], BRIDGE), SKIPS)
