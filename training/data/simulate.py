"""A class that the champion fails, made of pictures that it cuts well: photos by night."""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.data.dataset import Picture


def by_night(random: Generator, rgb: Picture) -> Picture:
    """The picture (H×W×3 uint8) as a phone takes it in the dark: a lamp in view, few photons, noise reduction, JPEG.

    Light is cut in linear intensities, shot and read noise are added (Poisson and Gauss, as in Foi et al., IEEE TIP
    2008), then the camera's gain, its blur against noise and its compression. The lamp and its glow set the exposure,
    so that all else stays dark however the picture is scaled.
    """
    colour = np.array([1.15, 1.0, 0.7]) if random.random() < 0.6 else np.array([0.85, 1.0, 1.2])
    light = (rgb / 255.0) ** 2.2 * colour * random.uniform(0.012, 0.07) + lamp(random, *rgb.shape[:2]) * colour
    photons = random.uniform(800, 3000)
    noisy = random.poisson(light * photons) / photons + random.normal(0, random.uniform(0.001, 0.003), rgb.shape)
    image = Image.fromarray((np.clip(noisy, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(random.integers(35, 75)))
    return np.asarray(Image.open(buffer).convert("RGB"))


def lamp(random: Generator, height: int, width: int) -> NDArray[np.float64]:
    """A lamp near the upper rim and its glow: height×width×1, its brightest 1.5 times what the camera can take."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(x - random.uniform(0, width), y - random.uniform(0, 0.25 * height)) / max(height, width)
    glow = 1.5 * np.exp(-((distance / random.uniform(0.015, 0.04)) ** 2)) + 0.02 * np.exp(-distance / 0.15)
    return np.asarray(glow[..., None])
