"""The pictures of a dataset folder: written once each, without reading from the database what is there already."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from annotations.datasets.gathering import Entry
from annotations.models import Correction, Photo
from segmentation import manifest

KINDS = ("images", "masks")
AT_ONCE = 16
UNFINISHED = "unfinished"


def write_new(folder: Path, entries: Iterable[Entry]) -> dict[uuid.UUID, str]:
    """Writes the pictures and masks that the folder lacks; answers which photos' bytes are damaged, and how.

    A photo or correction that was deleted meanwhile counts as damaged. Raises OSError.
    """
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    there = {f"{kind}/{file.name}" for kind in KINDS for file in os.scandir(folder / kind)}
    images = [entry for entry in entries if entry.sample.image not in there]
    masks = [entry for entry in entries if entry.sample.mask and entry.sample.mask not in there]
    damaged: dict[uuid.UUID, str] = {}
    for some in _parts(images):
        found = dict(Photo.objects.filter(id__in=[e.photo for e in some]).values_list("id", "image"))
        for entry in some:
            data = bytes(found.get(entry.photo, b""))
            if hashlib.sha256(data).hexdigest() == entry.sample.image_sha256:
                manifest.write_bytes(folder / entry.sample.image, data, sync=False)
            else:
                damaged[entry.photo] = _damaged(f"Photo {entry.photo}", entry.photo in found, "delete the photo")
    for some in _parts(masks):
        found = dict(Correction.objects.filter(id__in=[e.correction for e in some]).values_list("id", "mask"))
        for entry in some:
            data = bytes(found.get(entry.correction or entry.photo, b""))
            if hashlib.sha256(data).hexdigest() == entry.sample.mask_sha256 and _whole(data):
                manifest.write_bytes(folder / str(entry.sample.mask), data, sync=False)
            else:
                there_is = entry.correction in found
                damaged[entry.photo] = _damaged(f"Correction {entry.correction}", there_is, "reject the correction")
    return damaged


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    return (entries[start : start + AT_ONCE] for start in range(0, len(entries), AT_ONCE))


def _damaged(what: str, there: bool, otherwise: str) -> str:
    if not there:
        return f"{what} was deleted meanwhile."
    return (
        f"{what} is damaged in the database: its bytes are not those that were saved. Restore the row from a backup, "
        f"or {otherwise}."
    )


def _whole(png: bytes) -> bool:
    """Whether a PNG's parts have the checksums they should; no pixel is decoded."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def prune(folder: Path, entries: Iterable[Entry]) -> None:
    """Removes what an earlier version had and this one has not."""
    kept = {part for entry in entries for part in (entry.sample.image, entry.sample.mask)}
    for kind in KINDS:
        for file in list(os.scandir(folder / kind)):
            if f"{kind}/{file.name}" not in kept:
                Path(file).unlink()


@contextmanager
def all_or_checked(workspace: Path, data: Path) -> Iterator[None]:
    """What is written inside reaches the disk at its end, all at once.

    Where power was lost before that end, the next time begins by removing pictures that are not what their names say,
    and DVC's cache, which shares their bytes: the remote has all that was recorded.
    """
    mark = workspace / UNFINISHED
    if mark.exists():
        remove_broken(data)
        shutil.rmtree(workspace / ".dvc" / "cache", ignore_errors=True)
    manifest.write_bytes(mark, b"")
    try:
        yield
    finally:
        os.sync()
        mark.unlink(missing_ok=True)


def remove_broken(data: Path) -> None:
    """Removes every picture of a dataset folder whose bytes are not those that its name, their sha256, promises."""
    for kind in KINDS:
        for path in (data / kind).glob("*"):
            if manifest.sha256(path) != path.stem:
                path.unlink()
