"""onnxruntime on the CPU: the default there. Neither torch nor a GPU is asked for.

Serves our own graphs (segmentation.export_onnx) and those of other people, whose card says how they are fed and read
(segmentation.weights.published.Graph).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import DeviceError, OutOfMemory, WeightsSet, check_batch, usable_cores
from segmentation.cut import Cut, cut_of, squashed
from segmentation.weights import WeightsError, golden
from segmentation.weights.published import Graph

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

BATCH_LIMIT = 4
FORM = "onnx"
STATIC = "int8-static"


def missing(weights_set: WeightsSet) -> str:
    """Why onnxruntime can't run these weights here, "" where it can."""
    if find_spec("onnxruntime") is None:
        return "onnxruntime is not installed: pip install 'stickersnap[serve]'."
    return absent_form(weights_set)


def absent_form(weights_set: WeightsSet) -> str:
    """Why the set has no graph that can be trusted, "" where it has one."""
    try:
        path = weights_set.form(FORM)
    except WeightsError as error:
        log.warning("%s It is not served, the next backend is tried.", error)
        return str(error)
    if path is None:
        return f"These weights have no ONNX form: make it with `python -m segmentation.forms {weights_set.folder}`."
    return ""


def open_backend(weights_set: WeightsSet, threads: int | None = None) -> OnnxRuntime:
    """The set's graph. DeviceError for a file that is no graph, or not one that cuts photos."""
    if static := in_8_bits(weights_set, threads):
        return static
    path = weights_set.form(FORM)
    assert path is not None
    return OnnxRuntime(path, int(weights_set.card.get("size", 256)), foreign(weights_set), threads)


def in_8_bits(weights_set: WeightsSet, threads: int | None) -> OnnxRuntime | None:
    """The set's graph that computes in 8 bits, where it has one that is right on this very processor.

    Integer kernels differ between processors and releases: what was right where the form was made need not be here.
    So it is judged by the golden pictures; where it fails the float form serves, and the log says why.
    """
    try:
        path = weights_set.form(STATIC)
        if path is None:
            return None
        backend = OnnxRuntime(path, int(weights_set.card.get("size", 256)), threads=threads)
        backend.half = True
        golden.self_test(Trial(backend, weights_set.sha256, weights_set.card))
    except (WeightsError, DeviceError, golden.GoldenError) as error:
        log.warning("The form %s of weights %s is not used here: %s", STATIC, weights_set.sha256[:12], error)
        log.warning("The form %s serves instead: a little slower, and as the network answers.", FORM)
        return None
    return backend


@dataclass(frozen=True)
class Trial:
    """A backend as the golden pictures need it: a predictor without turns and timings."""

    backend: OnnxRuntime
    weights: str
    card: dict[str, Any]
    device: str = "this processor"

    @property
    def network(self) -> str:
        return str(self.card["network"])

    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a picture, H×W×3 uint8."""
        (maps,) = self.backend.run(squashed(rgb, self.backend.size)[None])
        return cut_of(maps, rgb.shape[0], rgb.shape[1], self.card, {})


def foreign(weights_set: WeightsSet) -> Graph | None:
    """How a graph that was made elsewhere is fed and read; None for our own."""
    return Graph(**weights_set.card["graph"]) if weights_set.card.get("format") == "onnx" else None


class OnnxRuntime:
    """A graph in a session of its own. `graph` says how a graph of other people is fed and read."""

    name = "onnxruntime"
    device = "cpu"
    half = False  # True of a graph that computes in 8 bits

    def __init__(self, path: Path | bytes, size: int, graph: Graph | None = None, threads: int | None = None) -> None:
        self.size = size
        self.graph = graph
        self.session = session(path, threads)
        fixed = self.session.get_inputs()[0].shape[0]  # graphs of other people often take one picture at a time
        self.batch_limit = fixed if isinstance(fixed, int) else BATCH_LIMIT
        own = names_of_ours(path, self.session, size) if graph is None else None
        self.input, self.outputs = own or names_of_theirs(path, self.session, size, graph or Graph())

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend.run."""
        check_batch(self, batch)
        if not len(batch):
            return np.zeros((0, 2, self.size, self.size), np.float32)
        if self.graph is None:
            return np.stack(self._answers(batch), 1)
        return read(self._answers(fed(batch, self.graph)), self.graph)

    def _answers(self, values: NDArray[Any]) -> list[NDArray[np.float32]]:
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

        try:
            answers: list[NDArray[np.float32]] = self.session.run(self.outputs, {self.input: values})
        except (Fail, RuntimeException) as error:
            if "alloc" in str(error).lower():
                raise OutOfMemory(f"There is no memory for {len(values)} pictures at once: {error}") from error
            raise
        return answers


