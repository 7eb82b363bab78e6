"""Lower learning rates the nearer a layer is to the input.

Geometric decay from the decoder down, as in ULMFiT's discriminative fine-tuning (Howard & Ruder, ACL 2018) and BEiT
(Bao et al., ICLR 2022): what the encoder knows of all pictures should change less than what the decoder makes of it.
"""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from segmentation import networks


def height(network: str, parameter: str) -> float:
    """How far below the decoder a parameter lies: 0 in the decoder and refinement, 1 in the encoder's first part."""
    parts = networks.entry(network).encoder
    for i, part in enumerate(parts):
        if re.match(rf"{re.escape(part)}[._]", parameter):
            return (len(parts) - i) / len(parts)
    return 0.0


def parameter_groups(network: nn.Module, name: str, floor: float) -> list[dict[str, Any]]:
    """Groups for an optimizer, each with the `scale` of its rate: 1 in the decoder, down to `floor` at the input.

    The scale is floor^height, a geometric decay; a floor of 1 gives every layer the same rate.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter_name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(height(name, parameter_name), []).append(parameter)
    return [{"params": members, "scale": floor**at} for at, members in sorted(groups.items())]
