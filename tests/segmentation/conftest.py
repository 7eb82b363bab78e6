import json
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from segmentation import weights
from segmentation.backends import DeviceLost, OutOfMemory, check_batch
from segmentation.transforms import resize

if TYPE_CHECKING:
    import onnx
    import torch

SIZE = weights.inspect(weights.STARTER).size  # of the shipped weights
SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def parity_folder() -> Path:
    folder = SHARED / "parity"
    if not folder.is_dir():
        pytest.skip("the parity fixtures (../shared/parity) are not on this machine")
    return folder


def fill(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The rule of the parity fixtures: weights made from the key's name."""
    random = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        return (0.5 + random.rand(*shape)).astype(np.float32)
    if key.endswith("running_mean"):
        return (0.1 * random.randn(*shape)).astype(np.float32)
    if len(shape) == 4:
        scale = np.sqrt(1 / (shape[1] * shape[2] * shape[3])) * (0.2 if shape[0] == 1 else 1.0)
        return (random.randn(*shape) * scale).astype(np.float32)
    if key.endswith("weight"):
        return (0.75 + 0.5 * random.rand(*shape)).astype(np.float32)
    return (0.1 * random.randn(*shape)).astype(np.float32)


@pytest.fixture(scope="session")
def parity_state(parity_folder: Path) -> "Callable[[str], dict[str, torch.Tensor]]":
    """The state dict by which the parity fixture of a network was made."""
    import torch

    def make(name: str) -> "dict[str, torch.Tensor]":
        published = json.loads((parity_folder / f"{name}_state_dict.json").read_text())
        return {key: torch.from_numpy(np.asarray(fill(key, tuple(shape)))) for key, shape in published.items()}

    return make


@pytest.fixture
def photo() -> np.ndarray:
    """A public-domain photograph, 512×512×3 uint8."""
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="session")
def real() -> np.ndarray:
    """Public-domain photographs, each also mirrored and darkened: 12×S×S×3 uint8."""
    from skimage import data

    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    ways = [way for rgb in photos for way in (rgb, rgb[:, ::-1].copy(), (rgb * 0.5).astype(np.uint8))]
    return np.stack([resize(rgb, SIZE) for rgb in ways])


@pytest.fixture(scope="session")
def expected(real: np.ndarray) -> np.ndarray:
    """What the shipped weights say of `real` by torch in float32: 12×2×S×S."""
    from segmentation.backends.torch_cpu import TorchCpu
    from segmentation.forms import answers

    return answers(TorchCpu(weights.load("starter").network, SIZE), real)


@pytest.fixture(scope="session")
def graph() -> "onnx.ModelProto":
    """The shipped weights as a graph, float32; exported once, which takes seconds."""
    from segmentation.export_onnx import export

    return export(weights.load("starter").network, SIZE)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A copy of the shipped weights without forms."""
    copy = tmp_path / "weights"
    shutil.copytree(weights.starter_folder(), copy)
    card = weights.read_card(copy)
    for form in card.pop("forms").values():
        (copy / form["file"]).unlink()
    weights.write_card(copy, card)
    return copy


class Arithmetic:
    """A backend without a network: both maps are the picture's red, 0..1. Quick, exact and never surprised."""

    name, device, size = "arithmetic", "cpu", 8

    def __init__(self, batch_limit: int = 4) -> None:
        self.batch_limit = batch_limit

    def run(self, batch: np.ndarray) -> np.ndarray:
        check_batch(self, batch)
        red = batch[..., 0].astype(np.float32) / 255
        return np.stack([red, red], 1)


class Faulty(Arithmetic):
    """A device that fails as devices do, when it is told to: what can't be had on purpose from a real one.

    `room`: pictures there is memory for. `lost`: it answers nothing more. `poison`: a shade that breaks its pass.
    `spoilt`: a shade that is answered by NaN. While `held` a pass does not begin; `seen` are the shades that did.
    """

    def __init__(self, batch_limit=4, device="cpu", name="faulty", room=None, poison=None, spoilt=None) -> None:
        super().__init__(batch_limit)
        self.device, self.name = device, name
        self.room, self.poison, self.spoilt, self.lost = room, poison, spoilt, False
        self.seen: list[int] = []
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.go.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        self.go.clear()
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        self.go.set()

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.begun.release()
        assert self.go.wait(60)
        if self.lost:
            raise DeviceLost("it fell off the bus")
        if self.room is not None and len(batch) > self.room:
            raise OutOfMemory(f"{len(batch)} pictures do not fit")
        shades = batch[:, 0, 0, 0].tolist()
        if self.poison in shades:
            raise ZeroDivisionError
        self.seen += shades
        maps = super().run(batch)
        maps[[shade == self.spoilt for shade in shades]] = np.nan
        return maps


@pytest.fixture(scope="session")
def arithmetic() -> type[Arithmetic]:
    return Arithmetic


@pytest.fixture(scope="session")
def faulty() -> type[Faulty]:
    return Faulty
