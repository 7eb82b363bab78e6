"""The hybrid loss of BASNet (Qin et al., CVPR 2019): pixels by cross-entropy, patches by SSIM, the map by IoU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, binary_cross_entropy_with_logits, conv2d, interpolate

WINDOW = 11
SIGMA = 1.5


def iou_loss(probability: Tensor, target: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """1 − soft IoU of each map (N×1×H×W, 0..1), averaged over the batch; an empty target is answered by emptiness."""
    intersection = (probability * target * weight).sum((1, 2, 3))
    union = ((probability + target) * weight).sum((1, 2, 3)) - intersection
    return (1 - (intersection + 1) / (union + 1)).mean()


def boundary_weight(target: Tensor, window: int = 31, strength: float = 4.0) -> Tensor:
    """1 where a pixel is as all around it, up to 1 + `strength` where it is not (Wei et al., F³Net, AAAI 2020)."""
    half = window // 2
    near = avg_pool2d(target, (window, 1), 1, (half, 0), count_include_pad=False)
    near = avg_pool2d(near, (1, window), 1, (0, half), count_include_pad=False)
    return 1 + strength * (near - target).abs()


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of N×1×H×W maps in 0..1, Gaussian window of 11 pixels, deviation 1.5."""
    offsets = torch.arange(WINDOW, device=a.device, dtype=a.dtype) - WINDOW // 2
    gauss = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    gauss = gauss / gauss.sum()
    channels = torch.cat([a, b, a * a, b * b, a * b], 1)
    groups = channels.shape[1]
    row = gauss.view(1, 1, 1, -1).expand(groups, 1, 1, -1)
    column = gauss.view(1, 1, -1, 1).expand(groups, 1, -1, 1)
    blurred = conv2d(channels, row, padding=(0, WINDOW // 2), groups=groups)
    mean_a, mean_b, aa, bb, ab = conv2d(blurred, column, padding=(WINDOW // 2, 0), groups=groups).chunk(5, 1)
    var_a, var_b, covariance = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance * (2 * covariance + c2) / (var_a + var_b + c2)


def deep_supervision(maps: Sequence[Tensor], target: Tensor, side_weight: float = 0.5) -> Tensor:
    """Hybrid loss over all maps of logits, the final one first; target is N×1×H×W in 0..1.

    The final map is judged at the target's size by all three terms, pixels near a boundary counting more; the others
    where they arise by cross-entropy and IoU: SSIM on every map at full size costs a CPU more than the network's own
    forward pass.
    """
    final = interpolate(maps[0].float(), size=target.shape[-2:], mode="bilinear", align_corners=False)
    probability = final.sigmoid()
    weight = boundary_weight(target)
    pixels = (weight * binary_cross_entropy_with_logits(final, target, reduction="none")).sum() / weight.sum()
    loss = pixels + iou_loss(probability, target, weight)
    loss = loss + (1 - ssim_map(probability, target).mean())
    for side in maps[1:]:
        small = interpolate(target, size=side.shape[-2:], mode="area")
        logits = side.float()
        term = binary_cross_entropy_with_logits(logits, small) + iou_loss(logits.sigmoid(), small)
        loss = loss + side_weight * term
    return loss


def distillation(
    maps: Sequence[Tensor], target: Tensor, sides: Sequence[Tensor] | None = None, side_weight: float = 0.5
) -> Tensor:
    """Cross-entropy of all maps of logits, the final one first, with a teacher's soft map (N×1×H×W, 0..1).

    `sides` are the teacher's own other maps (0..1), where it has the same; else they are the final one made smaller.
    Learning without forgetting (Li & Hoiem, ECCV 2016; knowledge distillation: Hinton et al. 2015): least where the
    student answers the teacher's own probabilities, which the other terms of the hybrid loss would sharpen.
    """
    final = interpolate(maps[0].float(), size=target.shape[-2:], mode="bilinear", align_corners=False)
    weight = boundary_weight(target)
    loss = (weight * binary_cross_entropy_with_logits(final, target, reduction="none")).sum() / weight.sum()
    for i, side in enumerate(maps[1:]):
        small = sides[i] if sides else interpolate(target, size=side.shape[-2:], mode="area")
        loss = loss + side_weight * binary_cross_entropy_with_logits(side.float(), small)
    return loss


def mixed(
    maps: Sequence[Tensor], target: Tensor, taught: Tensor, strength: float, sides: Sequence[Tensor] | None = None
) -> Tensor:
    """The hybrid loss of the pictures with true masks and `strength` × distillation of the `taught` (N bool) ones.

    Each picture counts alike, whatever its kind. `sides`: see `distillation`.
    """
    count = int(taught.sum())
    if not count:
        return deep_supervision(maps, target)
    loss = strength * count * distillation([m[taught] for m in maps], target[taught], sides)
    if count < len(taught):
        own = ~taught
        loss = loss + (len(taught) - count) * deep_supervision([m[own] for m in maps], target[own])
    return loss / len(taught)
