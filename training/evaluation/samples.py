"""Pictures of masks, for people who would rather look than read figures."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segmentation.cut import Predictor
from training.data.dataset import Pair

HEIGHT = 192
SHOWN = 6


def panel(array: np.ndarray) -> Image.Image:
    image = Image.fromarray(array).convert("RGB")
    return image.resize((max(1, round(image.width * HEIGHT / image.height)), HEIGHT))


def row(arrays: Sequence[np.ndarray]) -> Image.Image:
    """The pictures side by side, each HEIGHT pixels high."""
    panels = [panel(array) for array in arrays]
    whole = Image.new("RGB", (sum(p.width for p in panels) + 4 * (len(panels) - 1), HEIGHT), "grey")
    left = 0
    for part in panels:
        whole.paste(part, (left, 0))
        left += part.width + 4
    return whole


def draw(folder: Path, pairs: Sequence[Pair], predictors: Sequence[Predictor], most: int = 8) -> list[Path]:
    """One JPEG for each pair, at most `most`: photo | truth | the predictors' masks in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for pair in pairs[:most]:
        path = folder / f"{pair.name[:16]}.jpg"
        row([pair.rgb, pair.mask, *(p.predict(pair.rgb).alpha for p in predictors)]).save(path, quality=88)
        paths.append(path)
    return paths


class Contrasts:
    """Keeps the rows photo | truth | champion | challenger of the SHOWN worst losses and the SHOWN best gains."""

    def __init__(self) -> None:
        self.worst: list[tuple[float, str, Image.Image]] = []
        self.best: list[tuple[float, str, Image.Image]] = []

    def add(self, gain: float, pair: Pair, champion: np.ndarray, challenger: np.ndarray) -> None:
        """A picture with its gain in IoU, challenger minus champion, and both masks (H×W uint8)."""
        for kept, rank in ((self.worst, -gain), (self.best, gain)):
            if rank <= 0 or (len(kept) == SHOWN and rank <= kept[0][0]):
                continue
            drawn = row([pair.rgb, pair.mask, champion, challenger])
            (heapq.heappushpop if len(kept) == SHOWN else heapq.heappush)(kept, (rank, pair.name, drawn))

    def write(self, folder: Path) -> list[dict[str, Any]]:
        """worst-1.webp, … and best-1.webp, … in `folder`; answers [{name, image_sha256, gain}], worst first."""
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.webp"):
            old.unlink()
        lines = []
        for kind, sign, kept in (("worst", -1, self.worst), ("best", 1, self.best)):
            for place, (rank, name, drawn) in enumerate(sorted(kept, key=lambda e: (-e[0], e[1])), start=1):
                drawn.save(folder / f"{kind}-{place}.webp", quality=80)
                lines.append({"name": f"{kind}-{place}.webp", "image_sha256": name, "gain": sign * rank})
        return lines
