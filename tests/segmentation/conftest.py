import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

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
def parity_state(parity_folder: Path) -> Callable[[str], dict[str, torch.Tensor]]:
    """The state dict by which the parity fixture of a network was made."""

    def make(name: str) -> dict[str, torch.Tensor]:
        published = json.loads((parity_folder / f"{name}_state_dict.json").read_text())
        return {key: torch.from_numpy(np.asarray(fill(key, tuple(shape)))) for key, shape in published.items()}

    return make


@pytest.fixture
def photo() -> np.ndarray:
    """A public-domain photograph, 512×512×3 uint8."""
    from skimage.data import astronaut

    return astronaut()
