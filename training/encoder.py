"""The pretrained MobileNetV2 0.5 of TensorFlow's `deeplabv3_257_mv_gpu` as basnet-small's encoder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segmentation.basnet_small import Encoder


def copy_convolution(conv: nn.Conv2d, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    """Weights as TensorFlow Lite keeps them: OHWI, or 1HWC for a depthwise convolution."""
    order = (3, 0, 1, 2) if conv.groups > 1 else (0, 3, 1, 2)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(weights.transpose(order).copy()))
        if conv.bias is not None:
            conv.bias.copy_(torch.from_numpy(bias))


def load_pretrained(encoder: Encoder, path: Path) -> None:
    """Fills the encoder from `encoder_mobilenetv2_050.npz` (51 convolutions, batch norm folded in)."""
    with np.load(path, allow_pickle=False) as arrays:
        copy_convolution(encoder.stem, arrays["MobilenetV2/Conv/weights"], arrays["MobilenetV2/Conv/Conv2D_bias"])
        for i, block in enumerate(encoder.blocks):
            root = f"MobilenetV2/expanded_conv_{i}" if i else "MobilenetV2/expanded_conv"
            parts = {"depthwise": "depthwise", "project": "Conv2D"} | ({"expand": "Conv2D"} if i else {})
            for part, bias in parts.items():
                weights = f"{root}/{part}/" + ("depthwise_weights" if part == "depthwise" else "weights")
                convolution = cast(nn.Conv2d, block.get_submodule(part))
                copy_convolution(convolution, arrays[weights], arrays[f"{root}/{part}/{bias}_bias"])
