"""A picture of what a predictor does well and badly, without showing a photograph that may not be shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from segmentation.cut import Predictor
from segmentation.mask.edge import refine
from segmentation.mask.foreground import estimate
from training.data.dataset import Pair, Picture
from training.evaluation.metrics import Map, iou

RIGHT, SURPLUS, MISSING, NOTHING = (176, 176, 176), (0, 114, 178), (230, 159, 0), (250, 250, 250)
CELL, LABEL, COLUMNS, GAP = 148, 16, 8, 4
SHOWN = 8
MOST_BYTES = 200_000


def silhouette(alpha: Map, truth: Map) -> Image.Image:
    """Both masks (H×W uint8, cut at 128) in one picture: right, surplus and missing each have a colour."""
    a, b = alpha >= 128, truth >= 128
    colours = np.full((*a.shape, 3), NOTHING, np.uint8)
    for at, colour in ((a & b, RIGHT), (a & ~b, SURPLUS), (b & ~a, MISSING)):
        colours[at] = colour
    return Image.fromarray(colours)


def cut_out(predictor: Predictor, rgb: Picture, square: int = 12) -> Image.Image:
    """The photo's cut, its edge and colours as a sticker has them, on a chequered ground."""
    alpha = refine(rgb, predictor.predict(rgb).alpha)
    rows, columns = np.indices(alpha.shape) // square
    ground = np.where((rows + columns) % 2, 225, 250)[..., None]
    share = alpha[..., None] / 255.0
    mixed = share * estimate(rgb, alpha) + (1 - share) * ground
    return Image.fromarray(mixed.round().astype(np.uint8))


def cell(image: Image.Image, label: str, side: int = CELL) -> Image.Image:
    """The picture fitted into a square, its label under it."""
    image = image.convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = Image.new("RGB", (side, side + LABEL), "white")
    out.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    draw = ImageDraw.Draw(out)
    draw.text((side // 2, side + 1), label, fill=(60, 60, 60), font=ImageFont.load_default(11), anchor="ma")
    return out


def sheet(cells: Sequence[Image.Image], columns: int = COLUMNS) -> Image.Image:
    """Equal pictures in rows of `columns`."""
    width, height = cells[0].width + GAP, cells[0].height + GAP
    rows = -(-len(cells) // columns)
    out = Image.new("RGB", (columns * width - GAP, rows * height - GAP), "white")
    for i, part in enumerate(cells):
        out.paste(part, (i % columns * width, i // columns * height))
    return out


def worst_and_typical(scores: NDArray[np.float64], count: int = SHOWN) -> list[int]:
    """Places of the `count` lowest scores, lowest first, and of the `count` around the median."""
    order = np.argsort(scores, kind="stable")
    middle = max(count, len(order) // 2 - count // 2)
    return [int(i) for i in (*order[:count], *order[middle : middle + count])]


def draw(path: Path, predictor: Predictor, pairs: Sequence[Pair], photos: Sequence[tuple[str, Picture]]) -> None:
    """Writes a WebP of at most `MOST_BYTES`: photos that may be shown beside their cuts, then silhouettes of pairs."""
    cells = []
    for name, rgb in photos:
        cells += [cell(Image.fromarray(rgb), name), cell(cut_out(predictor, rgb), f"{name}, cut")]
    masks = [predictor.predict(pair.rgb).alpha for pair in pairs]
    scores = np.array([iou(alpha, pair.mask) for alpha, pair in zip(masks, pairs, strict=True)])
    for i in worst_and_typical(scores):
        cells.append(cell(silhouette(masks[i], pairs[i].mask), f"{pairs[i].name}: IoU {scores[i]:.2f}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sheet(cells)
    for quality in (90, 80, 70, 55, 40):
        image.save(path, quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            return
