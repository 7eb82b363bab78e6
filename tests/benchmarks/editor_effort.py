"""How many strokes a fix takes, with each of the editor's brushes: `python tests/benchmarks/editor_effort.py`.

The starter weights cut the pictures of ECSSD; a scripted, seeded person with an unsteady hand takes every cut between
IoU 0.6 and 0.92 to IoU 0.95 with the page's own kernels, run by node. See platform/frontend/tests/effort/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "platform" / "frontend"
sys.path.insert(0, str(ROOT))


def export(pictures: Path, weights: Path, folder: Path, low: float, high: float) -> int:
    """Writes every picture, its cut and its truth (raw bytes) whose IoU lies in the range; answers how many."""
    from segmentation import mask, predictor
    from segmentation.weights import load

    cutter = predictor.TorchPredictor(load(weights), "cpu")
    cases = []
    for path in sorted((pictures / "images").iterdir()):
        rgb = np.asarray(Image.open(path).convert("RGB"))
        truth = np.asarray(Image.open(pictures / "masks" / f"{path.stem}.png").convert("L"))
        alpha = cutter.predict(rgb).alpha
        iou = mask.iou(alpha, truth)
        if not low <= iou <= high:
            continue
        (folder / f"{path.stem}.rgb").write_bytes(rgb.tobytes())
        (folder / f"{path.stem}.alpha").write_bytes(alpha.tobytes())
        (folder / f"{path.stem}.truth").write_bytes(truth.tobytes())
        cases.append({"name": path.stem, "width": rgb.shape[1], "height": rgb.shape[0], "iou": round(float(iou), 4)})
    (folder / "cases.json").write_text(json.dumps(cases))
    return len(cases)


def measure(folder: Path, arguments: list[str]) -> None:
    """Bundles the scripted person with the editor's kernels and lets node run it."""
    bundle = folder / "effort.mjs"
    esbuild = FRONTEND / "node_modules" / ".bin" / "esbuild"
    source = FRONTEND / "tests" / "effort" / "run.ts"
    options = ["--bundle", "--platform=node", "--format=esm", f"--outfile={bundle}", "--log-level=warning"]
    subprocess.run([esbuild, source, *options], check=True)
    subprocess.run(["node", bundle, folder, *arguments], check=True)


def main() -> None:
    more = "What is not listed goes to the scripted person: --seed N, --tools brush,edge,smart, --half tune|report."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=more)
    parser.add_argument("--pictures", type=Path, default=ROOT.parent / "shared" / "data" / "ecssd")
    parser.add_argument("--weights", type=Path, default=ROOT / "segmentation" / "starter")
    parser.add_argument("--low", type=float, default=0.6)
    parser.add_argument("--high", type=float, default=0.92)
    parser.add_argument("--cases", type=Path, help="keep what is exported in this folder, or use what is there")
    options, rest = parser.parse_known_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.cases or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "cases.json").exists():
            found = export(options.pictures, options.weights, folder, options.low, options.high)
            print(f"{found} cuts between IoU {options.low} and {options.high}", flush=True)
        measure(folder, rest)


if __name__ == "__main__":
    main()
