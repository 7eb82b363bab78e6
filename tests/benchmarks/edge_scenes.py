"""Pictures whose alpha and foreground colours are known: cut subjects and hair-like curves over known backgrounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage import data

SIDE = 512
Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """`rgb` H×W×3 uint8 as a camera saw it; `alpha` H×W and `foreground` H×W×3, float32 in 0..1, as it was made."""

    kind: str
    rgb: NDArray[np.uint8]
    alpha: Picture
    foreground: Picture


def cut_scenes(folder: Path, count: int, seed: int = 3) -> Iterator[Scene]:
    """Subjects of a folder of images/ and masks/ with softened edges, over other backgrounds."""
    rng = np.random.default_rng(seed)
    stems = [path.stem for path in sorted((folder / "masks").glob("*.png"))]
    for stem in rng.permutation(stems):
        if count == 0:
            return
        image = next((folder / "images").glob(f"{stem}.*"))
        rgb = np.asarray(_to_side(Image.open(image).convert("RGB")), np.float32) / 255
        mask = np.asarray(_to_side(Image.open(folder / "masks" / f"{stem}.png").convert("L")), np.float32) / 255
        smooth = ndimage.gaussian_filter(mask, 2.5)
        if not 0.05 < (smooth > 0.5).mean() < 0.5:
            continue
        count -= 1
        softness = float(rng.choice([0.8, 1.5, 3.0]))
        alpha = soft(smooth > 0.5, softness)
        foreground = spread(rgb, ndimage.binary_erosion(smooth > 0.5, iterations=4))
        yield composed("cut", foreground, alpha, background(rng, alpha.shape), rng)


def hair_scenes(count: int, seed: int = 5) -> Iterator[Scene]:
    """Round bodies with curls of one to three pixels, in a photograph's colours, over other backgrounds."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        alpha = drawn(rng)
        colours = background(rng, (SIDE, SIDE), blur=1.0) * rng.uniform(0.3, 1.0, 3).astype(np.float32)
        yield composed("hair", colours, alpha, background(rng, alpha.shape), rng)


def composed(kind: str, foreground: Picture, alpha: Picture, behind: Picture, rng: np.random.Generator) -> Scene:
    """One over the other, with a camera's noise."""
    seen = alpha[..., None] * foreground + (1 - alpha[..., None]) * behind
    seen = seen + rng.normal(0, 0.01, seen.shape)
    return Scene(kind, (seen.clip(0, 1) * 255).round().astype(np.uint8), alpha, foreground)


def soft(inside: NDArray[np.bool_], width: float) -> Picture:
    """Alpha that goes from 0 to 1 over about 2 × `width` pixels across the edge."""
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    t = np.clip(distance / (2 * width) + 0.5, 0, 1).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(t * t * (3 - 2 * t), 0.5), np.float32)


def spread(rgb: Picture, inside: NDArray[np.bool_]) -> Picture:
    """The colours inside, carried on outside: what the subject's colour would have been there."""
    if not inside.any():
        return rgb
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    carried = rgb[nearest[0], nearest[1]]
    blurred = np.stack([ndimage.gaussian_filter(carried[..., c], 3) for c in range(3)], -1)
    return np.where(inside[..., None], rgb, blurred).astype(np.float32)


def drawn(rng: np.random.Generator, scale: int = 4) -> Picture:
    """A round body with 60 curls, drawn four times as large and averaged down."""
    canvas = Image.new("L", (SIDE * scale, SIDE * scale))
    pen = ImageDraw.Draw(canvas)
    centre, radius = rng.uniform(0.42, 0.58, 2) * SIDE, rng.uniform(0.18, 0.26) * SIDE
    turn = np.linspace(0, 2 * np.pi, 200)
    wave = radius * (1 + 0.12 * np.sin(3 * turn + rng.uniform(0, 6)) + 0.06 * np.sin(5 * turn + rng.uniform(0, 6)))
    outline = centre + np.stack([wave * np.cos(turn), wave * np.sin(turn)], 1)
    pen.polygon([tuple(p) for p in outline * scale], fill=255)
    for start in rng.integers(0, 200, 60):
        away = outline[start] - centre
        away /= np.hypot(*away)
        side = np.array([-away[1], away[0]])
        length, bend = rng.uniform(15, 60), rng.uniform(-25, 25)
        t = np.linspace(0, 1, 24)[:, None]
        points = outline[start] - 4 * away + t * length * away + t**2 * bend * side
        pen.line([tuple(p) for p in points * scale], fill=255, width=int(rng.uniform(1, 3) * scale), joint="curve")
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255


def background(rng: np.random.Generator, shape: tuple[int, ...], blur: float | None = None) -> Picture:
    """A piece of a photograph or texture, tinted, sharp or out of focus."""
    source = [data.coffee, data.rocket, data.grass, data.gravel, data.brick, data.chelsea, data.astronaut][
        rng.integers(7)
    ]()
    image = Image.fromarray(source).convert("RGB")
    share = rng.uniform(0.4, 0.9)
    width, height = int(image.width * share), int(image.height * share)
    left, top = rng.integers(image.width - width), rng.integers(image.height - height)
    piece = image.crop((left, top, left + width, top + height)).resize(shape[1::-1], Image.Resampling.BICUBIC)
    picture = np.asarray(piece, np.float32) / 255 * rng.uniform(0.6, 1.0, 3).astype(np.float32)
    sigma = blur if blur is not None else float(rng.choice([0.0, 2.0, 6.0]))
    return np.stack([ndimage.gaussian_filter(picture[..., c], sigma) for c in range(3)], -1).astype(np.float32)


def wallpaper(shape: tuple[int, ...]) -> Picture:
    """A chat's wallpaper: pale green with darker doodles."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    doodle = (np.sin(x / 9) * np.cos(y / 13) + np.sin((x + y) / 21)) > 0.7
    pale, dark = np.array([0.85, 0.92, 0.83]), np.array([0.74, 0.85, 0.72])
    return np.where(doodle[..., None], dark, pale).astype(np.float32)


def _to_side(image: Image.Image) -> Image.Image:
    factor = SIDE / max(image.size)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
