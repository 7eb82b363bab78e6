"""A network as it is served: photos in, two maps of probabilities out, batch norm folded into the convolutions."""

from __future__ import annotations

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segmentation.networks.basnet import resize_to
from segmentation.transforms import normalise, statistics_on


class Served(nn.Module):
    """N×S×S×3 uint8 sRGB to the refined and the coarse map, N×S×S float32 probabilities each.

    `dtype` is that of the network's weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype
        mean, std = statistics_on()
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = normalise(image, (self.mean, self.std))
        refined, coarse = (resize_to(logits.float(), x).sigmoid()[:, 0] for logits in self.first_maps(x.to(self.dtype)))
        return refined, coarse

    def first_maps(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.network.maps(x, first=2)  # type: ignore[operator]
        return maps


def folded(network: nn.Module, size: int = 64) -> nn.Module:
    """A copy of a network in evaluation mode, each batch norm folded into the convolution before it.

    One pass over a picture of size×size tells which convolution that is.
    """
    network = deepcopy(network).eval().requires_grad_(False)
    names = {module: name for name, module in network.named_modules()}
    answers: dict[int, tuple[nn.Conv2d, Tensor]] = {}
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def remember(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            answers[id(output)] = (module, output)  # the tensor is kept, so that its id stays its own
        elif id(inputs[0]) in answers:
            pairs.append((answers[id(inputs[0])][0], cast(nn.BatchNorm2d, module)))

    hooks = [m.register_forward_hook(remember) for m in names if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    for convolution, norm in pairs:
        network.set_submodule(names[convolution], fuse_conv_bn_eval(convolution, norm))
        network.set_submodule(names[norm], nn.Identity())
    return network
