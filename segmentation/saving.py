"""Saving a network as a set of weights, with what it answers to the golden pictures on its card."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation import weights
from segmentation.predictor import TorchPredictor
from segmentation.weights.golden import golden_answers

if TYPE_CHECKING:
    from torch import Tensor, nn


def save(folder: Path, network: nn.Module, card: dict[str, Any], half: bool = False) -> str:
    """Writes weights.safetensors and card.json, each aside, synced and renamed; answers the sha256.

    The card must name its "network"; sha256 and the golden answers are added here, forms of the weights it came from
    left out. `half` stores 16-bit floats.
    """
    import torch
    from safetensors.torch import save as to_bytes

    state = {key: stored(value, half) for key, value in network.state_dict().items()}
    spoilt = [
        key for key, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if spoilt:
        raise weights.WeightsError(f"{spoilt[0]} is not finite: these weights are spoilt and were not saved.")
    data = to_bytes(state)
    sha256 = hashlib.sha256(data).hexdigest()
    card = {key: value for key, value in card.items() if key != "forms"} | {"sha256": sha256}
    copy = weights.filled(str(card["network"]), state)
    card["golden"] = golden_answers(TorchPredictor(weights.LoadedWeights(copy, sha256, card, folder), "cpu"))
    folder.mkdir(parents=True, exist_ok=True)
    weights.write(folder / weights.WEIGHTS, data)
    weights.write_card(folder, card)
    return sha256


def stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().to("cpu").contiguous()
    return value.half() if half and value.is_floating_point() else value
