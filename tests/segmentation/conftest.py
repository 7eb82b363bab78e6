from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def parity_folder() -> Path:
    folder = SHARED / "parity"
    if not folder.is_dir():
        pytest.skip("the parity fixtures (../shared/parity) are not on this machine")
    return folder


@pytest.fixture
def photo() -> np.ndarray:
    """A public-domain photograph, 512×512×3 uint8."""
    from skimage.data import astronaut

    return astronaut()
