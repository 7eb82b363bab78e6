from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segmentation import manifest, mask, picture

Maker = Callable[..., Path]


def drawn(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A disc of one colour on another: 96×128×3 and 96×128 uint8."""
    y, x = np.mgrid[0:96, 0:128]
    centre, radius = random.integers((40, 35), (90, 60)), random.integers(15, 30)
    disc = np.hypot(x - centre[0], y - centre[1]) < radius
    rgb = np.where(disc[..., None], random.integers(0, 256, 3), random.integers(0, 256, 3))
    return rgb.astype(np.uint8), (disc * 255).astype(np.uint8)


@pytest.fixture
def dataset(tmp_path: Path) -> Maker:
    """Makes a dataset folder of `training`, `heldout` and `unlabelled` drawn pictures."""

    def make(training: int = 3, heldout: int = 2, name: str = "data", unlabelled: int = 0) -> Path:
        random, folder = np.random.default_rng(7), tmp_path / name
        folder.mkdir()
        splits = ["train"] * training + ["holdout"] * heldout + ["unlabelled"] * unlabelled
        samples = []
        for i, split in enumerate(splits):
            rgb, alpha = drawn(random)
            drawing = None if split == "unlabelled" else mask.encode_png(alpha)
            files = picture.encode_png(rgb), drawing
            samples.append(manifest.add(folder, *files, group=f"g{i}", source="correction", split=split))
        manifest.write(folder, samples, number=1, created="2026-01-02T03:04:05+00:00")
        return folder

    return make


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A plain images/ masks/ folder of 24 drawn pictures of two sources."""
    random, folder = np.random.default_rng(8), tmp_path / "plain"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(24):
        rgb, alpha = drawn(random)
        name = f"{'discs' if i % 2 else 'rings'}__{i}.png"
        (folder / "images" / name).write_bytes(picture.encode_png(rgb))
        (folder / "masks" / name).write_bytes(mask.encode_png(alpha))
    return folder
