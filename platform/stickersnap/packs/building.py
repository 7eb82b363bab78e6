"""The files of a pack for a target: split where it holds too many, and held to the validator before anybody gets them.

Knows nothing of Django and of where the stickers come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from annotations.names import cut
from stickersnap.validate import packs
from stickersnap.validate.limits import PackLimits, Target
from stickersnap.validate.mend_pack import pack_parts, tray_of

STEM_BYTES = 80


class RefusedError(Exception):
    """The target does not take such a pack. The message says what is wrong, and how it is mended."""


@dataclass(frozen=True)
class Piece:
    """A sticker that goes into a pack: its file for the target, a name, and what is said of it."""

    data: bytes
    extension: str
    name: str
    emojis: tuple[str, ...]
    alt: str = ""


@dataclass(frozen=True)
class Told:
    """What is said of a pack. `tray` is the index of the piece that stands for it."""

    identifier: str
    title: str
    author: str
    tray: int = 0


@dataclass(frozen=True)
class Export:
    """A file to hand over, and how many packs are in it."""

    filename: str
    data: bytes
    parts: int


def build(told: Told, pieces: Sequence[Piece], target: Target, *, contents: bool = False) -> Export:
    """The pack as a file: a `.wastickers` for WhatsApp, or with `contents` the folder that developers build apps of;
    for others a zip with a manifest; a zip of these where there are several parts. Raises RefusedError.
    """
    told = replace(told, title=told.title.strip(), author=told.author.strip())
    counts = split(len(pieces), target.pack)
    wastickers = target.name == "whatsapp" and not contents
    ending = "wastickers" if wastickers else "zip"
    stem = cut(re.sub(r"[^\w-]+", "-", told.title).strip("-"), STEM_BYTES) or "stickers"
    stem = stem if wastickers else f"{stem}-{target.name}"
    tray = _tray(told, pieces, target)
    files: dict[str, bytes] = {}
    begin = 0
    for number, count in enumerate(counts, 1):
        several = (number, len(counts)) if len(counts) > 1 else None
        pack = _pack(_numbered(told, several, target), pieces[begin : begin + count], begin, tray, target)
        begin += count
        _hold(pack, target)
        name = f"{stem}-{number}.{ending}" if several else f"{stem}.{ending}"
        files[name] = packs.zipped(_parts(pack, target, contents, wastickers))
    if len(files) == 1:
        return Export(*files.popitem(), parts=1)
    return Export(f"{stem}.zip", packs.zipped(files), len(counts))


def split(count: int, limits: PackLimits | None) -> list[int]:
    """How many stickers go into each part, as few parts as may be: [16, 15] of 31 where 30 are allowed.

    One part where no split is allowed: the validator says what is wrong with it.
    """
    if limits is None:
        return [count]
    if limits.counts:
        return _split_into(count, sorted(limits.counts, reverse=True)) or [count]
    parts = max(1, -(-count // limits.most))
    return [count // parts + (part < count % parts) for part in range(parts)]


def _split_into(count: int, allowed: Sequence[int]) -> list[int] | None:
    """The fewest of the allowed numbers that make `count`."""
    best: dict[int, list[int]] = {0: []}
    for whole in range(1, count + 1):
        ways = [[one, *best[whole - one]] for one in allowed if whole - one in best]
        if ways:
            best[whole] = min(ways, key=len)
    return best.get(count)


def _numbered(told: Told, several: tuple[int, int] | None, target: Target) -> Told:
    if several is None:
        return told
    number, parts = several
    ending, most = f" {number} of {parts}", (target.pack or PackLimits()).names
    # a title that is too long by itself stays so: that is for its author to mend
    title = told.title[: most - len(ending)] + ending if len(told.title) <= most else told.title
    return Told(f"{told.identifier}-{number}", title, told.author)


def _tray(told: Told, pieces: Sequence[Piece], target: Target) -> bytes | None:
    if not target.tray or not pieces:
        return None
    return tray_of(pieces[told.tray].data, target.tray, target)


def _pack(told: Told, pieces: Sequence[Piece], before: int, tray: bytes | None, target: Target) -> packs.Pack:
    most = (target.pack or PackLimits()).emojis[1]
    named = {f"{before + n:03}-{piece.name}.{piece.extension}": piece for n, piece in enumerate(pieces, 1)}
    entries = tuple(packs.Entry(name, piece.emojis[:most], piece.alt, told=True) for name, piece in named.items())
    files = {name: piece.data for name, piece in named.items()}
    called = f"{'cover' if target.name == 'whatsapp' else 'tray'}.{target.tray.format}" if target.tray else None
    if called and tray is not None:
        files[called] = tray
    texts = {"title": told.title, "author": told.author, "identifier": told.identifier}
    return packs.Pack(told.title, files, entries, texts, called, moving=False)


def _hold(pack: packs.Pack, target: Target) -> None:
    findings = packs.check_pack(pack, target)
    if refused := next((finding for finding in findings if finding.refused), None):
        place = refused.file.removeprefix(f"{pack.name}/")
        where = "" if place == pack.name else f"{place}: "
        raise RefusedError(f"{where}{refused.detail} {refused.mend.removeprefix('Mend: ')}")


def _parts(pack: packs.Pack, target: Target, contents: bool, wastickers: bool) -> Mapping[str, bytes]:
    if wastickers or (contents and target.name == "whatsapp"):
        return pack_parts(pack, told=contents, moving=False)
    manifest = json.dumps(packs.manifest_of(pack, target), ensure_ascii=False, indent=2)
    return {**pack.files, "manifest.json": manifest.encode()}
