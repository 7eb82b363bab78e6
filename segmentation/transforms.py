"""From a photo to a network's input and from its probabilities to an alpha mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

SIZE = 256
Network = TypeVar("Network", bound="nn.Module")
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def resize(rgb: NDArray[np.uint8], size: int = SIZE) -> NDArray[np.uint8]:
    """The whole photo (H×W×3 uint8) squashed to size×size×3, antialiased."""
    if rgb.shape[:2] == (size, size):
        return rgb
    # A photo many times larger is first averaged over whole pixels: half the time, and nothing to see of it.
    return np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0))


def normalise(batch: Tensor, statistics: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """N×S×S×3 uint8 to N×3×S×S float32: each picture divided by its maximum, then ImageNet's mean and deviation.

    As BASNet's authors prepare their input. An all-black picture stays black. `statistics` are `statistics_on` the
    batch's device, where they are already there.
    """
    import torch

    x = batch.permute(0, 3, 1, 2).to(torch.float32)
    x = x / x.amax((1, 2, 3), keepdim=True).clamp(min=1)
    mean, std = statistics or statistics_on(x.device)
    return (x - mean) / std


def statistics_on(device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """ImageNet's mean and deviation, 1×3×1×1 float32 each."""
    import torch

    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return mean, std


def normalise_array(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As `normalise`, without torch: N×S×S×3 uint8 to N×3×S×S float32, contiguous."""
    maximum = np.maximum(batch.max((1, 2, 3), keepdims=True, initial=0), 1).astype(np.float32)
    x = (batch / maximum - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def network_input(rgb: NDArray[np.uint8], size: int = SIZE) -> Tensor:
    """A photo (H×W×3 uint8) as a network's input, 1×3×size×size float32."""
    import torch

    return normalise(torch.from_numpy(resize(rgb, size).copy())[None])


def channels_last(network: Network) -> Network:
    """The same network with its weights in memory as convolutions are quickest with."""
    import torch

    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def alpha_at(probability: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Probabilities (h×w float32, 0..1) as alpha (height×width uint8) at the photo's size, bilinear.

    In 8 bits before it is enlarged: a 50-megapixel mask then takes 50 MB, not 200.
    """
    small = np.rint(probability * 255).clip(0, 255).astype(np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))
