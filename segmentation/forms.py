"""Other forms of a set of weights: `python -m segmentation.forms FOLDER [--pictures FOLDER]` makes them.

`weights.onnx` (form "onnx", weights stored in 16 bits, computed in float32) is what a CPU serves from, without torch.
`weights.int8.onnx` (form "int8", large weights in 8 bits) is for browsers, made of networks small enough for them.
`weights.int8-static.onnx` (form "int8-static", computed in 8 bits) is made where it is asked for (`--form`); a CPU
serves from it where it is right about the golden pictures there (see backends.onnxruntime).
All are derived: the set's name stays the sha256 of weights.safetensors. Each is compared with torch on pictures before
it counts, and its digest and how far it differs are kept on the card, `card["forms"]`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation import picture, weights
from segmentation.backends import Backend, DeviceError
from segmentation.backends.onnxruntime import OnnxRuntime
from segmentation.backends.torch_cpu import TorchCpu
from segmentation.export_onnx import MOST_CALIBRATING, ExportError, as_form, export, spread
from segmentation.transforms import resize
from segmentation.weights import golden

Pictures = Sequence[NDArray[np.uint8]]

MOST_PICTURES = 8  # torch takes seconds for one picture and a large network
BROWSER_BYTES = 6_000_000


class FormError(Exception):
    """A form can't be made, or does not answer as the network does; the message says what to do."""


@dataclass(frozen=True)
class Form:
    """How a form is made, and how far it may differ from torch: figures of `Difference`."""

    file: str
    stored: str
    most_mean: float
    least_iou: float
    most_bytes: int | None = None


FORMS: Mapping[str, Form] = {
    "onnx": Form(weights.ONNX, "fp16", most_mean=0.002, least_iou=0.99),
    "int8": Form("weights.int8.onnx", "int8", most_mean=0.01, least_iou=0.95, most_bytes=BROWSER_BYTES),
    "int8-static": Form("weights.int8-static.onnx", "int8-static", most_mean=0.025, least_iou=0.92),
}
USUAL = ("onnx", "int8")
"""Forms that every set gets. Static int8 loses more, and is made only of a network that was judged by it."""


@dataclass(frozen=True)
class Difference:
    """How far one set of maps is from another's, over all pictures: refined and coarse probabilities, 0..1.

    `mean_iou` compares the refined maps cut at one half: the mean over the pictures where either finds anything.
    """

    mean: float
    worst: float
    mean_iou: float
    pictures: int


def difference(reference: NDArray[np.float32], other: NDArray[np.float32]) -> Difference:
    """The difference between two backends' answers, N×2×S×S each."""
    apart = abs(reference - other)
    a, b = reference[:, 0] >= 0.5, other[:, 0] >= 0.5
    unions = (a | b).sum((1, 2))
    shared = (a & b).sum((1, 2))[unions > 0] / unions[unions > 0]
    iou = float(shared.mean()) if shared.size else 1.0
    return Difference(float(apart.mean()), float(apart.max()), iou, len(reference))


def make(folder: Path, pictures: Pictures = (), names: Sequence[str] = USUAL) -> dict[str, Any]:
    """Makes the forms of the set in `folder` and names them on its card; answers `card["forms"]`.

    They are compared with torch on `pictures` (H×W×3 uint8 photos, the first eight) and on the golden pictures; all
    of the photos calibrate static int8. A form that is larger than it may be is left out. Raises FormError where one
    differs too much or can't be made of so few photos, after the others were kept; weights.WeightsError for what is
    no set, export_onnx.ExportError where packages are missing.
    """
    loaded = weights.load(folder)
    size = int(loaded.card.get("size", 256))
    batch = prepared([*pictures[:MOST_PICTURES], *golden.pictures().values()], size)
    expected = answers(TorchCpu(loaded.network, size), batch)
    graph = export(loaded.network, size)
    entries, refused = {}, []
    for name in names:
        form = FORMS[name]
        try:
            data = as_form(graph, form.stored, pictures).SerializeToString()
            if form.most_bytes is not None and len(data) > form.most_bytes:
                continue
            entries[name] = checked(name, form, data, expected, batch)
        except (FormError, ValueError) as error:
            refused.append(str(error))
        else:
            weights.write(folder / form.file, data)
    weights.write_card(folder, {**loaded.card, "forms": entries})
    if refused:
        raise FormError(" ".join(refused))
    return entries


def prepared(pictures: Pictures, size: int) -> NDArray[np.uint8]:
    return np.stack([resize(rgb, size) for rgb in pictures])


def answers(backend: Backend, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """One picture at a time: memory stays small with large networks."""
    return np.concatenate([backend.run(batch[i : i + 1]) for i in range(len(batch))])


def checked(
    name: str, form: Form, data: bytes, expected: NDArray[np.float32], batch: NDArray[np.uint8]
) -> dict[str, Any]:
    """A form's entry on the card. FormError where it answers otherwise than torch did."""
    found = difference(expected, answers(OnnxRuntime(data, batch.shape[1]), batch))
    if not (found.mean <= form.most_mean and found.mean_iou >= form.least_iou):
        raise FormError(
            f"The form {name} differs from the network by {found.mean:.4f} on average (IoU {found.mean_iou:.3f}): "
            "it was not kept. Install the versions of constraints.txt and make it again; torch serves meanwhile."
        )
    return {
        "file": form.file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "stored": form.stored,
        "difference": {key: round(value, 6) for key, value in asdict(found).items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m segmentation.forms", description="Makes ONNX forms of weights.")
    parser.add_argument("folder", type=Path, help="folder of a set of weights")
    parser.add_argument("--pictures", type=Path, help="folder of photos to compare on, beside the golden pictures")
    parser.add_argument("--form", action="append", choices=FORMS, help=f"a form to make; else {' and '.join(USUAL)}")
    args = parser.parse_args(arguments)
    try:
        pictures = [picture.decode(path.read_bytes()).rgb for path in spread(args.pictures, MOST_CALIBRATING)]
        forms = make(args.folder, pictures, args.form or USUAL)
    except (FormError, weights.WeightsError, ExportError, DeviceError, picture.PictureError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for name, entry in forms.items():
        print(f"{name}: {entry['file']}, {entry['bytes']:,} bytes, {entry['difference']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
