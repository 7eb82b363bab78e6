"""torch on an NVIDIA GPU: bfloat16, channels last, batch norm folded, one CUDA graph for each size of batch.

Batches are padded to the next size in BUCKETS, whose graph was recorded beforehand, so that a pass is one launch.
Pictures and maps cross the bus through pinned buffers (see "CUDA graphs" and "pinned memory" in PyTorch's CUDA notes).
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import DeviceError, DeviceLost, OutOfMemory, WeightsSet, check_batch
from segmentation.transforms import channels_last
from segmentation.weights import load

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
WARM_PASSES = 3
NO_ROOM = ("out of memory", "ALLOC_FAILED")
BROKEN = ("CUDA error", "CUDA driver error", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS")


def missing(weights_set: WeightsSet) -> str:
    """Why CUDA can't run these weights here, "" where it can."""
    if find_spec("torch") is None:
        return "torch, which CUDA is used by, is not installed: pip install 'stickersnap[model]'."
    if weights_set.card.get("format") == "onnx":
        return "These weights are an ONNX graph, which is run on the CPU: choose device cpu or auto."
    import torch

    return "" if torch.cuda.is_available() else "There is no CUDA device here: choose device cpu or auto."


def open_backend(weights_set: WeightsSet, threads: int | None = None) -> TorchCuda:
    """The set's network on the GPU. WeightsError where files are damaged, DeviceError where not one picture fits."""
    loaded = load(weights_set.folder)
    try:
        return TorchCuda(loaded.network, int(loaded.card.get("size", 256)))
    except (OutOfMemory, DeviceLost) as error:
        raise DeviceError(f"The GPU can't run these weights: {error}") from error


def bucket_for(pictures: int) -> int:
    """The smallest size of BUCKETS that holds so many (1 ≤ pictures ≤ the largest)."""
    return next(size for size in BUCKETS if size >= pictures)


def meaning(error: Exception, pictures: int) -> Exception:
    """What an error of torch says of the device: OutOfMemory, DeviceLost, or just itself."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or any(words in text for words in NO_ROOM):
        return OutOfMemory(f"The GPU has no memory for {pictures} pictures at once: {text}")
    if type(error).__name__ == "AcceleratorError" or any(words in text for words in BROKEN):
        return DeviceLost(text.partition("\n")[0])
    return error


class TorchCuda:
    """A network (in evaluation mode) on the GPU; `batch_limit` is the largest bucket there was memory for."""

    name = "torch-cuda"
    device = "cuda"
    half = True

    def __init__(self, network: nn.Module, size: int) -> None:
        import torch

        from segmentation.graph import Served, folded

        torch.backends.cudnn.benchmark = True
        self.size = size
        dtype = torch.bfloat16
        self.network = Served(channels_last(folded(network)).to(dtype), dtype).eval()
        self.recordings: dict[int, Recording] = {}
        self.pool = torch.cuda.graph_pool_handle()  # recordings are replayed one at a time, and share their memory
        self.batch_limit = 0
        for bucket in BUCKETS:
            try:
                self._record(bucket)
            except OutOfMemory as error:
                if not self.batch_limit:
                    raise
                log.warning("%s Batches have %d at most.", error, self.batch_limit)
                break
            self.batch_limit = bucket

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend.run."""
        check_batch(self, batch)
        if not len(batch):
            return np.zeros((0, 2, self.size, self.size), np.float32)
        try:
            return self.recordings[bucket_for(len(batch))].replay(batch)
        except RuntimeError as error:
            raise meaning(error, len(batch)) from error

    def _record(self, bucket: int) -> None:
        import torch

        try:
            self.network.to("cuda")
            self.recordings[bucket] = Recording(self.network, bucket, self.size, self.pool)
        except RuntimeError as error:
            torch.cuda.empty_cache()
            raise meaning(error, bucket) from error


class Recording:
    """A pass over so many pictures, recorded once; input and output stay at the same place in memory."""

    def __init__(self, network: nn.Module, pictures: int, size: int, pool: Any) -> None:
        import torch

        self.host_input = torch.zeros((pictures, size, size, 3), dtype=torch.uint8, pin_memory=True)
        self.host_output = torch.zeros((pictures, 2, size, size), pin_memory=True)
        with torch.inference_mode():
            self.input = self.host_input.to("cuda")
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_PASSES):
                    self.output: Tensor = torch.stack(network(self.input), 1)
            torch.cuda.current_stream().wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            # Another thread may be serving older weights on the same device meanwhile.
            with torch.cuda.graph(self.graph, pool=pool, capture_error_mode="thread_local"):
                self.output = torch.stack(network(self.input), 1)

    def replay(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 uint8, N at most what was recorded, to N×2×S×S float32; what is left over of the batch is ignored."""
        import torch

        with torch.inference_mode():
            self.host_input.numpy()[: len(batch)] = batch
            self.input.copy_(self.host_input, non_blocking=True)
            self.graph.replay()
            self.host_output.copy_(self.output, non_blocking=True)
            torch.cuda.current_stream().synchronize()
            return self.host_output.numpy()[: len(batch)].copy()
