"""Pictures of masks, for people who would rather look than read figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation.predictor import Predictor
from training.dataset import Pair

HEIGHT = 192


def panel(array: np.ndarray) -> Image.Image:
    image = Image.fromarray(array).convert("RGB")
    return image.resize((max(1, round(image.width * HEIGHT / image.height)), HEIGHT))


def draw(folder: Path, pairs: Sequence[Pair], predictors: Sequence[Predictor], most: int = 8) -> list[Path]:
    """One JPEG for each pair, at most `most`: photo | truth | the predictors' masks in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for pair in pairs[:most]:
        panels = [panel(pair.rgb), panel(pair.mask), *(panel(p.predict(pair.rgb).alpha) for p in predictors)]
        row = Image.new("RGB", (sum(p.width for p in panels) + 4 * (len(panels) - 1), HEIGHT), "grey")
        left = 0
        for part in panels:
            row.paste(part, (left, 0))
            left += part.width + 4
        path = folder / f"{pair.name[:16]}.jpg"
        row.save(path, quality=88)
        paths.append(path)
    return paths
