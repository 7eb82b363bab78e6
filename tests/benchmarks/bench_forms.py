"""What each form of the shipped weights costs: bytes, maxFβ and MAE on ECSSD, or milliseconds for one picture.

`python tests/benchmarks/bench_forms.py quality|speed` prints a table; `--write` also puts it into
docs/benchmarks/forms.md. Static int8 is calibrated on training pictures; nothing is chosen by ECSSD's.
"""

import argparse
import datetime
import statistics
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
from training.data.dataset import Pair
from training.evaluation.evaluate import read_any
from training.evaluation.metrics import Figures

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
ROUNDS, PASSES = 3, 30


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
        """The median of one picture's passes; the lowest of three rounds, since machines do other things, too."""
        photo = np.random.default_rng(0).integers(0, 256, (1, *[self.predictor.backend.size] * 2, 3)).astype(np.uint8)
        self.predictor.backend.run(photo)
        return min(statistics.median(self.passes(photo)) for _ in range(ROUNDS))

    def passes(self, photo: np.ndarray) -> list[float]:
        found = []
        for _ in range(PASSES):
            start = time.perf_counter()
            self.predictor.backend.run(photo)
            found.append(1000 * (time.perf_counter() - start))
        return found


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


def speed(found: list[Player]) -> list[str]:
    return [
        "| form | ms, median of one picture, lowest of three rounds |",
        "|---|---|",
        *(f"| {player.name} | {player.milliseconds():.1f} |" for player in found),
    ]


def quality(found: list[Player], pairs: list[Pair]) -> list[str]:
    for pair in pairs:
        reference = None
        for player in found:
            alpha = player.judge(pair.rgb, pair.mask, reference)
            reference = alpha if reference is None else reference
    first = found[0].figures.summary()
    lines = [
        "| form | bytes | maxFβ | lost | MAE | lost | mean difference (of 255) | IoU with torch, mean |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for player in found:
        now = player.figures.summary()
        lost = first["max_f_beta"] - now["max_f_beta"]
        lines.append(
            f"| {player.name} | {player.size:,} | {now['max_f_beta']:.4f} | {lost:.4f} | {now['mae']:.4f} "
            f"| {now['mae'] - first['mae']:.4f} | {np.mean(player.apart):.2f} | {np.mean(player.ious):.4f} |"
        )
    return [f"{len(pairs)} pictures.", "", *lines, "", bar(found)]


def bar(found: list[Player]) -> str:
    browser = next(player for player in found if player.name.startswith("int8,"))
    lost = found[0].figures.summary()["max_f_beta"] - browser.figures.summary()["max_f_beta"]
    said = "Met" if browser.size <= BROWSER_BYTES and lost <= 0.01 else "NOT MET"
    return f"{said}: the browser's form has {browser.size:,} bytes (≤ 3,000,000), {lost:.4f} maxFβ lost (≤ 0.01)."


def write(what: str, lines: list[str]) -> None:
    """Puts the lines between the page's marks for this table."""
    page = ROOT / "docs" / "benchmarks" / "forms.md"
    start, end = f"<!-- {what} -->", f"<!-- /{what} -->"
    before, rest = page.read_text().split(start)
    page.write_text("\n".join([before + start, *lines, end]) + rest.split(end)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("quality", "speed"))
    parser.add_argument("--weights", default="starter")
    parser.add_argument("--evaluate", type=Path, default=DATA / "ecssd", help="images/ masks/ folder")
    parser.add_argument("--training", type=Path, default=DATA / "train", help="folder of pictures to calibrate with")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks/forms.md")
    args = parser.parse_args()
    if not args.evaluate.is_dir() or not args.training.is_dir():
        sys.exit(f"{args.evaluate} or {args.training} is not on this machine: say where with --evaluate, --training.")
    with tempfile.TemporaryDirectory() as folder:
        found = players(args.weights, args.training, Path(folder))
        measured = speed(found) if args.what == "speed" else quality(found, list(read_any(args.evaluate)))
    machine = subprocess.run(
        [sys.executable, ROOT / "scripts" / "machine.py"], capture_output=True, text=True, check=True
    ).stdout.strip()
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [f"Weights `{found[0].predictor.weights}`, {today}.", "", *measured, "", "```", machine, "```"]
    print("\n".join(lines))
    if args.write:
        write(args.what, lines)


if __name__ == "__main__":
    main()
