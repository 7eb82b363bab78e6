"""torch on the CPU: what the other backends are compared with, and what serves where none of them is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import OutOfMemory, WeightsSet, check_batch, computes_bf16
from segmentation.transforms import channels_last
from segmentation.weights import load

if TYPE_CHECKING:
    from torch import nn

BATCH_LIMIT = 4


def missing(weights_set: WeightsSet) -> str:
    """Why torch can't run these weights here, "" where it can."""
    if find_spec("torch") is None:
        return "torch is not installed: pip install 'stickersnap[model]'."
    if weights_set.card.get("format") == "onnx":
        return "These weights are an ONNX graph, which torch does not read: use the backend onnxruntime."
    return ""


def open_backend(weights_set: WeightsSet, threads: int | None = None) -> TorchCpu:
    """The set's network on the CPU, in bfloat16 where the processor has it. WeightsError where files are damaged."""
    loaded = load(weights_set.folder)
    return TorchCpu(loaded.network, int(loaded.card.get("size", 256)), threads, bf16=computes_bf16())


class TorchCpu:
    """A network (in evaluation mode) on the CPU: batch norm folded, channels last, two maps of its many.

    In float32, or in bfloat16; the picture is normalised and the sigmoid taken in float32 either way.
    """

    name = "torch-cpu"
    device = "cpu"
    batch_limit = BATCH_LIMIT

    def __init__(self, network: nn.Module, size: int, threads: int | None = None, bf16: bool = False) -> None:
        import torch

        from segmentation.graph import Served, folded

        if threads:
            torch.set_num_threads(threads)
        self.size, self.half = size, bf16
        dtype = torch.bfloat16 if bf16 else torch.float32
        self.network = Served(channels_last(folded(network)).to(dtype), dtype).eval()

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend.run."""
        import torch

        check_batch(self, batch)
        if not len(batch):
            return np.zeros((0, 2, self.size, self.size), np.float32)
        try:
            with torch.inference_mode():
                return torch.stack(self.network(torch.from_numpy(np.array(batch))), 1).numpy()
        except RuntimeError as error:
            if "not enough memory" in str(error):  # how torch's allocator for the CPU words it
                raise OutOfMemory(f"There is no memory for {len(batch)} pictures at once: {error}") from error
            raise
