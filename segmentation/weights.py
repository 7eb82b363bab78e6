"""Sets of weights: a folder with weights.safetensors and card.json, named by the sha256 of the former."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from segmentation import networks
from segmentation.golden import golden_answers
from segmentation.predictor import TorchPredictor

WEIGHTS, CARD = "weights.safetensors", "card.json"
STARTER = "starter"


class WeightsError(Exception):
    """The weights cannot be used; the message says what to do."""


@dataclass(frozen=True)
class LoadedWeights:
    """A network in evaluation mode with its weights, float32; `sha256` is the weights' name."""

    network: nn.Module
    sha256: str
    card: dict[str, Any]
    folder: Path


def starter_folder() -> Path:
    """The weights that are shipped with the package."""
    return Path(__file__).parent / STARTER


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal. WeightsError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: check the path, or fetch the weights again.") from error


def load(where: str | Path, store: Path | None = None) -> LoadedWeights:
    """The weights in a folder, a .safetensors beside its card, or the authors' .pth.

    `where` may also be a name: "starter", or a sha256 (or its beginning) of weights in the folder `store`.
    WeightsError: nothing there, another digest than the card's, missing or surplus keys, wrong shapes, not finite.
    """
    path = find(where, store)
    if path.suffix == ".pth":
        return load_pth(path)
    folder = path if path.is_dir() else path.parent
    card = read_card(folder)
    sha256 = digest(folder / WEIGHTS)
    if card.get("sha256") != sha256:
        raise WeightsError(
            f"{folder / WEIGHTS} has the sha256 {sha256}, its card says {card.get('sha256')}: fetch both again."
        )
    if re.fullmatch("[0-9a-f]{64}", folder.name) and folder.name != sha256:
        raise WeightsError(f"The folder {folder.name} holds the weights {sha256}: fetch them again.")
    try:
        state = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{folder / WEIGHTS} is not a safetensors file ({error}): fetch it again.") from error
    return LoadedWeights(filled(str(card.get("network")), state), sha256, card, folder)


def find(where: str | Path, store: Path | None) -> Path:
    path = Path(where)
    if str(where) == STARTER:
        return starter_folder()
    if path.exists():
        return path
    if re.fullmatch("[0-9a-f]{8,64}", str(where)):
        candidates = [*(store.glob(f"{where}*") if store else []), starter_folder()]
        found = {read_card(c).get("sha256", ""): c for c in candidates if (c / CARD).exists()}
        matching = [c for sha256, c in found.items() if sha256.startswith(str(where))]
        if len(matching) == 1:
            return matching[0]
    raise WeightsError(f"There are no weights {str(where)!r}: give a folder, a file, a sha256 or {STARTER!r}.")


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a folder of weights. WeightsError where there is none that names a known network."""
    try:
        card = json.loads((folder / CARD).read_bytes())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / CARD} cannot be read ({error}): fetch these weights again.") from error
    if not isinstance(card, dict) or card.get("network") not in networks.NAMES:
        raise WeightsError(f"{folder / CARD} names no known network ({', '.join(networks.NAMES)}): correct the card.")
    return card


def filled(name: str, state: dict[str, Tensor]) -> nn.Module:
    """The network of that name with these weights, checked and ready for evaluation."""
    network = networks.build(name)
    own = network.state_dict()
    missing, surplus = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or surplus:
        example = (missing or surplus)[0]
        raise WeightsError(
            f"These are not weights of {name}: {len(missing)} entries are missing, {len(surplus)} surplus ({example})."
        )
    for key, value in state.items():
        if value.shape != own[key].shape:
            raise WeightsError(f"{key} has the shape {tuple(value.shape)}, {name} needs {tuple(own[key].shape)}.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{key} is not finite: these weights are spoilt, fetch or train them again.")
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def load_pth(path: Path) -> LoadedWeights:
    """A published .pth, tensors only; the network is told by its keys."""
    with path.open("rb") as file:
        if file.read(64).lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise WeightsError(f"{path} is a web page, not weights: download the file itself.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is none of its own
        raise WeightsError(f"{path} is not a file of tensors: download it again.") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds more than tensors by name: export the state dict alone.")
    name = "basnet" if "refunet.conv0.weight" in state else "basnet-small"
    sha256 = digest(path)
    return LoadedWeights(filled(name, state), sha256, {"network": name, "sha256": sha256}, path.parent)


def save(folder: Path, network: nn.Module, card: dict[str, Any], half: bool = False) -> str:
    """Writes weights.safetensors and card.json, each aside, synced and renamed; answers the sha256.

    The card must name its "network"; sha256 and the golden answers are added here. `half` stores 16-bit floats.
    """
    state = {key: stored(value, half) for key, value in network.state_dict().items()}
    spoilt = [
        key for key, value in state.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if spoilt:
        raise WeightsError(f"{spoilt[0]} is not finite: these weights are spoilt and were not saved.")
    data = to_bytes(state)
    sha256 = hashlib.sha256(data).hexdigest()
    card = {**card, "sha256": sha256}
    copy = filled(str(card["network"]), state)
    card["golden"] = golden_answers(TorchPredictor(LoadedWeights(copy, sha256, card, folder), "cpu"))
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / WEIGHTS, data)
    write(folder / CARD, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    return sha256


def stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().to("cpu").contiguous()
    return value.half() if half and value.is_floating_point() else value


def write(path: Path, data: bytes) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.writing")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
