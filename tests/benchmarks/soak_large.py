"""Sends large photos to a running service and prints what its web process holds after each, and the slope of that.

    python tests/benchmarks/soak_large.py http://localhost:8000 PID [--photos 24] [--together 4]

PID is the web process that answers (the child of gunicorn's first). Limits per person must allow as many uploads.
"""

from __future__ import annotations

import argparse
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import requests
from PIL import Image

SIDE = (8_160, 6_120)  # 50 megapixels, as phones make them
SECONDS = 600


def photos() -> list[bytes]:
    """One large photo of each kind that is decoded in another way: noise over a gradient, drawn once."""
    rows = np.linspace(0, 200, SIDE[1], dtype=np.uint8)[:, None, None]
    noise = np.random.default_rng(0).integers(0, 24, (SIDE[1], SIDE[0], 3), np.uint8)
    photo = Image.fromarray(rows + noise)
    kinds = [("JPEG", photo, {"quality": 60}), ("WEBP", photo, {"quality": 40, "method": 0})]
    grey = Image.fromarray(np.broadcast_to(np.arange(SIDE[1], dtype=np.uint16)[:, None] * 10, SIDE[::-1]).copy())
    kinds.append(("PNG", grey, {}))
    made = []
    for kind, image, options in kinds:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        made.append(buffer.getvalue())
    return made


def slope(megabytes: list[float]) -> float:
    """Megabytes that each further photo leaves behind, by least squares over the second half."""
    half = megabytes[len(megabytes) // 2 :]
    return float(np.polyfit(np.arange(len(half)), half, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("pid", type=int)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--together", type=int, default=4)
    given = parser.parse_args()
    process, kinds, held = psutil.Process(given.pid), photos(), []

    def send(number: int) -> int:
        file = {"data": ("photo", kinds[number % len(kinds)])}
        return requests.post(f"{given.address}/?target=whatsapp", files=file, timeout=SECONDS).status_code

    print(f"before: {process.memory_info().rss / 1e6:.0f} MB")
    with ThreadPoolExecutor(given.together) as pool:
        for number, status in enumerate(pool.map(send, range(given.photos))):
            held.append(process.memory_info().rss / 1e6)
            print(f"{number + 1:3} {status} {held[-1]:6.0f} MB")
    print(f"slope: {slope(held):+.1f} MB a photo; most seen between photos: {max(held):.0f} MB")


if __name__ == "__main__":
    main()
