"""Sets of weights: a folder with a file of weights and card.json, named by the sha256 of the former.

Most sets hold weights.safetensors and may hold other forms of the same network beside it (`card["forms"]`, see
`WeightsSet.form`). A set made elsewhere may hold nothing but an ONNX graph: `card["format"]` is then "onnx", the file
is weights.onnx, and `card["graph"]` says how its input is prepared (see segmentation.weights.published.Graph).

Nothing here imports torch before a network is asked for.
"""

from __future__ import annotations

import json
import os
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation import digests, networks
from segmentation.uncertainty import subject_fault
from segmentation.weights import pins
from segmentation.weights.published import graph_fault

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS, ONNX, CARD = "weights.safetensors", "weights.onnx", "card.json"
STARTER = "starter"
SIZES = range(32, 4097)
FLOATS = ("F16", "F32", "F64")


class WeightsError(Exception):
    """The weights cannot be used; the message says what to do."""


@dataclass(frozen=True)
class WeightsSet:
    """What is known of a set without loading its network; `sha256` is the set's name."""

    folder: Path
    sha256: str
    card: dict[str, Any]

    @property
    def network(self) -> str:
        return str(self.card["network"])

    @property
    def format(self) -> str:
        """ "safetensors", or "onnx" for a set that has nothing else."""
        return format_of(self.card)

    @property
    def file(self) -> Path:
        """The file whose sha256 names the set."""
        return self.folder / FILES[self.format]

    @property
    def size(self) -> int:
        """The side of the network's input."""
        return int(self.card.get("size", 256))

    @property
    def forms(self) -> dict[str, Any]:
        """What the card says of the set's other forms, by name."""
        return dict(self.card.get("forms", {}))

    def form(self, name: str) -> Path | None:
        """The file of another form ("onnx", "int8"), its digest checked; None where the card names none.

        WeightsError for a file that is not the one of the card.
        """
        if self.format == "onnx":
            return self.file if name == "onnx" else None
        entry = self.card.get("forms", {}).get(name)
        if entry is None:
            return None
        path = self.folder / Path(str(entry["file"])).name
        if digest(path) != entry["sha256"]:
            raise WeightsError(f"{path} is not the file its card names: fetch these weights again.")
        return path


@dataclass(frozen=True)
class LoadedWeights:
    """A network in evaluation mode with its weights, float32; `sha256` is the weights' name."""

    network: nn.Module
    sha256: str
    card: dict[str, Any]
    folder: Path


FILES = {"safetensors": WEIGHTS, "onnx": ONNX}


def starter_folder() -> Path:
    """The weights that are shipped with the package."""
    return Path(__file__).parents[1] / STARTER


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal, read once (see `digests`). WeightsError where it cannot be read."""
    try:
        return digests.digest(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: check the path, or fetch the weights again.") from error


def inspect(where: str | Path, store: Path | None = None) -> WeightsSet:
    """The set in a folder (or of a name, see `find`), without torch: card, digest and finite numbers are checked.

    WeightsError: nothing there, a card that does not fit, another digest than the card's, NaN or infinity.
    """
    path = find(where, store)
    folder = path if path.is_dir() else path.parent
    card = read_card(folder)
    file = folder / FILES[format_of(card)]
    sha256 = digest(file)
    if card.get("sha256") != sha256:
        raise WeightsError(f"{file} has the sha256 {sha256}, its card says {card.get('sha256')}: fetch both again.")
    if not pins.fit(folder, card):
        raise WeightsError(f"{folder / CARD} is not the card that {pins.PINS} pins: fetch these weights again.")
    if re.fullmatch("[0-9a-f]{64}", folder.name) and folder.name != sha256:
        raise WeightsError(f"The folder {folder.name} holds the weights {sha256}: fetch them again.")
    found = WeightsSet(folder, sha256, card)
    if found.format == "safetensors":
        refuse_spoilt(file)
    return found


def refuse_spoilt(file: Path) -> None:
    """WeightsError for a safetensors file that is cut short, or holds NaN or infinity."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as tensors:
            for key in tensors.keys():  # noqa: SIM118 the handle is no mapping
                if tensors.get_slice(key).get_dtype() in FLOATS and not np.isfinite(tensors.get_tensor(key)).all():
                    raise WeightsError(f"{key} is not finite: these weights are spoilt, fetch or train them again.")
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file} is not a safetensors file ({error}): fetch it again.") from error


def load(where: str | Path | WeightsSet, store: Path | None = None) -> LoadedWeights:
    """The weights in a folder, a .safetensors beside its card, or the authors' .pth, as a torch network.

    `where` may also be a name, see `find`, or a set that was inspected, which is not hashed again. WeightsError: what
    `inspect` refuses, a set without a torch network, missing or surplus keys, wrong shapes.
    """
    if isinstance(where, WeightsSet):
        found = where
    else:
        path = find(where, store)
        if path.suffix == ".pth":
            return load_pth(path)
        found = inspect(path)
    if found.format == "onnx":
        raise WeightsError(
            f"{found.folder} holds an ONNX graph alone: it serves, but is no network to train or export."
        )
    from safetensors.torch import load_file

    return LoadedWeights(filled(found.network, load_file(found.file)), found.sha256, found.card, found.folder)


