"""A pack against a target: `.wastickers`, a folder or zip with contents.json or our manifest.json, or one of files."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stickersnap.validate.checking import check, check_tray
from stickersnap.validate.findings import Finding
from stickersnap.validate.inspected import UnreadableError
from stickersnap.validate.inspecting import inspect
from stickersnap.validate.limits import PackLimits, Target, targets

PICTURES = (".webp", ".png", ".apng", ".gif", ".jpg", ".jpeg", ".webm")
MOST_FILES, MOST_BYTES = 1000, 300_000_000
MANIFEST = 1  # the version of our manifest.json
IDENTIFIER = re.compile(r"[\w\-.,'\s]+\Z", re.ASCII)
UNSPOKEN = "WhatsApp/stickers, StickerPackValidator"


class PackError(Exception):
    """The pack cannot be opened. The message says why."""


@dataclass(frozen=True)
class Entry:
    """A sticker of a pack: its file's name, emojis, accessibility text. `told` where the pack says these at all."""

    file: str
    emojis: tuple[str, ...] = ()
    alt: str = ""
    told: bool = False


@dataclass(frozen=True)
class Pack:
    """A pack as it was read. `texts` are name, author and identifier, as far as it has them."""

    name: str
    files: Mapping[str, bytes]
    entries: tuple[Entry, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    tray: str | None = None
    moving: bool | None = None
    findings: tuple[Finding, ...] = ()


def is_pack(path: Path) -> bool:
    """Whether a path is a folder or a zip, whatever it is called."""
    return path.is_dir() or (path.is_file() and zipfile.is_zipfile(path))


def read(path: Path) -> Pack:
    """Reads a pack. Raises PackError for one that cannot be opened, is too large or escapes its folder."""
    files = _of_folder(path) if path.is_dir() else _of_zip(path)
    if "contents.json" in files:
        return _by_contents(path.name, files)
    if "manifest.json" in files and (told := _by_manifest(path.name, files)):
        return told
    tray = next((name for name in ("cover.png", "tray.png") if name in files), None)
    stickers = [name for name in sorted(files) if name.lower().endswith(PICTURES) and name != tray]
    texts = {
        part: files[f"{part}.txt"].decode("utf-8", "replace").strip()
        for part in ("title", "author")
        if f"{part}.txt" in files
    }
    findings = _wastickers_parts(path.name, files) if path.suffix.lower() == ".wastickers" else ()
    return Pack(path.name, files, tuple(map(Entry, stickers)), texts, tray, findings=tuple(findings))


def check_pack(pack: Pack, target: Target) -> list[Finding]:
    """Everything that `target` would refuse in a pack and its files. A moving sticker is held to the moving row."""
    limits = target.pack or PackLimits(least=1, most=MOST_FILES, mixed=True)
    findings = list(pack.findings)
    findings += _counts(pack, limits, target)
    findings += _texts(pack, limits, target)
    motions = {entry.file: moves(pack.files.get(entry.file, b"")) for entry in pack.entries}
    findings += _mixed(pack, motions, limits, target)
    for entry in pack.entries:
        findings += _entry(pack, entry, row_for(target, motions[entry.file]), limits)
    if target.tray and pack.tray and pack.tray in pack.files:
        findings += [f.at(pack.name) for f in check_tray(pack.files[pack.tray], target.tray, target, pack.tray)]
    elif target.tray and (pack.tray or target.name.startswith("whatsapp")):
        missing = pack.tray or "cover.png"
        findings.append(_refusal("tray", f"The tray picture {missing} is missing.", "Add it.", target, pack.name))
    return findings


def row_for(target: Target, moving: bool) -> Target:
    """The still or the moving row of the same place, as the picture is."""
    name = target.name.removesuffix("-moving") + ("-moving" if moving else "")
    return targets().get(name, target)


def contents_of(pack: Pack, moving: bool) -> dict[str, Any]:
    """WhatsApp's contents.json of a pack."""
    stickers = [
        {"image_file": one.file, "emojis": list(one.emojis), **({"accessibility_text": one.alt} if one.alt else {})}
        for one in pack.entries
    ]
    version = hashlib.sha256(b"".join(pack.files[one.file] for one in pack.entries)).hexdigest()[:12]
    told = {
        "identifier": pack.texts.get("identifier", "stickers"),
        "name": pack.texts.get("title", ""),
        "publisher": pack.texts.get("author", ""),
        "tray_image_file": pack.tray,
        "image_data_version": version,
        "animated_sticker_pack": moving,
        "stickers": stickers,
    }
    return {"android_play_store_link": "", "ios_app_store_link": "", "sticker_packs": [told]}


def manifest_of(pack: Pack, target: Target) -> dict[str, Any]:
    """A pack in words, for places without a file of their own: which file is what, `tray` where it has one."""
    return {
        "manifest": MANIFEST,
        "target": target.name,
        "title": pack.texts.get("title", ""),
        "author": pack.texts.get("author", ""),
        "tray": pack.tray,
        "stickers": [{"file": one.file, "emojis": list(one.emojis), "alt": one.alt} for one in pack.entries],
    }


def zipped(parts: Mapping[str, bytes]) -> bytes:
    """A zip of files by name: equal packs are equal files, and pictures are compressed already."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _of_folder(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            found[file.relative_to(path).as_posix()] = file.read_bytes()
        if len(found) > MOST_FILES:
            raise PackError(f"{path.name} holds over {MOST_FILES:,} files: name the pack's own folder.")
    return found


def _of_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise PackError(f"{path.name} holds too much: at most {MOST_FILES:,} files of {MOST_BYTES:,} bytes.")
            for entry in entries:
                parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
                if ".." in parts or entry.filename.startswith(("/", "\\")):
                    raise PackError(f"{path.name} holds {entry.filename!r}, which leads out of the pack.")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise PackError(f"{path.name} cannot be opened: {error}.") from error


def _wastickers_parts(name: str, files: Mapping[str, bytes]) -> Iterator[Finding]:
    for part in ("title.txt", "author.txt", "cover.png"):
        if part not in files:
            yield Finding("parts", f"{part} is missing.", f"Mend: add {part}.", "sticker-convert @ ed993c4", file=name)
    for file in sorted(files):
        if "/" in file:
            detail = f"{file} lies in a folder; sticker apps look at the top alone."
            yield Finding("parts", detail, "Mend: move it up.", "sticker-convert @ ed993c4", file=name)


def _by_contents(name: str, files: Mapping[str, bytes]) -> Pack:
    try:
        told = json.loads(files["contents.json"])
        packs = told["sticker_packs"]
        told = packs[0]
        entries = tuple(
            Entry(
                str(one["image_file"]),
                tuple(map(str, one.get("emojis", ()))),
                str(one.get("accessibility_text", "")),
                told=True,
            )
            for one in told["stickers"]
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise PackError(f"{name}: contents.json is not as WhatsApp reads it ({error!r}).") from error
    findings = []
    if len(packs) > 1:
        detail = f"contents.json holds {len(packs)} packs; the first was looked at."
        findings.append(Finding("parts", detail, "Mend: check them one by one.", UNSPOKEN, name, refused=False))
    moving = told.get("animated_sticker_pack")
    texts = {
        part: str(told[key])
        for part, key in (("title", "name"), ("author", "publisher"), ("identifier", "identifier"))
        if key in told
    }
    folder = texts.get("identifier", "")
    files = {file.removeprefix(f"{folder}/"): data for file, data in files.items()}
    moves = moving if isinstance(moving, bool) else None
    return Pack(name, files, entries, texts, told.get("tray_image_file"), moves, tuple(findings))


def _by_manifest(name: str, files: Mapping[str, bytes]) -> Pack | None:
    """A pack by `manifest_of`; None where manifest.json is somebody else's. Raises PackError for a broken one."""
    try:
        told = json.loads(files["manifest.json"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("manifest") != MANIFEST:
        return None
    try:
        entries = tuple(
            Entry(str(one["file"]), tuple(map(str, one["emojis"])), str(one["alt"]), told=True)
            for one in told["stickers"]
        )
        texts = {part: str(told[part]) for part in ("title", "author")}
    except (KeyError, TypeError) as error:
        raise PackError(f"{name}: manifest.json is not as StickerSnap writes it ({error!r}).") from error
    return Pack(name, files, entries, texts, told.get("tray"))


def _counts(pack: Pack, limits: PackLimits, target: Target) -> Iterator[Finding]:
    count = len(pack.entries)
    holds = f"It holds {count} sticker{'s' * (count != 1)}"
    if limits.counts:
        if count not in limits.counts:
            allowed = ", ".join(map(str, limits.counts))
            yield _refusal(
                "count",
                f"{holds}; {target.title} takes {allowed}.",
                "Change the number.",
                target,
                pack.name,
            )
    elif not limits.least <= count <= limits.most:
        mend = "Add some." if count < limits.least else "Split it."
        detail = f"{holds}; {target.title} takes {limits.least} to {limits.most}."
        yield _refusal("count", detail, mend, target, pack.name)


def _texts(pack: Pack, limits: PackLimits, target: Target) -> Iterator[Finding]:
    for part, text in pack.texts.items():
        if not text:
            yield _refusal("text", f"The {part} is empty.", "Write one.", target, pack.name)
        if len(text) > limits.names:
            detail = f"The {part} has {len(text)} characters, {limits.names} are allowed."
            yield _refusal("text", detail, "Shorten it.", target, pack.name)
    identifier = pack.texts.get("identifier")
    if identifier and (not IDENTIFIER.match(identifier) or ".." in identifier):
        detail = (
            f"The identifier {identifier!r} holds other signs than letters, digits and _ - . , ' or a pair of dots."
        )
        yield _refusal("identifier", detail, "Rename it.", target, pack.name)


def _mixed(pack: Pack, motions: Mapping[str, bool], limits: PackLimits, target: Target) -> Iterator[Finding]:
    moving = [file for file, moves in motions.items() if moves]
    if not limits.mixed and moving and len(moving) < len(motions):
        still = next(file for file, moves in motions.items() if not moves)
        detail = f"It mixes moving stickers ({moving[0]}) and still ones ({still})."
        yield _refusal("mixed", detail, "Make two packs.", target, pack.name)
    elif pack.moving is not None and motions and pack.moving != bool(moving):
        said, are = ("moving", "still") if pack.moving else ("still", "moving")
        detail = f"animated_sticker_pack says {said}, the stickers are {are}."
        yield _refusal("mixed", detail, "Correct contents.json.", target, pack.name)


def _entry(pack: Pack, entry: Entry, row: Target, limits: PackLimits) -> list[Finding]:
    if entry.file not in pack.files:
        return [_refusal("missing", f"{entry.file} is named and not there.", "Add it.", row, pack.name)]
    findings = [finding.at(pack.name) for finding in check(pack.files[entry.file], row, entry.file)]
    least, most = limits.emojis
    if entry.told and not least <= len(entry.emojis) <= most:
        detail = f"It has {len(entry.emojis)} emojis; {row.title} takes {least} to {most}."
        findings.append(_refusal("emojis", detail, "Change them.", row, f"{pack.name}/{entry.file}"))
    alt = row.pack.alt if row.pack else limits.alt
    if alt and len(entry.alt) > alt:
        detail = f"Its accessibility text has {len(entry.alt)} characters, {alt} are allowed."
        findings.append(_refusal("alt", detail, "Shorten it.", row, f"{pack.name}/{entry.file}"))
    return findings


def moves(data: bytes) -> bool:
    """Whether a file is a moving picture; what is unreadable is not."""
    try:
        return inspect(data).moving
    except UnreadableError:
        return False


def _refusal(rule: str, detail: str, mend: str, target: Target, file: str) -> Finding:
    return Finding(rule, detail, f"Mend: {mend}", target.source, file=file)
