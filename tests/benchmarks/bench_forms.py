"""What each form of the shipped weights costs: bytes, maxFβ and MAE on ECSSD, and milliseconds for one picture.

`python tests/benchmarks/bench_forms.py` prints the table; `--write` also puts it into docs/benchmarks/forms.md.
Static int8 is calibrated on training pictures; nothing is chosen by ECSSD's.
"""

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from segmentation import picture, weights
from segmentation.backends import Backend
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.backends.openvino import OpenVino
from segmentation.backends.torch_cpu import TorchCpu
from segmentation.export_onnx import MOST_CALIBRATING, as_form, export, spread
from segmentation.forms import BROWSER_BYTES
from segmentation.predictor import BackendPredictor
from training.evaluate import read_any
from training.metrics import Figures

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
PASSES = 30
START, END = "<!-- table -->", "<!-- end -->"


@dataclass
class Player:
    """One form on one backend, and what is measured of it."""

    name: str
    predictor: BackendPredictor
    size: int
    figures: Figures = field(default_factory=Figures)
    apart: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)

    def judge(self, rgb: np.ndarray, mask: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
        alpha = self.predictor.predict(rgb).alpha
        self.figures.add(alpha, mask)
        reference = alpha if reference is None else reference
        self.apart.append(float(abs(alpha.astype(int) - reference).mean()))
        a, b = alpha >= 128, reference >= 128
        self.ious.append(float((a & b).sum() / max((a | b).sum(), 1)))
        return alpha

    def milliseconds(self) -> float:
        """The median of one picture's passes."""
        photo = np.random.default_rng(0).integers(0, 256, (1, *[self.predictor.backend.size] * 2, 3)).astype(np.uint8)
        passes = []
        for _ in range(PASSES + 3):
            start = time.perf_counter()
            self.predictor.backend.run(photo)
            passes.append(time.perf_counter() - start)
        return 1000 * float(np.median(passes[3:]))


def players(name: str, training: Path, folder: Path) -> list[Player]:
    """torch first: the others are compared with it."""
    loaded = weights.load(name)
    size = int(loaded.card.get("size", 256))
    graph = export(loaded.network, size)
    photos = [picture.decode(path.read_bytes()).rgb for path in spread(training, MOST_CALIBRATING)]
    found: list[tuple[str, Backend, int]] = [
        ("torch, float32", TorchCpu(loaded.network, size), (loaded.folder / weights.WEIGHTS).stat().st_size)
    ]
    for form in ("fp32", "fp16", "int8", "int8-static"):
        file = folder / f"{form}.onnx"
        file.write_bytes(as_form(graph, form, photos).SerializeToString())
        found.append((f"{form}, onnxruntime", OnnxRuntime(file, size), file.stat().st_size))
    if find_spec("openvino"):
        half, static = folder / "fp16.onnx", folder / "int8-static.onnx"
        backend = OpenVino(half, size)
        found.append((f"fp16, OpenVINO ({backend.precision})", backend, half.stat().st_size))
        found.append(("int8-static, OpenVINO", OpenVino(static, size), static.stat().st_size))
    return [Player(n, BackendPredictor(b, loaded.sha256, loaded.card), length) for n, b, length in found]


def table(found: list[Player]) -> list[str]:
    lines = [
        "| form | bytes | maxFβ | lost | MAE | lost | mean difference (of 255) | IoU with torch, mean | ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = found[0].figures.summary()
    for player in found:
        now = player.figures.summary()
        lost = first["max_f_beta"] - now["max_f_beta"]
        lines.append(
            f"| {player.name} | {player.size:,} | {now['max_f_beta']:.4f} | {lost:+.4f} "
            f"| {now['mae']:.4f} | {now['mae'] - first['mae']:+.4f} | {np.mean(player.apart):.2f} "
            f"| {np.mean(player.ious):.4f} | {player.milliseconds():.1f} |"
        )
    return lines


def bar(found: list[Player]) -> str:
    browser = next(player for player in found if player.name.startswith("int8,"))
    lost = found[0].figures.summary()["max_f_beta"] - browser.figures.summary()["max_f_beta"]
    said = "Met" if browser.size <= BROWSER_BYTES and lost <= 0.01 else "NOT MET"
    return f"{said}: the browser's form has {browser.size:,} bytes (≤ 3,000,000), {lost:+.4f} maxFβ lost (≤ 0.01)."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--evaluate", type=Path, default=DATA / "ecssd", help="images/ masks/ folder")
    parser.add_argument("--training", type=Path, default=DATA / "train", help="folder of pictures to calibrate with")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks/forms.md")
    args = parser.parse_args()
    if not args.evaluate.is_dir() or not args.training.is_dir():
        sys.exit(f"{args.evaluate} or {args.training} is not on this machine: say where with --evaluate, --training.")
    with tempfile.TemporaryDirectory() as folder:
        found = players(args.weights, args.training, Path(folder))
        pairs = list(read_any(args.evaluate))
        for pair in pairs:
            reference = None
            for player in found:
                alpha = player.judge(pair.rgb, pair.mask, reference)
                reference = alpha if reference is None else reference
        machine = subprocess.run([sys.executable, ROOT / "scripts" / "machine.py"], capture_output=True, text=True)
        lines = [
            f"Weights `{found[0].predictor.weights}`, {len(pairs)} pictures, "
            f"{datetime.datetime.now(datetime.UTC).date()}.",
            "",
            *table(found),
            "",
            bar(found),
            "",
            "```",
            machine.stdout.strip(),
            "```",
        ]
    print("\n".join(lines))
    if args.write:
        page = ROOT / "docs" / "benchmarks" / "forms.md"
        before, rest = page.read_text().split(START)
        page.write_text(f"{before}{START}\n" + "\n".join(lines) + f"\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
