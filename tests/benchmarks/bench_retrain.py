"""How long the training of 200 corrections takes: `python tests/benchmarks/bench_retrain.py [--network NAME]`.

The bar is 20 minutes from approval to service on two cores with basnet-small; training and its comparison with the
champion are nearly all of it. It runs as the service starts it, with the usual settings and 100 unlabelled photos.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage import data

from segmentation import manifest, mask, picture, weights

CORRECTIONS, HELDOUT, UNLABELLED = 200, 50, 100
BAR_MINUTES = 20.0
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def dataset(folder: Path) -> Path:
    """Crops of scikit-image's photographs, each with an ellipse for its mask."""
    random, samples = np.random.default_rng(0), []
    splits = ["train"] * CORRECTIONS + ["holdout"] * HELDOUT + ["unlabelled"] * UNLABELLED
    photos = [getattr(data, name)() for name in PHOTOS]
    for i, split in enumerate(splits):
        photo = photos[i % len(photos)]
        top, left = (int(random.integers(0, side - 256)) for side in photo.shape[:2])
        rgb = np.ascontiguousarray(photo[top : top + 256, left : left + 256])
        y, x = np.mgrid[0:256, 0:256]
        inside = ((x - 128) / random.uniform(40, 110)) ** 2 + ((y - 128) / random.uniform(40, 110)) ** 2 < 1
        alpha = None if split == "unlabelled" else mask.encode_png((inside * 255).astype(np.uint8))
        samples.append(
            manifest.add(folder, picture.encode_png(rgb), alpha, group=f"g{i}", source="photo", split=split)  # type: ignore[arg-type]
        )
    manifest.write(folder, samples, number=1, created="2026-01-02T03:04:05+00:00")
    return folder


def measure(more: list[str]) -> tuple[float, list[dict]]:
    """Minutes that a run took, and what it told."""
    with tempfile.TemporaryDirectory() as aside:
        folder = dataset(Path(aside) / "data")
        base = str(weights.starter_folder())
        command = ["fine-tune", "--data", str(folder), "--base", base, "--out", str(Path(aside) / "run"), *more]
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "training", *command], capture_output=True, text=True, check=True)
        minutes = (time.monotonic() - began) / 60
    return minutes, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    _, more = argparse.ArgumentParser(description=__doc__).parse_known_args()
    minutes, told = measure(more)
    epochs = [event for event in told if event["event"] == "epoch"]
    start = next(event for event in told if event["event"] == "start")
    print(f"{start['samples']} corrections, {start['taught']} taught, {start['threads']} threads, {start['device']}")
    print(f"{len(epochs)} epochs in {epochs[-1]['seconds'] / 60:.1f} minutes, {minutes:.1f} with everything else")
    print("| bar | measured | |\n|---|---|---|")
    met = "met" if minutes <= BAR_MINUTES else "not met"
    print(f"| {CORRECTIONS} corrections trained in {BAR_MINUTES:.0f} min | {minutes:.1f} min | {met} |")


if __name__ == "__main__":
    main()
