"""OpenVINO on the CPU, where it is installed: the graphs of onnxruntime, in bfloat16 where the processor has it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import DeviceError, OutOfMemory, WeightsSet, check_batch, usable_cores
from segmentation.backends.onnxruntime import FORM, MAPS, absent_form

if TYPE_CHECKING:
    import openvino

BATCH_LIMIT = 4


def missing(weights_set: WeightsSet) -> str:
    """Why OpenVINO can't run these weights here, "" where it can."""
    if find_spec("openvino") is None:
        return "OpenVINO is not installed: pip install 'stickersnap[openvino]'."
    if weights_set.card.get("format") == "onnx":
        return "These weights are a graph made elsewhere, which onnxruntime serves."
    return absent_form(weights_set)


def open_backend(weights_set: WeightsSet, threads: int | None = None) -> OpenVino:
    """The set's graph. DeviceError for a file that is no graph, or not one that cuts photos."""
    path = weights_set.form(FORM)
    assert path is not None
    return OpenVino(path, int(weights_set.card.get("size", 256)), threads)


class OpenVino:
    """A graph compiled for one picture at a time: on a CPU a batch is no quicker, and fixed shapes are."""

    name = "openvino"
    device = "cpu"
    batch_limit = BATCH_LIMIT

    def __init__(self, path: Path, size: int, threads: int | None = None, precision: str | None = None) -> None:
        self.size = size
        self.precision, self.request = compiled(path, size, threads or usable_cores(), precision)
        self.half = self.precision == "bf16"

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend.run."""
        check_batch(self, batch)
        maps = np.empty((len(batch), 2, self.size, self.size), np.float32)
        for place, picture in enumerate(batch):
            try:
                answers = self.request.infer({"image": picture[None]})
            except (MemoryError, RuntimeError) as error:
                if isinstance(error, MemoryError) or "alloc" in str(error).lower():
                    raise OutOfMemory(f"There is no memory for a picture: {error}") from error
                raise
            for channel, name in enumerate(MAPS):
                maps[place, channel] = answers[name][0]
        return maps


def compiled(path: Path, size: int, threads: int, precision: str | None) -> tuple[str, openvino.InferRequest]:
    """The precision it computes in ("bf16" or "f32") and a request to run. DeviceError for what is no graph of ours."""
    import openvino

    core = openvino.Core()
    abilities: Any = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = precision or ("bf16" if "BF16" in abilities else "f32")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,  # several serving processes would hold the same cores
    }
    try:
        model = core.read_model(path)
        if {name for part in model.outputs for name in part.names} != set(MAPS):
            raise DeviceError(f"{path} does not answer {MAPS}: make it again with `python -m segmentation.forms`.")
        model.reshape({"image": [1, size, size, 3]})
        return precision, core.compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise DeviceError(f"{path} is no graph that OpenVINO can run ({error}): fetch or make it again.") from error
