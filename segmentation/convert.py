"""From a file of weights made elsewhere (.pth, .safetensors, .onnx) to a set that can be served."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segmentation import backends, golden, networks, saving, weights
from segmentation.backends.onnxruntime import fed
from segmentation.predictor import BackendPredictor
from segmentation.published import TABLE, Graph, Published
from segmentation.transforms import resize
from segmentation.weights import WeightsError, WeightsSet

if TYPE_CHECKING:
    from torch import Tensor

Facts = Mapping[str, Any]
SIDE = 320  # where a graph leaves it open
PARALLEL = "module."  # what torch's DataParallel puts before every key


def convert(file: Path, folder: Path, facts: Facts | None = None, table: tuple[Published, ...] = TABLE) -> WeightsSet:
    """Makes a set in `folder` from one file; `facts` go on its card (name, source, licence, size …).

    A file of the table is known by its digest, whatever it is called. Raises WeightsError: a file that is none of
    weights, damaged or cut short, of an unknown network, of other shapes, with NaN or infinity, or with more than
    tensors in it.
    """
    readers: dict[str, Callable[[Path, Path, Facts, Graph], None]] = {
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
    readers[file.suffix](file, folder, card, entry.graph if entry else Graph())
    return weights.inspect(folder)


def known(file: Path, table: tuple[Published, ...]) -> Published | None:
    """The table's entry that has all its digests in common with the file."""
    from segmentation.download import faults

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


def from_pth(file: Path, folder: Path, facts: Facts, _: Graph) -> None:
    from_state(weights.read_pth(file), file, folder, facts)


def from_safetensors(file: Path, folder: Path, facts: Facts, _: Graph) -> None:
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
    saving.save(folder, network, {"size": networks.SIZES[name], **facts, "network": name})


def from_onnx(file: Path, folder: Path, facts: Facts, graph: Graph) -> None:
    """Keeps an ONNX graph as it is; its input and outputs are looked up in the graph itself."""
    kept = folder / weights.ONNX
    shutil.copyfile(file, kept)
    size, graph = look_at(kept, graph, facts.get("size"))
    card: dict[str, Any] = {
        "network": re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or "onnx",
        **facts,
        "format": "onnx",
        "size": size,
        "graph": graph.as_card(),
        "sha256": weights.digest(kept),
    }
    found = WeightsSet(folder, card["sha256"], card)
    try:
        backend = backends.choose(found, "cpu", "onnxruntime")
    except backends.DeviceError as error:
        raise WeightsError(f"{file.name} cannot be run here. {error}") from error
    card["golden"] = golden.golden_answers(BackendPredictor(backend, found.sha256, card))
    weights.write_card(folder, card)


def look_at(file: Path, graph: Graph, side: int | None) -> tuple[int, Graph]:
    """Runs the graph once on a drawn picture: (side of its input, the graph with the names of input and outputs).

    WeightsError where it is no ONNX file, or its input is not N×3×S×S float32, or it does not answer N×1×S×S numbers.
    """
    if find_spec("onnxruntime") is None:
        raise WeightsError("An ONNX file needs onnxruntime: pip install onnxruntime, then try again.")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each kind of damage
        raise WeightsError(f"{file.name} is not an ONNX graph, or is cut short: fetch it again.") from error
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4 or shape[1] != 3:
        raise WeightsError(f"{file.name} takes {[(i.type, i.shape) for i in inputs]}, not one N×3×S×S float32.")
    sides = {length for length in shape[2:] if isinstance(length, int)} or {side or SIDE}
    size = sides.pop()
    if sides or size not in weights.SIZES:
        raise WeightsError(f"{file.name} takes pictures of {shape[2:]}: squares of 32 to 4096 are what can be served.")
    names = [output.name for output in session.get_outputs()]
    x = fed(resize(golden.pictures()["disc"], size)[None], graph)
    try:
        answers = session.run(None, {inputs[0].name: x})
    except Exception as error:
        raise WeightsError(f"{file.name} fails on a picture of {size}×{size}: it cannot be served.") from error
    maps = [name for name, answer in zip(names, answers, strict=True) if np.shape(answer) == (1, 1, size, size)]
    if not maps or maps[0] != names[0]:
        raise WeightsError(f"{file.name} answers {np.shape(answers[0])} first, not 1×1×{size}×{size}: it cuts nothing.")
    if not np.isfinite(answers[0]).all():
        raise WeightsError(f"{file.name} answers with NaN or infinity: its weights are spoilt, fetch it again.")
    within = bool((answers[0] >= 0).all() and (answers[0] <= 1).all())
    found = replace(graph, input=inputs[0].name, refined=maps[0], coarse=maps[min(1, len(maps) - 1)])
    return size, found if within else replace(found, answers="logits")
