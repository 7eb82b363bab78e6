"""A file that a target refuses, made anew so that it takes it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from stickersnap.validate.checking import check, valid
from stickersnap.validate.encoding import DoesNotFitError, Encoded, encode, encode_moving
from stickersnap.validate.inspected import UnreadableError
from stickersnap.validate.inspecting import inspect, undecodable
from stickersnap.validate.limits import Target

LIKELY_MS = 100  # a frame without a duration of its own
MOST_FRAMES = 300


class CannotMendError(Exception):
    """Nothing here makes a valid file of this one. The message says why."""


@dataclass(frozen=True)
class Mended:
    """A valid file, its format, and what was done, in sentences."""

    data: bytes
    format: str
    notes: tuple[str, ...]


def mend(data: bytes, target: Target) -> Mended:
    """A file that `target` accepts, of the same picture. Raises CannotMendError."""
    frames, ms = _decoded(data)
    notes = []
    if len(frames) > 1 and not _moves_for(target):
        notes.append(f"Took the first of {len(frames)} frames.")
        frames, ms = frames[:1], ms[:1]
    if target.moving and len(frames) < 2:
        raise CannotMendError(f"{target.title} wants a moving picture, and this one stands still.")
    if fitted := _needs_fitting(frames[0].size, target):
        frames = [fit(frame, target) for frame in frames]
        notes.append(f"Fitted into {frames[0].width}×{frames[0].height} pixels.")
    try:
        made = _moving(frames, ms, target, notes) if len(frames) > 1 else encode(frames[0], target)
    except DoesNotFitError as error:
        raise CannotMendError(str(error)) from error
    notes += [made.note] if made.note else []
    left = check(made.data, target)
    if not valid(left):
        raise CannotMendError(f"What was made is still refused: {next(f for f in left if f.refused).detail}")
    return Mended(made.data, made.format, tuple(notes if notes or fitted else ["Written again."]))


def fit(picture: Image.Image, target: Target) -> Image.Image:
    """An RGBA picture scaled into the target's size, in the middle of a transparent canvas where one is asked for."""
    width, height = target.box
    inner = (width - 2 * target.margin, height - 2 * target.margin)
    factor = min(inner[0] / picture.width, inner[1] / picture.height)
    if target.longer:
        factor = target.longer / max(picture.size)
    elif target.within:
        factor = min(1.0, factor)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    # premultiplied: a transparent pixel's colour must not leak into its neighbours
    scaled = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    canvas = target.exact or _even(size, target)
    if canvas == size:
        return scaled
    whole = Image.new("RGBA", canvas)
    whole.paste(scaled, ((canvas[0] - size[0]) // 2, (canvas[1] - size[1]) // 2))
    return whole


def _moves_for(target: Target) -> bool:
    """Whether a moving picture is made for the target. Raises CannotMendError where none can be and one must."""
    written = bool({"webp", "apng"} & set(target.formats))
    if target.moving and not written:
        raise CannotMendError(f"{', '.join(target.formats)} is not written here: convert it elsewhere, then check it.")
    return target.moving is not False and written


def _even(size: tuple[int, int], target: Target) -> tuple[int, int]:
    return (size[0] + size[0] % 2, size[1] + size[1] % 2) if target.even else size


def _needs_fitting(size: tuple[int, int], target: Target) -> bool:
    if target.exact:
        return size != target.exact
    if target.longer:
        return max(size) != target.longer
    return size[0] > target.box[0] or size[1] > target.box[1] or _even(size, target) != size


def _moving(frames: list[Image.Image], ms: list[int], target: Target, notes: list[str]) -> Encoded:
    frames, ms = _in_time(frames, ms, target, notes)
    while True:
        try:
            return encode_moving(frames, ms, target)
        except DoesNotFitError:
            if len(frames) < 4:
                raise
            frames, ms = _halved(frames, ms)
            notes.append(f"Left every second frame out: {len(frames)} remain.")


def _in_time(
    frames: list[Image.Image], ms: list[int], target: Target, notes: list[str]
) -> tuple[list[Image.Image], list[int]]:
    least = max(target.frame_ms, 1)
    ms = [max(length, least) for length in ms]
    if target.total_ms and sum(ms) > target.total_ms:
        while least * len(frames) > target.total_ms:
            frames, ms = _halved(frames, ms)
        speed = target.total_ms / sum(ms)
        ms = [max(least, int(length * speed)) for length in ms]
        while sum(ms) > target.total_ms:  # what rounding up added
            longest = ms.index(max(ms))
            ms[longest] -= min(sum(ms) - target.total_ms, ms[longest] - least) or 1
        notes.append(f"Played faster: {sum(ms):,} ms in all.")
    return frames, ms


def _halved(frames: Sequence[Image.Image], ms: Sequence[int]) -> tuple[list[Image.Image], list[int]]:
    """Every second frame, each shown for the time of two."""
    return list(frames[::2]), [sum(ms[i : i + 2]) for i in range(0, len(ms), 2)]


def _decoded(data: bytes) -> tuple[list[Image.Image], list[int]]:
    """Every frame as RGBA, and how long each is shown."""
    try:
        found = inspect(data)
    except UnreadableError as error:
        raise CannotMendError(error.finding.detail) from error
    if found.format == "webm":
        raise CannotMendError("A WebM is not written here: encode it again as VP9, then check it.")
    if len(found.frames) > MOST_FRAMES:
        raise CannotMendError(f"It has {len(found.frames):,} frames; at most {MOST_FRAMES} are mended.")
    if problem := undecodable(data, found):
        raise CannotMendError(problem.detail)
    frames, ms = [], []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(image.convert("RGBA"))
            ms.append(round(image.info.get("duration") or LIKELY_MS))
    return frames, ms
