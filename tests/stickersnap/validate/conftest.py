"""Packs as files."""

import pytest
from made_stickers import zipped


@pytest.fixture
def pack_file(tmp_path):
    """Parts as a `.wastickers` file."""

    def write(parts, name="dots.wastickers"):
        path = tmp_path / name
        path.write_bytes(zipped(parts))
        return path

    return write
