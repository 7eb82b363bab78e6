"""From a file of weights made elsewhere (.pth, .safetensors, .onnx) to a set that can be served."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation import backends, networks, saving, trial, weights
from segmentation.convert import foreign
from segmentation.convert.families import candidates
from segmentation.predictor import BackendPredictor
from segmentation.weights import WeightsError, WeightsSet, golden
from segmentation.weights.published import TABLE, Graph, Published

if TYPE_CHECKING:
    from torch import Tensor

Facts = Mapping[str, Any]
log = logging.getLogger(__name__)
UNFOLDED = ("u2net", "u2netp")  # published as graphs, but networks that we have, too
PARALLEL = "module."  # what torch's DataParallel puts before every key


def convert(
    file: Path,
    folder: Path,
    facts: Facts | None = None,
    table: tuple[Published, ...] = TABLE,
    graph: Graph | None = None,
) -> WeightsSet:
    """Makes a set in `folder` from one file; `facts` go on its card (name, source, licence, size …).

    A file of the table is known by its digest, whatever it is called. `graph` says how another ONNX file is fed and
    read; without it the families that fit are tried and the one that cuts best is taken. Raises WeightsError: a file
    that is none of weights, damaged or cut short, of an unknown network, of other shapes, with NaN or infinity, or
    with more than tensors in it.
    """
    readers: dict[str, Callable[[Path, Path, Facts, Graph | None], None]] = {
        ".pth": from_pth,
        ".pt": from_pth,
        ".safetensors": from_safetensors,
        ".onnx": from_onnx,
    }
    if file.suffix not in readers:
        raise WeightsError(f"{file.name} is none of {', '.join(readers)}, nor a folder of weights.")
    if not file.is_file():
        raise WeightsError(f"{file} is not there: check the path.")
    entry = known(file, table)
    origin = {"file": file.name, "sha256": weights.digest(file), "bytes": file.stat().st_size}
    card = {**(facts_of(entry) if entry else {}), **(facts or {}), "origin": origin}
    folder.mkdir(parents=True, exist_ok=True)
    readers[file.suffix](file, folder, card, graph or (entry.graph if entry else None))
    return weights.inspect(folder)


def known(file: Path, table: tuple[Published, ...]) -> Published | None:
    """The table's entry that has all its digests in common with the file."""
    from segmentation.weights.download import faults

    return next((entry for entry in table if not faults(file, entry.digests)), None)


def facts_of(entry: Published) -> dict[str, Any]:
    """What a card says of published weights."""
    return {
        "network": entry.network,
        "size": entry.side,
        "published": entry.name,
        "source": entry.source,
        "address": entry.url,
        "pinned": dict(entry.digests),
        "licences": [entry.licence],
    }


def from_pth(file: Path, folder: Path, facts: Facts, _: Graph | None) -> None:
    from_state(weights.read_pth(file), file, folder, facts)


def from_safetensors(file: Path, folder: Path, facts: Facts, _: Graph | None) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file)
    except SafetensorError as error:
        raise WeightsError(f"{file} is not a safetensors file, or is cut short ({error}): fetch it again.") from error
    from_state(state, file, folder, facts)


def from_state(state: Mapping[str, Tensor], file: Path, folder: Path, facts: Facts) -> None:
    """Saves a state dict as a set; the network is told by keys and shapes."""
    if all(key.startswith(PARALLEL) for key in state):
        state = {key.removeprefix(PARALLEL): value for key, value in state.items()}
    name = networks.named_by(state)
    if name is None:
        raise WeightsError(
            f"{file.name} holds weights of another architecture than those known here ({', '.join(networks.NAMES)})."
        )
    if facts.get("network", name) != name:
        raise WeightsError(f"{file.name} holds weights of {name}, not of {facts['network']}.")
    network = weights.filled(name, dict(state))
    saving.save(folder, network, {"size": networks.entry(name).size, **facts, "network": name})


def from_onnx(file: Path, folder: Path, facts: Facts, graph: Graph | None) -> None:
    """A set with the network that a published graph was made of, so that it can be trained, too; of any other graph,
    the graph as it is, its input and outputs looked up in itself."""
    if facts.get("network") in UNFOLDED and _unfold(file, folder, facts):
        return
    kept = folder / weights.ONNX
    shutil.copyfile(file, kept)
    sha256 = weights.digest(kept)
    fitting = candidates(foreign.sides(kept)) if graph is None else []
    tried: dict[str, tuple[float, dict[str, Any]]] = {}
    for name, way in [(family.name, family.graph) for family in fitting] or [("given", graph or Graph())]:
        size, found = foreign.look_at(kept, way, facts.get("size"))
        card: dict[str, Any] = {
            "network": name if len(fitting) > 1 else called(file),
            **facts,
            "format": "onnx",
            "size": size,
            "graph": found.as_card(),
            "sha256": sha256,
        }
        iou = trial.mean_iou(_predictor(folder, card)) if len(fitting) > 1 else 0.0
        tried[name] = (iou, card)
    best = max(tried, key=lambda name: tried[name][0])
    card = tried[best][1]
    if len(fitting) > 1:
        card["tried"] = {name: round(iou, 3) for name, (iou, _) in tried.items()}
    card["golden"] = golden.golden_answers(_predictor(folder, card))
    weights.write_card(folder, card)


def called(file: Path) -> str:
    """A network's name made of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "onnx"


def _predictor(folder: Path, card: dict[str, Any]) -> BackendPredictor:
    found = WeightsSet(folder, card["sha256"], card)
    try:
        backend = backends.choose(found, "cpu", "onnxruntime")
    except backends.DeviceError as error:
        raise WeightsError(f"{folder.name} cannot be run here. {error}") from error
    return BackendPredictor(backend, found.sha256, card)


def _unfold(file: Path, folder: Path, facts: Facts) -> bool:
    """Saves the network behind a graph; False where it cannot be had again."""
    try:
        from segmentation.convert.unfold import UnfoldError, checked
    except ImportError as error:
        log.warning("%s serves as it is, but cannot be trained without %s.", file.name, error.name)
        return False
    try:
        network = checked(facts["network"], file, int(facts["size"]))
    except UnfoldError as error:
        log.warning("%s serves as it is, but cannot be trained: %s.", file.name, error)
        return False
    saving.save(folder, network, dict(facts))
    return True
