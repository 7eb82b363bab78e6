"""What training again to no effect does to each photo: the scores on which docs/gate.md's figures rest.

    python tests/benchmarks/bench_gate.py tuned-on|fresh --train ../shared/data/train --ecssd ../shared/data/ecssd \
        --work /tmp/gate

Fine-tunes the starter on 200 pictures with several seeds, and scores photos by the starter, by what came out, and by
the mean of two of these with the starter. "tuned-on" is what the gate's rules were chosen by: seeds 0 to 3, 250 photos
of ECSSD, docs/benchmarks/gate-scores.json. "fresh" is what they were tried on afterwards: 200 other pictures, seeds 4
and 5, the same photos of ECSSD and 600 of the training folder that were in neither fine-tuning, gate-scores-fresh.json.
IoU and boundary F are in ten-thousandths.
"""

import argparse
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation import manifest, weights
from segmentation.predictor import TorchPredictor
from training.data.dataset import Pair, paired, plain_folder, read_pair
from training.evaluation.metrics import boundary_f, iou
from training.evaluation.slices import slices_of

OUT = Path(__file__).parents[2] / "docs" / "benchmarks"
EPOCHS, STEPS = 4, 92
HALVES = 2


@dataclass(frozen=True)
class Set:
    """Places in a fixed shuffle of the training folder: the pictures to fine-tune on, the photos to judge by."""

    file: str
    tuning: slice
    seeds: range
    judging: slice


SETS = {
    "tuned-on": Set("gate-scores.json", slice(0, 200), range(4), slice(0, 0)),
    "fresh": Set("gate-scores-fresh.json", slice(200, 400), range(4, 6), slice(400, 1000)),
}


def shuffled(train: Path, part: slice) -> list[tuple[Path, Path]]:
    pairs = paired(train)
    return [pairs[place] for place in np.random.default_rng(0).permutation(len(pairs))[part]]


def png(path: Path, mode: str) -> bytes:
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert(mode).save(out, "PNG")
    return out.getvalue()


def dataset(pairs: list[tuple[Path, Path]], folder: Path) -> Path:
    """A dataset folder of these pictures."""
    folder.mkdir(parents=True)
    samples = []
    for image, mask in pairs:
        source = image.stem.split("__")[0]
        files = png(image, "RGB"), png(mask, "L")
        samples.append(manifest.add(folder, *files, group=image.stem, source=source, split="train"))
    manifest.write(folder, samples, number=1, created="2026-01-02T03:04:05+00:00")
    return folder


def tuned(data: Path, out: Path, seed: int) -> Path:
    """Weights trained for EPOCHS, all the way; what part of it counts is chosen here afterwards."""
    options = {"seed": seed, "epochs": EPOCHS, "steps": STEPS, "interpolate": 1, "minutes": 600, "threads": 1}
    base = ["--data", str(data), "--base", str(weights.starter_folder()), "--out", str(out), "--no-forms"]
    told = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "training", "fine-tune", *base, *told], check=True)
    return out / "weights"


def halfway(folder: Path) -> TorchPredictor:
    """The mean of these weights and the starter's."""
    base, loaded = weights.load(weights.starter_folder()).network.state_dict(), weights.load(folder)
    own = loaded.network.state_dict()
    mean = {name: (own[name] + base[name]) / 2 if own[name].is_floating_point() else own[name] for name in own}
    loaded.network.load_state_dict(mean)
    return TorchPredictor(loaded, "cpu")


def judged(pairs: list[Pair], players: list[TorchPredictor], names: list[str]) -> list[str]:
    """One line of JSON for each photo; slices by their places in `names`, which grows."""
    lines = []
    for pair in pairs:
        slices = slices_of(pair.mask, pair.source, pair.rgb)
        names += [name for name in slices if name not in names]
        alphas = [player.predict(pair.rgb).alpha for player in players]
        figures = {"iou": iou, "boundary_f": boundary_f}
        columns = {name: [round(10_000 * of(alpha, pair.mask)) for alpha in alphas] for name, of in figures.items()}
        lines.append(json.dumps({"slices": [names.index(name) for name in slices], **columns}, separators=(",", ":")))
    return lines


def write(path: Path, players: list[str], slices: list[str], photos: dict[str, list[str]]) -> None:
    listed = {name: ",\n".join(lines) for name, lines in photos.items()}
    body = ",\n".join(f' "{name}": [\n{lines}]' for name, lines in listed.items())
    head = f'"weights": {json.dumps(players)},\n"slices": {json.dumps(slices)}'
    path.write_text(f'{{{head},\n"photos": {{\n{body}}}}}\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    for option in ("--train", "--ecssd", "--work"):
        parser.add_argument(option, type=Path, required=True)
    args = parser.parse_args()
    chosen = SETS[args.set]
    data = dataset(shuffled(args.train, chosen.tuning), args.work / "data")
    folders = {seed: tuned(data, args.work / f"run{seed}", seed) for seed in chosen.seeds}
    players = {"starter": TorchPredictor(weights.load(weights.starter_folder()), "cpu")}
    players |= {f"seed {seed}": TorchPredictor(weights.load(folder), "cpu") for seed, folder in folders.items()}
    players |= {f"half of seed {seed}": halfway(folder) for seed, folder in list(folders.items())[:HALVES]}
    photos = {"ecssd": list(plain_folder(args.ecssd, None))}
    if judging := shuffled(args.train, chosen.judging):
        photos["train"] = [Pair(i.stem, i.stem.split("__")[0], i.stem, *read_pair(i, m, None)) for i, m in judging]
    names: list[str] = []
    lines = {name: judged(pairs, list(players.values()), names) for name, pairs in photos.items()}
    write(OUT / chosen.file, list(players), names, lines)


if __name__ == "__main__":
    main()
