"""The photos that are sent: scikit-image's public-domain ones, and what a phone would make of one."""

from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
NOISE = 5.0  # standard deviation; the file then has the 4 MB or so of a phone's


def prepare(folder: Path) -> dict[str, list[Path]]:
    """Writes the photos into `folder`; answers their paths by kind: small, large, turned."""
    from skimage import data

    small = []
    for name in ("astronaut", "chelsea", "coffee"):
        path = folder / f"{name}.jpg"
        Image.fromarray(getattr(data, name)()).save(path, quality=90)
        small.append(path)
    large = twelve_megapixels(data.astronaut())
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    large.save(folder / "large.jpg", quality=93)
    large.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", quality=93, exif=exif)
    return {"small": small, "large": [folder / "large.jpg"], "turned": [folder / "turned.jpg"]}


def twelve_megapixels(rgb: np.ndarray) -> Image.Image:
    """A square photo's middle as 3000×4000 pixels with a sensor's noise, so that it decodes as a real one does."""
    height, width = rgb.shape[:2]
    upright = Image.fromarray(rgb).crop((width // 8, 0, width - width // 8, height))
    values = np.asarray(upright.resize((3000, 4000), Image.Resampling.BICUBIC), np.float32)
    values = values + np.random.default_rng(0).normal(0, NOISE, values.shape).astype(np.float32)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
