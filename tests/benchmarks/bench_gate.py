"""What training again to no effect does to each photo: the scores on which docs/gate.md's figures rest.

    python tests/benchmarks/bench_gate.py --train ../shared/data/train --evaluate ../shared/data/ecssd --work /tmp/gate

Fine-tunes the starter four times on the same 200 pictures, with four seeds; writes docs/benchmarks/gate-scores.json:
IoU and boundary F of each photo by the starter, by the four, and by the means of two of them with the starter.
"""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation import manifest, weights
from segmentation.predictor import TorchPredictor
from training.dataset import plain_folder
from training.metrics import boundary_f, iou
from training.slices import slices_of

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "gate-scores.json"
SEEDS, PICTURES, EPOCHS = 4, 200, 4


def png(path: Path, mode: str) -> bytes:
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert(mode).save(out, "PNG")
    return out.getvalue()


def dataset(train: Path, folder: Path) -> Path:
    """A dataset folder of PICTURES pairs of a plain one."""
    folder.mkdir(parents=True)
    images = sorted((train / "images").glob("*"))
    samples = []
    for place in np.random.default_rng(0).permutation(len(images))[:PICTURES]:
        image = images[place]
        files = png(image, "RGB"), png(train / "masks" / f"{image.stem}.png", "L")
        source = image.stem.split("__")[0]
        samples.append(manifest.add(folder, *files, group=image.stem, source=source, split="train"))
    manifest.write(folder, samples, number=1, created="2026-01-02T03:04:05+00:00")
    return folder


def tuned(data: Path, out: Path, seed: int) -> Path:
    options = ["--seed", str(seed), "--epochs", str(EPOCHS), "--minutes", "600", "--no-forms", "--threads", "1"]
    base = ["--data", str(data), "--base", str(weights.starter_folder()), "--out", str(out)]
    subprocess.run([sys.executable, "-m", "training", "fine-tune", *base, *options], check=True)
    return out / "weights"


def halfway(folder: Path) -> TorchPredictor:
    """The mean of these weights and the starter's."""
    base, loaded = weights.load(weights.starter_folder()).network.state_dict(), weights.load(folder)
    own = loaded.network.state_dict()
    mean = {name: (own[name] + base[name]) / 2 if own[name].is_floating_point() else own[name] for name in own}
    loaded.network.load_state_dict(mean)
    return TorchPredictor(loaded, "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--train", "--evaluate", "--work"):
        parser.add_argument(option, type=Path, required=True)
    args = parser.parse_args()
    data = dataset(args.train, args.work / "data")
    folders = [tuned(data, args.work / f"run{seed}", seed) for seed in range(SEEDS)]
    players = {"starter": TorchPredictor(weights.load(weights.starter_folder()), "cpu")}
    players |= {f"tuned seed {n}": TorchPredictor(weights.load(folder), "cpu") for n, folder in enumerate(folders)}
    players |= {f"half of seed {n}": halfway(folders[n]) for n in (0, 1)}
    photos = []
    for pair in plain_folder(args.evaluate, None):
        alphas = [player.predict(pair.rgb).alpha for player in players.values()]
        line = {"photo": pair.name, "slices": slices_of(pair.mask, pair.source, pair.rgb)}
        for name, score in (("iou", iou), ("boundary_f", boundary_f)):
            line[name] = [round(score(alpha, pair.mask), 5) for alpha in alphas]
        photos.append(json.dumps(line))
    listed = ",\n  ".join(photos)
    OUT.write_text(f'{{"weights": {json.dumps(list(players))},\n "photos": [\n  {listed}\n]}}\n')


if __name__ == "__main__":
    main()
