"""`python -m segmentation photo.jpg -o mask.png [--cutout cut.png]`: `--help` lists the rest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation import mask, picture
from segmentation.mask import edge, foreground, subjects

OK, BAD_INPUT, NO_SUBJECT = 0, 2, 3


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m segmentation", description="Cuts the subject out of a photo.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the mask, an 8-bit greyscale PNG")
    parser.add_argument("--cutout", type=Path, help="also the cut-out, a transparent PNG cropped to the subject")
    parser.add_argument(
        "--subject",
        default="all",
        help="of several: all, largest, or a point of the photo as 0.5,0.4; for mask and cut-out",
    )
    parser.add_argument("--weights", default="starter", help="a set's folder, name or sha256; a .pth or .onnx; starter")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(arguments)


def complain(code: str, message: str) -> int:
    print(f"{code}: {message}", file=sys.stderr)
    return BAD_INPUT


def cut_out(rgb: NDArray[np.uint8], alpha: mask.Alpha) -> NDArray[np.uint8]:
    """The subject alone, cropped to it: h×w×4 uint8, its edge where the photo has one and in its own colours."""
    refined = edge.refine(rgb, alpha)
    left, top, right, bottom = mask.crop_box(refined)
    return mask.cutout(foreground.estimate(rgb, refined), refined)[top:bottom, left:right]


def write_all(files: dict[Path, bytes]) -> None:
    """Writes all of the files or none: what was there before stays until every new one is whole.

    Pipes and devices come last, as they are. Raises OSError with the `filename` that can't be written.
    """
    waiting: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            if not path.exists() or path.is_file() or path.is_dir():
                path = path.resolve()
                if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
                    path.open("ab").close()  # raises what is wrong
                part = path.with_name(f".{os.getpid()}-{len(waiting)}.part")
                waiting[part] = path
                try:
                    with part.open("xb") as file:
                        file.write(data)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, str(path)) from error
        for part, path in waiting.items():
            part.replace(path)
        for path, data in files.items():
            if path.exists() and not path.is_file():
                path.write_bytes(data)
    finally:
        for part in waiting:
            part.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every file written; 2: the input cannot be used, 3: no subject was found, and nothing is written."""
    args = parse(arguments)
    if args.cutout and args.cutout.resolve() == args.output.resolve():
        return complain("not_written", "The mask and the cut-out need two files: give each its own path.")
    try:
        which = subjects.parse(args.subject)
        photo = picture.decode(args.photo.read_bytes())
    except OSError as error:
        return complain("not_found", f"{args.photo} cannot be read ({error.strerror}): check the path.")
    except (picture.PictureError, subjects.SubjectError) as error:
        return complain(error.code, str(error))

    # Some backends take seconds to import: a bad photo is refused before.
    from segmentation import opening, weights
    from segmentation.backends import DeviceError

    store = Path(os.environ.get("STICKERSNAP_STATE", "var")) / "weights"
    try:
        cutter = opening.open_predictor(args.weights, store, args.device)
    except weights.WeightsError as error:
        return complain("weights", str(error))
    except DeviceError as error:
        return complain("device", str(error))
    cut = cutter.predict(photo.small)
    if not cut.subject_found or mask.is_empty(mask.settle(cut.alpha)):
        print("no_subject_found: No subject stands out in this photo: try one with a clear subject.")
        return NO_SUBJECT
    try:
        chosen = subjects.choose(cut.alpha, which)
        shown = cut.alpha if which == subjects.ALL else chosen
        files = {args.output: mask.encode_png(mask.resized(shown, photo.size))}
        if args.cutout:
            files[args.cutout] = picture.encode_png(cut_out(photo.rgb, chosen))
        write_all(files)
    except subjects.SubjectError as error:
        return complain(error.code, str(error))
    except OSError as error:
        return complain("not_written", f"{error.filename} cannot be written ({error.strerror}): check the path.")
    return OK


if __name__ == "__main__":
    sys.exit(main())
