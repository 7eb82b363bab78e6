#!/usr/bin/env python
"""Makes the sample dataset: public-domain photographs of scikit-image with masks from hand-traced outlines.

    python scripts/make_sample_dataset.py data && dvc add data && dvc push

The same bytes come out every time with the same Pillow. Sources and licences are in samples/README.md.
"""

import argparse
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from segmentation import manifest

OUTLINES = Path(__file__).with_name("sample_outlines.json")
CREATED = "2026-11-23T00:00:00+00:00"
FINER = 8  # outlines are drawn this much larger, so that edges come out soft


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to make it; must not exist")
    folder: Path = parser.parse_args().folder
    if folder.exists():
        parser.error(f"{folder} is there already. Remove it or name another.")
    samples = [
        manifest.add(
            folder, jpeg(photograph(name)), png(alpha(name)), group=f"scikit-image/{name}", source="scikit-image"
        )
        for name in json.loads(OUTLINES.read_text())
    ]
    version = manifest.write(folder, samples, number=1, created=CREATED)
    print(f"{version.samples} photographs in {folder}, digest {version.digest}")


def photograph(name: str) -> Image.Image:
    picture: NDArray[np.uint8] = getattr(data, name)()
    return Image.fromarray(picture).convert("RGB")


def alpha(name: str) -> Image.Image:
    """The mask of a photograph: 8-bit grey, soft over about a pixel and a half."""
    outline = json.loads(OUTLINES.read_text())[name]
    width, height = photograph(name).size
    drawn = Image.new("L", (width * FINER, height * FINER))
    pen = ImageDraw.Draw(drawn)
    for polygons, value in ((outline["subject"], 255), (outline["holes"], 0)):
        for polygon in polygons:
            pen.polygon([(x * FINER, y * FINER) for x, y in polygon], fill=value)
    return drawn.filter(ImageFilter.GaussianBlur(0.75 * FINER)).resize((width, height), Image.Resampling.BOX)


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, optimize=True)
    return out.getvalue()


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
