"""The photos that are sent: scikit-image's public-domain ones, and what a phone would make of one."""

from pathlib import Path

import numpy as np
from PIL import Image

TINY = 128
ORIENTATION = 0x0112
NOISE = 5.0  # standard deviation; the file then has the 4 MB or so of a phone's


def prepare(folder: Path) -> dict[str, list[Path]]:
    """Writes the photos into `folder`; answers their paths by kind.

    `small`: three photographs of at most 600 pixels; `tiny`: the same of 128; `large`: one of 12 megapixels;
    `turned`: that one lying on its side, with the orientation in its EXIF, as phones save what they take upright.
    """
    from skimage import data

    small, tiny = [], []
    for name in ("astronaut", "chelsea", "coffee"):
        photo = Image.fromarray(getattr(data, name)())
        small.append(folder / f"{name}.jpg")
        photo.save(small[-1], quality=90)
        photo.thumbnail((TINY, TINY))
        tiny.append(folder / f"{name}-tiny.jpg")
        photo.save(tiny[-1], quality=90)
    large = twelve_megapixels(data.astronaut())
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    large.save(folder / "large.jpg", quality=93)
    large.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", quality=93, exif=exif)
    return {"small": small, "tiny": tiny, "large": [folder / "large.jpg"], "turned": [folder / "turned.jpg"]}


def twelve_megapixels(rgb: np.ndarray) -> Image.Image:
    """A square photo's middle as 3000×4000 pixels with a sensor's noise, so that it decodes as a real one does."""
    height, width = rgb.shape[:2]
    upright = Image.fromarray(rgb).crop((width // 8, 0, width - width // 8, height))
    values = np.asarray(upright.resize((3000, 4000), Image.Resampling.BICUBIC), np.float32)
    values = values + np.random.default_rng(0).normal(0, NOISE, values.shape).astype(np.float32)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
