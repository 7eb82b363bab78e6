"""`python -m segmentation photo.jpg -o mask.png [--cutout cut.png] [--weights NAME|PATH] [--device auto|cpu|cuda]`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation import mask, picture

OK, BAD_INPUT, NO_SUBJECT = 0, 2, 3


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m segmentation", description="Cuts the subject out of a photo.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the mask, an 8-bit greyscale PNG")
    parser.add_argument("--cutout", type=Path, help="also the cut-out, a transparent PNG cropped to the subject")
    parser.add_argument("--weights", default="starter", help="a folder, a .pth file, a sha256 or 'starter'")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(arguments)


def complain(code: str, message: str) -> int:
    print(f"{code}: {message}", file=sys.stderr)
    return BAD_INPUT


def main(arguments: Sequence[str] | None = None) -> int:
    """0: mask written; 2: the input cannot be used; 3: no subject was found, nothing is written."""
    args = parse(arguments)
    try:
        rgb = picture.decode(args.photo.read_bytes()).rgb
    except OSError as error:
        return complain("not_found", f"{args.photo} cannot be read ({error.strerror}): check the path.")
    except picture.PictureError as error:
        return complain(error.code, str(error))

    # torch takes seconds to import: a bad photo is refused before.
    from segmentation import predictor, weights

    store = Path(os.environ.get("STICKERSNAP_STATE", "var")) / "weights"
    try:
        cutter = predictor.TorchPredictor(weights.load(args.weights, store), args.device)
    except weights.WeightsError as error:
        return complain("weights", str(error))
    except predictor.DeviceError as error:
        return complain("device", str(error))
    cut = cutter.predict(rgb)
    if not cut.subject_found or mask.is_empty(mask.settle(cut.alpha)):
        print("no_subject_found: No subject stands out in this photo: try one with a clear subject.")
        return NO_SUBJECT
    try:
        args.output.write_bytes(mask.encode_png(cut.alpha))
        if args.cutout:
            alpha = mask.settle(cut.alpha)
            left, top, right, bottom = mask.crop_box(alpha)
            cropped = mask.cutout(rgb, alpha)[top:bottom, left:right]
            args.cutout.write_bytes(picture.encode_png(cropped))
    except OSError as error:
        return complain("not_written", f"{error.filename} cannot be written ({error.strerror}): check the path.")
    return OK


if __name__ == "__main__":
    sys.exit(main())
