"""Networks as ONNX graphs: `python -m segmentation.export_onnx WEIGHTS --out FILE [--form fp32|fp16|int8|…]`.

Every graph takes photos as they are and answers what is served: input `image` N×S×S×3 uint8 sRGB (N is free), outputs
`refined` and `coarse`, N×S×S float32 probabilities. The authors' normalisation (segmentation.transforms) and the
sigmoid are inside; side outputs beyond these two are not computed. All forms compute in float32 but for static int8.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segmentation import picture, quantise, weights

if TYPE_CHECKING:
    import onnx
    from torch import nn

OPSET = 18
MOST_PICTURES = 64
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
MOST_CALIBRATING = 128
FORMS = ("fp32", "fp16", "int8", "int8-static")


class ExportError(Exception):
    """The network can't be exported; the message says what to do."""


def export(network: nn.Module, size: int) -> onnx.ModelProto:
    """The graph of a network in evaluation mode, float32, its batch norm folded; `network` stays as it is.

    Raises ExportError where the packages for it are missing.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 torch's exporter needs it, and says so less plainly
        import torch
    except ImportError as error:
        raise ExportError(f"{error.name} is not installed: pip install 'stickersnap[model]'.") from error
    from segmentation.graph import Served, folded

    served = Served(folded(network)).eval()
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), quiet("torch.onnx", "torch.export", "onnxscript"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            served,
            (example,),
            input_names=["image"],
            output_names=["refined", "coarse"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=MOST_PICTURES)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch exported nothing: install the versions of constraints.txt.")
    model = bare(program.model_proto)
    onnx.checker.check_model(model, full_check=True)
    return model


class quiet:  # noqa: N801 used as a function
    """Holds back what these loggers say below an error: torch's exporter tells of every operator it does not need."""

    def __init__(self, *names: str) -> None:
        self.loggers = [logging.getLogger(name) for name in names]

    def __enter__(self) -> None:
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph without the exporter's remarks (its paths on this machine among them)."""
    graph = model.graph
    del model.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    del graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def as_form(model: onnx.ModelProto, form: str, pictures: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
    """The graph in a form of FORMS; `pictures` (H×W×3 uint8) calibrate "int8-static". ValueError for another form."""
    if form == "fp32":
        return model
    if form == "fp16":
        return quantise.halved(model)
    if form == "int8":
        return quantise.weights_in_8_bits(model)
    if form == "int8-static":
        return quantise.static(model, pictures)
    raise ValueError(f"There is no form {form!r}: choose one of {', '.join(FORMS)}.")


def spread(folder: Path | None, most: int) -> list[Path]:
    """At most so many pictures of a folder and those in it (masks aside), spread over their names."""
    if folder is None:
        return []
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and p.parent.name != "masks")
    return [files[i * len(files) // most] for i in range(most)] if len(files) > most else files


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m segmentation.export_onnx", description="Exports to ONNX.")
    parser.add_argument("weights", help="folder, .pth file, sha256 or 'starter'")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--form", choices=FORMS, default="fp32")
    parser.add_argument("--calibrate", type=Path, help="folder of pictures, for int8-static")
    args = parser.parse_args(arguments)
    try:
        loaded = weights.load(args.weights)
        model = export(loaded.network, int(loaded.card.get("size", 256)))
        pictures = [picture.decode(path.read_bytes()).rgb for path in spread(args.calibrate, MOST_CALIBRATING)]
        data = as_form(model, args.form, pictures).SerializeToString()
    except (weights.WeightsError, ExportError, picture.PictureError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    weights.write(args.out, data)
    print(f"{args.out}: {args.form}, {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
