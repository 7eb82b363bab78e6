"""Random changes of a picture and its mask; every one is a function of the given random generator alone."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter

from training.data.dataset import Picture
from training.data.pairs import Example

Box = tuple[int, int, int, int]


def random_box(random: Generator, width: int, height: int, least_area: float) -> Box:
    """A random crop box (left, top, right, bottom) of at least `least_area` of the picture, ratio 3:4 to 4:3 of it."""
    area = random.uniform(least_area, 1.0)
    ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    w = min(width, max(1, round(width * np.sqrt(area * ratio))))
    h = min(height, max(1, round(height * np.sqrt(area / ratio))))
    left, top = int(random.integers(0, width - w + 1)), int(random.integers(0, height - h + 1))
    return left, top, left + w, top + h


def resized(array: Picture, box: Box, size: int) -> Image.Image:
    """The box of a picture, squashed to size×size; nothing beside the box bleeds in."""
    left, top, right, bottom = box
    return Image.fromarray(array[top:bottom, left:right]).resize((size, size), Image.Resampling.BILINEAR)


def crop(random: Generator, pair: Example, size: int, least_area: float = 0.4) -> tuple[Image.Image, Image.Image]:
    """A random crop that keeps most of the subject, or the whole picture, squashed to size×size."""
    height, width = pair.mask.shape
    whole = (0, 0, width, height)
    box = whole
    if random.random() < 0.75:
        proposed = random_box(random, width, height, least_area)
        left, top, right, bottom = proposed
        kept = int(pair.mask[top:bottom, left:right].sum(dtype=np.int64))
        if kept >= 0.6 * int(pair.mask.sum(dtype=np.int64)):
            box = proposed
    return resized(pair.rgb, box, size), resized(pair.mask, box, size)


def background(random: Generator, pair: Example, size: int, least_area: float = 0.15) -> Image.Image | None:
    """A crop of the picture without any of its subject, or None when a few tries find none."""
    height, width = pair.mask.shape
    for _ in range(6):
        left, top, right, bottom = random_box(random, width, height, least_area)
        w, h = max(32, (right - left) // 2), max(32, (bottom - top) // 2)
        left, top = int(random.integers(0, max(1, width - w))), int(random.integers(0, max(1, height - h)))
        if not pair.mask[top : top + h, left : left + w].any():
            return resized(pair.rgb, (left, top, min(width, left + w), min(height, top + h)), size)
    return None


def soft_edge(random: Generator, mask: Image.Image) -> Image.Image:
    """The mask drawn in by up to a pixel and blurred, so that no rim of the old background tells where it ends."""
    if random.random() < 0.6:
        mask = mask.filter(ImageFilter.MinFilter(3))
    return mask.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.5)))


def colour_matched(random: Generator, subject: Picture, ground: Picture) -> Picture:
    """The subject's colours (H×W×3) drawn some way towards the ground's: mean and deviation of each channel."""
    strength = random.uniform(0, 0.6)
    (a, da), (b, db) = ((x.mean((0, 1)), x.std((0, 1)) + 1) for x in (subject, ground))
    gain = 1 + strength * (np.clip(db / da, 0.5, 2) - 1)
    shifted = (subject - a) * gain + a + strength * (b - a)
    return shifted.clip(0, 255).astype(np.uint8)


def drawn_ground(random: Generator, size: int) -> Image.Image:
    """A plain, graded or grainy ground, as studio pictures and screenshots have."""
    a, b = random.uniform(0, 255, (2, 3))
    direction = random.uniform(-1, 1, 2)
    ramp = np.linspace(0, direction[0], size)[:, None] + np.linspace(0, direction[1], size)[None]
    values = a + (b - a) * ramp[..., None] * random.integers(0, 2)
    values = values + random.normal(0, random.uniform(0, 12), (size, size, 1)) * random.integers(0, 2)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def ground_of(random: Generator, others: Sequence[Example], size: int) -> Image.Image | None:
    """A background for a subject: beside another picture's subject, sometimes blurred as a lens does, or drawn."""
    kind = random.random()
    if kind < 0.15:
        return drawn_ground(random, size)
    ground = background(random, others[int(random.integers(len(others)))], size)
    if ground is not None and kind < 0.4:
        return ground.filter(ImageFilter.GaussianBlur(random.uniform(1, 6)))
    return ground


def paste(
    random: Generator, image: Image.Image, mask: Image.Image, ground: Image.Image
) -> tuple[Image.Image, Image.Image]:
    """The subject of `image`, scaled and moved, on another picture's background (copy–paste, Ghiasi et al. 2021)."""
    size = image.width
    scale = random.uniform(0.35, 1.15)
    side = max(8, round(size * scale))
    x, y = (int(random.integers(min(0, size - side), max(0, size - side) + 1)) for _ in range(2))
    moved = Image.new("L", (size, size), 0)
    moved.paste(mask.resize((side, side), Image.Resampling.BILINEAR), (x, y))
    colours = colour_matched(random, np.asarray(image), np.asarray(ground))
    subject = ground.copy()
    subject.paste(Image.fromarray(colours).resize((side, side), Image.Resampling.BILINEAR), (x, y))
    alpha = soft_edge(random, moved)
    return Image.composite(subject, ground, alpha), alpha


def recolour(random: Generator, image: Image.Image, strength: float = 0.4) -> Image.Image:
    """Brightness, contrast, saturation and the balance of the channels; now and then grey."""
    if random.random() < 0.06:
        image = image.convert("L").convert("RGB")
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if random.random() < 0.7:
            image = enhance(image).enhance(random.uniform(1 - strength, 1 + strength))
    if random.random() < 0.5:
        gains = random.uniform(0.85, 1.15, 3)
        tables = np.outer(gains, np.arange(256)).clip(0, 255).astype(int)
        image = image.point(tables.flatten().tolist())
    return image


def degrade(random: Generator, image: Image.Image) -> Image.Image:
    """Blur, noise or a strong JPEG, as photos from a messenger have."""
    kind = random.random()
    if kind < 0.10:
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.6)))
    if kind < 0.18:
        noise = random.normal(0, random.uniform(3, 14), (image.height, image.width, 3))
        return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
    if kind < 0.28:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(random.integers(25, 80)))
        return Image.open(buffer).convert("RGB")
    return image


def example(
    random: Generator,
    pair: Example,
    others: Sequence[Example],
    size: int,
    paste_rate: float = 0.3,
    empty_rate: float = 0.04,
) -> tuple[Picture, Picture]:
    """A training example: size×size×3 and size×size uint8.

    `others` lend backgrounds: with `paste_rate` the subject stands on one, with `empty_rate` it is shown alone and
    the mask is empty, so that the network also learns to find nothing.
    """
    image, mask = crop(random, pair, size)
    draw = random.random()
    if others and draw < paste_rate + empty_rate:
        ground = ground_of(random, others, size)
        if ground is not None and draw < paste_rate:
            image, mask = paste(random, image, mask, ground)
        elif ground is not None:
            image, mask = ground, Image.new("L", (size, size), 0)
    if random.random() < 0.5:
        image, mask = (i.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for i in (image, mask))
    if random.random() < 0.25:
        angle = random.uniform(-15, 15)
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=(124, 116, 104))
        mask = mask.rotate(angle, Image.Resampling.BILINEAR)
    return np.asarray(degrade(random, recolour(random, image))), np.asarray(mask)
