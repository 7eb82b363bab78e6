"""A pack that a target refuses, with its files made anew; what only a person can decide is left to them and said."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from PIL import Image

from stickersnap.validate.checking import check, check_tray, valid
from stickersnap.validate.encoding import encode
from stickersnap.validate.limits import PackLimits, Target, TrayLimits
from stickersnap.validate.mending import CannotMendError, fit, mend
from stickersnap.validate.packs import Entry, Pack, check_pack, contents_of, moves, row_for, zipped

ANY_EMOJI = "🙂"
UNTITLED = {"title": "Stickers", "author": "Unknown", "identifier": "stickers"}


def mend_pack(pack: Pack, target: Target) -> tuple[bytes, list[str]]:
    """A zip that `target` accepts, and what was done.

    Raises CannotMendError for what is a person's choice: how many stickers, still or moving ones.
    """
    notes: list[str] = []
    limits = target.pack or PackLimits(least=1, most=1000, mixed=True)
    there = [entry for entry in pack.entries if entry.file in pack.files]
    if len(there) < len(pack.entries):
        notes.append(f"Left out {len(pack.entries) - len(there)} stickers whose files are missing.")
    files: dict[str, bytes] = {}
    entries = tuple(_entry(pack, entry, target, limits, files, notes) for entry in there)
    tray = _tray(pack, entries, files, target, notes) if target.tray else pack.tray
    texts = {part: _text(part, text, limits) for part, text in pack.texts.items()}
    if target.name.startswith("whatsapp"):
        texts = {
            part: texts.get(part) or UNTITLED[part] for part in ("title", "author", *(texts.keys() & {"identifier"}))
        }
    moving = any(moves(files[entry.file]) for entry in entries)
    made = replace(pack, files=files, entries=entries, texts=texts, tray=tray, findings=(), moving=None)
    if left := next((finding for finding in check_pack(made, target) if finding.refused), None):
        raise CannotMendError(f"{left.detail} {left.mend}")
    return zipped(pack_parts(made, told="contents.json" in pack.files, moving=moving)), notes


def _entry(
    pack: Pack, entry: Entry, target: Target, limits: PackLimits, files: dict[str, bytes], notes: list[str]
) -> Entry:
    """The sticker's file made valid and put into `files` under a name that fits its format."""
    data = pack.files[entry.file]
    row = row_for(target, moves(data))
    name = entry.file
    if not valid(check(data, row)):
        mended = mend(data, row)
        data = mended.data
        name = PurePosixPath(entry.file).with_suffix(f".{mended.format.replace('apng', 'png')}").name
        notes += [f"{entry.file}: {note}" for note in mended.notes]
    while name in files:
        name = f"_{name}"
    files[name] = data
    least, most = limits.emojis
    emojis = entry.emojis[:most] if len(entry.emojis) >= least else (*entry.emojis, ANY_EMOJI)
    alt = entry.alt[: row.pack.alt] if row.pack and row.pack.alt else entry.alt
    return replace(entry, file=name, emojis=emojis if entry.told else entry.emojis, alt=alt)


def _tray(
    pack: Pack, entries: tuple[Entry, ...], files: dict[str, bytes], target: Target, notes: list[str]
) -> str | None:
    assert target.tray is not None
    name = pack.tray or "cover.png"
    data = pack.files.get(name)
    if data is None or not valid(check_tray(data, target.tray, target, name)):
        if not entries or target.tray.format not in ("png", "webp"):
            return None
        data = tray_of(data or files[entries[0].file], target.tray, target)
        name = f"{PurePosixPath(name).stem}.{target.tray.format}"
        notes.append(f"Made the tray picture {name}.")
    files[name] = data
    return name


def tray_of(data: bytes, tray: TrayLimits, target: Target) -> bytes:
    """A tray picture of a sticker's file. Raises CannotMendError where that is no picture."""
    row = replace(
        target, formats=(tray.format,), exact=tray.exact, longer=None, within=None, bytes=tray.bytes, margin=0
    )
    try:
        with Image.open(io.BytesIO(data)) as image:
            return encode(fit(image.convert("RGBA"), row), row).data
    except (OSError, ValueError) as error:
        raise CannotMendError(f"No tray picture can be made: {error}.") from error


def _text(part: str, text: str, limits: PackLimits) -> str:
    if part == "identifier":
        text = re.sub(r"[^\w\-.,'\s]+|\.{2,}", "-", text, flags=re.ASCII)
    return text[: limits.names].strip()


def pack_parts(pack: Pack, *, told: bool, moving: bool) -> Mapping[str, bytes]:
    """The files of a `.wastickers`, or with `told` those of a folder with contents.json."""
    parts = dict(pack.files)
    if told:
        parts["contents.json"] = json.dumps(contents_of(pack, moving), ensure_ascii=False, indent=2).encode()
    else:
        parts |= {f"{part}.txt": text.encode() for part, text in pack.texts.items() if part != "identifier"}
    return parts
