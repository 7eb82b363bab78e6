"""Run lengths as COCO writes them: column by column, background first, as a list or as COCO's own text.

The format is that of `common/maskApi.c` in cocodataset/cocoapi. This decoder is our own because that one trusts its
input: it reads past the end of a text that is cut short, and this one meets texts from anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.mask import HALF, Alpha, MaskError, is_empty

BITS, MORE, SIGN, FIRST = 5, 0x20, 0x10, 48
LONGEST = 7  # characters of one count: 35 bits, more than any picture has pixels
ADVICE = "Send COCO run lengths: {size: [height, width], counts: a list of numbers or COCO's text}."


def encode(alpha: Alpha, threshold: int = HALF) -> dict[str, Any]:
    """An H×W uint8 mask cut at `threshold`, as COCO's text: {"size": [H, W], "counts": str}."""
    return {"size": list(alpha.shape), "counts": compress(counts_of(alpha, threshold))}


def counts_of(alpha: Alpha, threshold: int = HALF) -> NDArray[np.int64]:
    """The lengths of the runs of an H×W uint8 mask cut at `threshold`: background, subject, background, …"""
    inside = (alpha >= threshold).ravel(order="F")
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    bounds = np.concatenate([[0], edges, [inside.size]])
    counts = np.diff(bounds)
    return np.concatenate([[0], counts]) if inside.size and inside[0] else counts


def decode(rle: Any, size: tuple[int, int]) -> Alpha:
    """Run lengths of a picture of (width, height) as an H×W uint8 mask of 0 and 255.

    MaskError: bad_rle (not of this form, negative, too few or too many pixels), wrong_size, empty_mask.
    """
    if not isinstance(rle, Mapping) or not {"size", "counts"} <= set(rle):
        raise MaskError("bad_rle", ADVICE)
    width, height = size
    if rle["size"] != [height, width]:
        raise MaskError("wrong_size", f"The run lengths' size must be [{height}, {width}]: the photo's height, width.")
    raw = rle["counts"]
    counts = _uncompressed(raw) if isinstance(raw, list) else decompress(raw)
    if (counts < 0).any() or (counts > height * width).any() or int(counts.sum()) != height * width:
        raise MaskError("bad_rle", f"The run lengths must add up to {height} × {width} pixels, none of them negative.")
    values = (np.arange(counts.size) % 2 * 255).astype(np.uint8)
    alpha = np.ascontiguousarray(np.repeat(values, counts).reshape((height, width), order="F"))
    if is_empty(alpha):
        raise MaskError("empty_mask", "The mask is empty: mark the subject, then send it.")
    return alpha


def _uncompressed(counts: list[Any]) -> NDArray[np.int64]:
    if not all(isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31 for count in counts):
        raise MaskError("bad_rle", ADVICE)
    return np.array(counts, np.int64)


def compress(counts: NDArray[np.int64]) -> str:
    """Counts as COCO's text, five bits a character; from the fourth on as the difference from the last but one."""
    left = counts.astype(np.int64)
    left[3:] -= counts[1:-2]
    open_, columns, kept = np.ones(left.size, bool), [], []
    while open_.any():
        digit = left & (MORE - 1)
        left >>= BITS
        more = np.where(digit & SIGN, left != -1, left != 0)
        columns.append(digit + more * MORE + FIRST)
        kept.append(open_)
        open_ = open_ & more
    if not columns:
        return ""
    text: bytes = np.stack(columns, 1).astype(np.uint8)[np.stack(kept, 1)].tobytes()
    return text.decode("ascii")


def decompress(text: Any) -> NDArray[np.int64]:
    """The counts in COCO's text. MaskError bad_rle when it is anything else; their sum is the caller's to check."""
    if not isinstance(text, str) or not text.isascii():
        raise MaskError("bad_rle", ADVICE)
    digits = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - FIRST
    if not digits.size:
        return digits
    last = digits & MORE == 0
    ends = np.flatnonzero(last)
    if (digits < 0).any() or (digits >= 2 * MORE).any() or not last[-1]:
        raise MaskError("bad_rle", "The run lengths' text is damaged or cut short: send it again.")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST:
        raise MaskError("bad_rle", "A run length is larger than any picture.")
    place = np.arange(digits.size) - np.repeat(starts, lengths)
    counts = np.add.reduceat((digits & (MORE - 1)) << (BITS * place), starts)
    counts -= np.where(digits[ends] & SIGN, np.left_shift(1, BITS * lengths), 0)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts
