"""A graph made elsewhere, looked at before it counts: what it takes, what it answers, and whether that is a mask."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation import weights
from segmentation.backends.onnxruntime import fed
from segmentation.transforms import resize
from segmentation.weights import WeightsError, golden
from segmentation.weights.published import Graph

if TYPE_CHECKING:
    import onnxruntime

SIDE = 320  # where a graph leaves it open


def sides(file: Path) -> list[object]:
    """Height and width of a graph's input: numbers where it fixes them, names where it leaves them open."""
    return list(_the_input(_session(file), file).shape[2:])


def look_at(file: Path, graph: Graph, side: int | None) -> tuple[int, Graph]:
    """Runs the graph on drawn pictures: (side of its input, the graph with the names of input and outputs).

    WeightsError where it is no ONNX file, or its input is not N×3×S×S float32, or it does not answer N×C×S×S numbers,
    the same size each time, and no NaN, of a black picture neither.
    """
    session = _session(file)
    given = _the_input(session, file)
    fixed = {length for length in given.shape[2:] if isinstance(length, int)} or {side or SIDE}
    size = fixed.pop()
    if fixed or size not in weights.SIZES:
        raise WeightsError(
            f"{file.name} takes pictures of {given.shape[2:]}: squares of 32 to 4096 are what can be served."
        )
    names = [output.name for output in session.get_outputs()]
    drawn = resize(golden.pictures()["disc"], size)
    runs = [_run(session, given.name, fed(picture[None], graph), file, size) for picture in (drawn, 0 * drawn, drawn)]
    first = runs[0]
    if [np.shape(answer) for answer in first] != [np.shape(answer) for answer in runs[2]]:
        raise WeightsError(f"{file.name} answers another size each time: it cannot be served.")
    maps = [name for name, answer in zip(names, first, strict=True) if is_map(answer, size, graph.channel)]
    if not maps or (maps[0] != names[0] and graph.refined not in maps):
        wanted = f"1×{graph.channel + 1 if graph.channel else 1}×{size}×{size}"
        raise WeightsError(f"{file.name} answers {np.shape(first[0])} first, not {wanted}: it cuts nothing.")
    refined = graph.refined if graph.refined in maps else maps[0]
    shown = [answers[names.index(refined)] for answers in runs]
    if not np.issubdtype(shown[0].dtype, np.floating):
        raise WeightsError(f"{file.name} answers whole numbers ({shown[0].dtype}), not probabilities: export it so.")
    if not all(np.isfinite(answer).all() for answer in shown):
        where = "" if not np.isfinite(shown[0]).all() else " for a black picture"
        raise WeightsError(f"{file.name} answers with NaN or infinity{where}: its weights are spoilt, fetch it again.")
    within = all(bool((answer >= 0).all() and (answer <= 1).all()) for answer in shown)
    coarse = graph.coarse if graph.coarse in maps else maps[min(1, len(maps) - 1)]
    found = replace(graph, input=given.name, refined=refined, coarse=coarse)
    return size, found if within or graph.answers == "minmax" else replace(found, answers="logits")


def is_map(answer: NDArray[Any], size: int, channel: int) -> bool:
    """Whether an answer is 1×S×S or 1×C×S×S with that channel in it; without a channel chosen, of one channel."""
    shape = np.shape(answer)
    if shape == (1, size, size):
        return channel == 0
    fits = len(shape) == 4 and shape[0] == 1 and shape[2:] == (size, size)
    return fits and (shape[1] > channel if channel else shape[1] == 1)


def _session(file: Path) -> onnxruntime.InferenceSession:
    if find_spec("onnxruntime") is None:
        raise WeightsError("An ONNX file needs onnxruntime: pip install onnxruntime, then try again.")
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each kind of damage
        raise WeightsError(f"{file.name} is not an ONNX graph, or is cut short: fetch it again.") from error


def _the_input(session: onnxruntime.InferenceSession, file: Path) -> onnxruntime.NodeArg:
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4 or shape[1] != 3:
        raise WeightsError(f"{file.name} takes {[(i.type, i.shape) for i in inputs]}, not one N×3×S×S float32.")
    return inputs[0]


def _run(
    session: onnxruntime.InferenceSession, name: str, x: NDArray[np.float32], file: Path, size: int
) -> list[NDArray[Any]]:
    try:
        answers: list[NDArray[Any]] = session.run(None, {name: x})
    except Exception as error:
        raise WeightsError(f"{file.name} fails on a picture of {size}×{size}: it cannot be served.") from error
    return answers
