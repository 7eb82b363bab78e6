"""Pictures without a subject, to calibrate by: drawn ones, textures, printed pages, crops that a teacher checks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.cut import Predictor
from training.data.dataset import Picture

Numbers = NDArray[np.float64]
TEXTURES = ("brick", "grass", "gravel")
PAGES = ("page", "text")
SEEN = 0.02
"""The share of a picture from which on a teacher that finds so much in it is taken to see a subject there."""


def drawn_pictures(seed: int, size: int, count: int = 20) -> list[Picture]:
    """`count` flat, `count` graded and `count` noisy pictures."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, size)[:, None, None]
    pictures: list[Numbers] = []
    for _ in range(count):
        a, b = random.uniform(0, 255, (2, 3))
        pictures.append(np.full((size, size, 3), a))
        graded = np.broadcast_to(a + (b - a) * ramp, (size, size, 3))
        pictures.append(np.rot90(graded, int(random.integers(4))))
        pictures.append(random.normal(a, random.uniform(5, 60), (size, size, 3)))
    return [picture.clip(0, 255).astype(np.uint8) for picture in pictures]


def surfaces(seed: int, count: int = 10) -> list[tuple[str, Picture]]:
    """`count` tinted crops each of scikit-image's brick, grass, gravel and printed pages, with their names."""
    from skimage import data

    pictures = []
    for name in TEXTURES + PAGES:
        random = np.random.default_rng([seed, len(name), ord(name[0])])
        grey = np.asarray(getattr(data, name)(), np.float64)
        for _ in range(count):
            side = int(random.uniform(0.5, 1.0) * min(grey.shape))
            top, left = (int(random.integers(0, length - side + 1)) for length in grey.shape)
            crop = grey[top : top + side, left : left + side]
            tint = random.uniform(0.7, 1.1, 3)
            pictures.append((name, (crop[..., None] * tint).clip(0, 255).astype(np.uint8)))
    return pictures


def sees_something(teacher: Predictor, rgb: Picture) -> bool:
    """Whether a teacher finds a subject in a picture (H×W×3 uint8)."""
    return bool((teacher.predict(rgb).alpha >= 128).mean() >= SEEN)
