"""A class that the champion fails, made of pictures that it cuts well: photos by night."""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from training.dataset import Picture


def by_night(random: Generator, rgb: Picture) -> Picture:
    """The picture (H×W×3 uint8) as a phone takes it in the dark: few photons, a warm lamp, noise reduction, JPEG.

    Light is cut in linear intensities, shot and read noise are added (Poisson and Gauss, as in Foi et al., IEEE TIP
    2008), then the camera's gain, its blur against noise and its compression.
    """
    linear = (rgb / 255.0) ** 2.2 * random.uniform(0.015, 0.05)
    lamp = np.array([1.15, 1.0, 0.7]) if random.random() < 0.6 else np.array([0.85, 1.0, 1.2])
    electrons = linear * lamp * random.uniform(1200, 3000)
    noisy = random.poisson(electrons) + random.normal(0, random.uniform(2, 5), rgb.shape)
    exposed = np.clip(noisy / electrons.max() * random.uniform(0.5, 1.0), 0, 1)
    image = Image.fromarray((exposed ** (1 / 1.8) * 255 * random.uniform(0.35, 0.7)).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(random.integers(35, 75)))
    return np.asarray(Image.open(buffer).convert("RGB"))