def session(path: Path | bytes, threads: int | None) -> onnxruntime.InferenceSession:
    """A session on the CPU. DeviceError for a file that holds no whole graph."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait for work by turning in circles would take the cores from decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    refusals = tuple(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception))
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except refusals as error:
        raise DeviceError(
            f"{called(path)} is no graph that onnxruntime can run ({error}): fetch or make it again."
        ) from error


def called(path: Path | bytes) -> str:
    return "This" if isinstance(path, bytes) else str(path)


def names_of_ours(path: Path | bytes, session: onnxruntime.InferenceSession, size: int) -> tuple[str, list[str]]:
    """Names of input and outputs of a graph that segmentation.export_onnx made. DeviceError for another graph."""
    inputs = {part.name: (part.type, part.shape[1:]) for part in session.get_inputs()}
    outputs = {part.name: part.type for part in session.get_outputs()}
    if inputs != {"image": ("tensor(uint8)", [size, size, 3])} or outputs != dict.fromkeys(MAPS, "tensor(float)"):
        raise DeviceError(
            f"{called(path)} takes {inputs} and answers {sorted(outputs)}, not photos of {size}×{size} and two maps: "
            "make it again with `python -m segmentation.forms`."
        )
    return "image", list(MAPS)


MAPS = ("refined", "coarse")


def names_of_theirs(
    path: Path | bytes, session: onnxruntime.InferenceSession, size: int, graph: Graph
) -> tuple[str, list[str]]:
    """Names of input and outputs as the card gives them: the first where it gives none. DeviceError where absent."""
    inputs = {part.name: part.shape for part in session.get_inputs()}
    outputs = [part.name for part in session.get_outputs()]
    name = graph.input or next(iter(inputs))
    refined = graph.refined or outputs[0]
    coarse = graph.coarse or outputs[min(1, len(outputs) - 1)]
    shape = inputs.get(name, [])
    sides = zip(shape[1:], (3, size, size), strict=False)
    fits = len(shape) == 4 and all(not isinstance(given, int) or given == wanted for given, wanted in sides)
    if not fits or refined not in outputs or coarse not in outputs:
        raise DeviceError(
            f"{called(path)} has the inputs {inputs} and outputs {outputs[:8]}, which its card does not describe "
            f"(input {name!r} of {size}×{size}, outputs {refined!r}, {coarse!r}): correct the card's graph."
        )
    return name, [refined, coarse]


def fed(batch: NDArray[np.uint8], graph: Graph) -> NDArray[np.float32]:
    """N×S×S×3 uint8 as other people's graphs take it: N×3×S×S float32, scaled, minus mean, by std (see Graph)."""
    largest = {"max": np.maximum(batch.max((1, 2, 3), keepdims=True), 1), "255": 255, "none": 1}[graph.scale]
    x = (batch / largest - np.array(graph.mean)) / np.array(graph.std)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)


def read(answers: list[NDArray[Any]], graph: Graph) -> NDArray[np.float32]:
    """Two answers, N×C×S×S or N×S×S, as N×2×S×S probabilities, stretched only where the graph wants it."""
    channels = [answer.reshape(len(answer), -1, *answer.shape[-2:])[:, graph.channel] for answer in answers]
    maps = np.stack(channels, 1).astype(np.float32)
    if graph.answers == "logits":
        maps = 1 / (1 + np.exp(-maps.clip(-80, 80)))
    elif graph.answers == "minmax":
        least, most = maps.min((2, 3), keepdims=True), maps.max((2, 3), keepdims=True)
        # a map that says the same everywhere says that there is nothing
        maps = np.where(most - least > FLAT, (maps - least) / np.maximum(most - least, FLAT), 0)
    return maps.clip(0, 1).astype(np.float32)


FLAT = 1e-6
