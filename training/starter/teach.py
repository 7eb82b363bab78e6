"""A teacher's soft masks of folders of pictures, as 8-bit PNG: `python -m training teach`.

Made once and kept outside git; a run that was stopped goes on where it stopped. Beside them, `teacher.json` says whose
they are: masks of two teachers never lie in one folder.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segmentation import manifest
from segmentation.cut import Predictor
from training.data.dataset import DataError, Picture, read_picture
from training.events import emit

NOTE = "teacher.json"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
EVERY = 100


def pictures(folders: Sequence[Path]) -> Iterator[Path]:
    """The picture files of folders, each with an images/ inside or without. DataError for a folder without any."""
    for folder in folders:
        inside = folder / "images" if (folder / "images").is_dir() else folder
        found = sorted(path for path in inside.glob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(f"{folder} holds no pictures: expected NAME.jpg|png|webp there, or in images/.")
        yield from found


def soft_mask(teacher: Predictor, rgb: Picture, mirrored: bool) -> Picture:
    """What the teacher sees (H×W uint8, 0..255); `mirrored`: the mean with what it sees in the mirror image."""
    alpha = teacher.predict(rgb).alpha
    if not mirrored:
        return alpha
    other = teacher.predict(np.ascontiguousarray(rgb[:, ::-1])).alpha[:, ::-1]
    return np.asarray((alpha.astype(np.uint16) + other + 1) // 2, np.uint8)


def claim(out: Path, teacher: Predictor, mirrored: bool) -> None:
    """Notes whose masks the folder holds. DataError where they are another teacher's."""
    note = {"teacher": teacher.weights, "network": teacher.network, "mirrored": mirrored}
    path = out / NOTE
    if path.exists():
        try:
            there = json.loads(path.read_bytes())
        except ValueError:
            there = None
        if there != note:
            raise DataError(f"{out} holds masks of another teacher, or made in another way: name another folder.")
    out.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(path, (json.dumps(note, indent=1) + "\n").encode())


def teach(teacher: Predictor, folders: Sequence[Path], out: Path, longer_side: int, mirrored: bool = False) -> int:
    """Writes out/STEM.png for every picture that has none yet; answers how many were made."""
    todo = [path for path in pictures(folders) if not (out / f"{path.stem}.png").exists()]
    claim(out, teacher, mirrored)
    for done, path in enumerate(todo, 1):
        mask = soft_mask(teacher, read_picture(path, longer_side), mirrored)
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        manifest.write_bytes(out / f"{path.stem}.png", buffer.getvalue())
        if done % EVERY == 0 or done == len(todo):
            emit("taught", done=done, of=len(todo))
    return len(todo)
