"""torch on an NVIDIA GPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import DeviceLost, OutOfMemory, WeightsSet, check_batch

if TYPE_CHECKING:
    from torch import nn

BATCH_LIMIT = 64


def missing(weights_set: WeightsSet) -> str:
    """Why CUDA can't run these weights here, "" where it can."""
    if find_spec("torch") is None:
        return "torch is not installed: pip install 'stickersnap[model]'."
    if weights_set.card.get("format") == "onnx":
        return "These weights are an ONNX file, which torch does not read: run them on the CPU with onnxruntime."
    import torch

    return "" if torch.cuda.is_available() else "There is no CUDA device here: choose device cpu or auto."


def open_backend(weights_set: WeightsSet, threads: int | None = None) -> TorchCuda:
    """The set's network on the GPU. WeightsError where the files are damaged."""
    from segmentation.weights import load

    loaded = load(weights_set.folder)
    return TorchCuda(loaded.network, int(loaded.card.get("size", 256)))


class TorchCuda:
    """A network (in evaluation mode) on the GPU."""

    name = "torch-cuda"
    device = "cuda"
    batch_limit = BATCH_LIMIT

    def __init__(self, network: nn.Module, size: int) -> None:
        from segmentation.transforms import channels_last

        self.size = size
        self.network = channels_last(network.eval()).to("cuda")

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend.run."""
        import torch

        from segmentation.transforms import normalise

        check_batch(self, batch)
        if not len(batch):
            return np.zeros((0, 2, self.size, self.size), np.float32)
        try:
            with torch.inference_mode():
                x = normalise(torch.from_numpy(np.array(batch)).to("cuda"))
                logits = self.network(x.contiguous(memory_format=torch.channels_last))[:2]
                return torch.cat(logits, 1).float().sigmoid().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory(str(error)) from error
        except torch.AcceleratorError as error:
            raise DeviceLost(str(error)) from error