def find(where: str | Path, store: Path | None) -> Path:
    """The folder or file that is meant by a path, by "starter", or by a name of a set in the folder `store`.

    A set's name is its sha256, the beginning of that (8 digits or more), or the name on its card ("u2netp").
    """
    path = Path(where)
    name = str(where)
    if name == STARTER:
        return starter_folder()
    if path.exists():
        return path
    sets = [card.parent for card in sorted(store.glob(f"*/{CARD}"))] if store else []
    matching = {}
    for folder in [*sets, starter_folder()]:
        try:
            card = read_card(folder)
        except WeightsError:
            continue
        sha256 = str(card.get("sha256", ""))
        if name in (card.get("published"), card.get("name")) or (
            re.fullmatch("[0-9a-f]{8,64}", name) and sha256.startswith(name)
        ):
            matching[sha256] = folder
    if len(matching) == 1:
        return matching.popitem()[1]
    if matching:
        raise WeightsError(f"{len(matching)} sets of weights are called {name!r}: say which by its sha256.")
    raise WeightsError(f"There are no weights {name!r}: give a folder, a file, a sha256 or {STARTER!r}.")


def format_of(card: dict[str, Any]) -> str:
    return str(card.get("format", "safetensors"))


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a folder of weights. WeightsError where there is none that can be served by."""
    try:
        card = json.loads((folder / CARD).read_bytes())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / CARD} cannot be read ({error}): fetch these weights again.") from error
    wrong = card_fault(card)
    if wrong:
        raise WeightsError(f"{folder / CARD} {wrong}: correct the card, or fetch these weights again.")
    return dict(card)


def card_fault(card: Any) -> str:
    """What makes a card unfit to serve by; empty for one that fits."""
    if not isinstance(card, dict):
        return "is no JSON object"
    if format_of(card) not in FILES:
        return f"names the format {card['format']!r}, known are {', '.join(FILES)}"
    if format_of(card) == "safetensors" and card.get("network") not in networks.NAMES:
        return f"names no known network ({', '.join(networks.NAMES)})"
    if format_of(card) == "onnx" and not isinstance(card.get("network"), str):
        return "names no network"
    if format_of(card) == "onnx" and (fault := graph_fault(card.get("graph"))):
        return fault
    if not isinstance(card.get("size", 256), int) or card.get("size", 256) not in SIZES:
        return f"has the size {card['size']!r}, it must be a whole number from {SIZES[0]} to {SIZES[-1]}"
    threshold = card.get("subject_threshold", 0.5)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        return f"has the subject_threshold {threshold!r}, it must be a number from 0 to 1"
    forms = card.get("forms", {})
    if not isinstance(forms, dict) or not all(is_form(form) for form in forms.values()):
        return "names forms without their file and sha256"
    return subject_fault(card)


def is_form(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("file"), str) and isinstance(entry.get("sha256"), str)


def filled(name: str, state: dict[str, Tensor]) -> nn.Module:
    """The network of that name with these weights, checked and ready for evaluation."""
    import torch

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
    state = read_pth(path)
    name = networks.named_by(state)
    if name is None:
        raise WeightsError(f"{path} holds weights of no network known here ({', '.join(networks.NAMES)}).")
    sha256 = digest(path)
    card = {"network": name, "size": networks.entry(name).size, "sha256": sha256}
    return LoadedWeights(filled(name, state), sha256, card, path.parent)


def read_pth(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth by name; never more than tensors is unpickled. WeightsError for anything else."""
    import torch

    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise WeightsError(f"{path} is a web page, not weights: download the file itself.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a file of tensors alone: anything else in it could run as code, so it is not opened. "
            "Export the state dict."
        ) from error
    except Exception as error:  # torch raises many kinds for a file that is none of its own
        raise WeightsError(f"{path} is not a file of tensors, or is cut short: download it again.") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds more than tensors by name: export the state dict alone.")
    return state


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Writes card.json aside, syncs, renames; pins.json with it, where the folder has one.

    WeightsError for a card that nothing could be served by.
    """
    wrong = card_fault(card)
    if wrong:
        raise WeightsError(f"The card {wrong}.")
    write(folder / CARD, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    if pins.pinned(folder) is not None:
        write(folder / pins.PINS, (json.dumps(pins.pins_of(card), indent=1) + "\n").encode())


def write(path: Path, data: bytes) -> None:
    aside = path.with_name(f"{path.name}.{os.getpid()}.writing")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
