"""A file against a target's limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict, Unpack

from stickersnap.validate.findings import Finding
from stickersnap.validate.inspected import Inspected, UnreadableError
from stickersnap.validate.inspecting import inspect, undecodable
from stickersnap.validate.limits import Target, TrayLimits


class Place(TypedDict, total=False):
    """Where in a file, see Finding."""

    frame: int
    chunk: str
    byte: int


METADATA = {"EXIF", "XMP ", "eXIf", "iTXt", "tEXt", "zTXt"}
FOREIGN = "WhatsApp/stickers #1083, #1085"
FIX = "--fix makes it so."


def check(data: bytes, target: Target, name: str = "") -> list[Finding]:
    """Everything that `target` would refuse in a file, and advice. Nothing refused: it is valid."""
    try:
        found = inspect(data)
    except UnreadableError as error:
        return [error.finding.at(name)]
    rules = [_format(found, target), _size(found, target), _bytes(data, found, target), _timing(found, target)]
    findings = [*found.problems, *(finding for rule in rules for finding in rule)]
    if not any(finding.rule == "structure" for finding in findings):
        findings += [met] if (met := undecodable(data, found)) else []
    findings += _advice(found, target)
    return [finding.at(name) for finding in findings]


def valid(findings: list[Finding]) -> bool:
    """Whether nothing of these is a refusal."""
    return not any(finding.refused for finding in findings)


def _format(found: Inspected, target: Target) -> Iterator[Finding]:
    if found.format not in target.formats:
        # a PNG with one frame in it is still a PNG to whoever asks for APNG, and the other way round
        if found.format == "apng" and not found.moving and "png" in target.formats:
            return
        wanted = " or ".join(kind.upper() for kind in target.formats)
        yield _refusal("format", f"{target.title} takes {wanted}, this is {found.format.upper()}.", FIX, target)
    elif target.moving is True and not found.moving:
        some = len(found.frames)
        detail = f"It must move, and it has {some or 'no'} frame{'s' * (some != 1)}: WhatsApp and others call it still."
        yield _refusal("moving", detail, f"send it as {target.title.split(',')[0]}'s still sticker.", target)
    if target.moving is False and (found.moving or found.frames):
        what = f"{len(found.frames)} frames" if found.moving else "an animation's header around one frame"
        yield _refusal("moving", f"It must be still, and it has {what}.", "take one frame; " + FIX, target)


def _size(found: Inspected, target: Target) -> Iterator[Finding]:
    size, (width, height) = (found.width, found.height), target.box
    at: Place = {"chunk": found.size_at[0], "byte": found.size_at[1]} if found.size_at else {}
    is_so = f"It has {found.width}×{found.height} pixels"
    if target.exact and size != target.exact:
        wanted = f"exactly {width}×{height}"
    elif target.longer and max(size) != target.longer:
        wanted = f"exactly {width} on the longer side"
    elif target.within and (found.width > width or found.height > height):
        wanted = f"at most {width}×{height}"
    elif target.even and (found.width % 2 or found.height % 2):
        wanted = "even numbers of them"
    else:
        return
    yield _refusal("size", f"{is_so}; {target.title} takes {wanted}.", FIX, target, **at)


def _bytes(data: bytes, found: Inspected, target: Target) -> Iterator[Finding]:
    if len(data) > target.bytes:
        over = len(data) - target.bytes
        detail = f"It has {len(data):,} bytes, {over:,} more than the {target.bytes:,} of {target.title}."
        yield _refusal("bytes", detail, "compress it more; " + FIX, target)


def _timing(found: Inspected, target: Target) -> Iterator[Finding]:
    if not found.moving:
        return
    first = found.frames[0] if found.frames else None
    if first and (first.x, first.y, first.width, first.height) != (0, 0, found.width, found.height):
        detail = f"The first frame covers {first.width}×{first.height} pixels of {found.width}×{found.height}."
        yield _refusal("first_frame", detail, FIX, target, frame=1, chunk=first.chunk, byte=first.byte)
    if target.frame_ms:
        for number, frame in enumerate(found.frames, 1):
            if frame.ms < target.frame_ms:
                detail = f"The frame is shown for {frame.ms:g} ms, at least {target.frame_ms} are asked for."
                at: Place = {"frame": number, "chunk": frame.chunk, "byte": frame.byte}
                yield _refusal("frame_ms", detail, FIX, target, **at)
    if target.total_ms and found.ms > target.total_ms:
        detail = f"It takes {found.ms:,.0f} ms, at most {target.total_ms:,} are allowed."
        yield _refusal("total_ms", detail, "make it shorter; " + FIX, target)
    if target.fps and found.ms and (rate := 1000 * len(found.frames) / found.ms) > target.fps + 0.5:
        detail = f"It shows {rate:.1f} frames a second, at most {target.fps} are allowed."
        yield _refusal("fps", detail, "leave frames out.", target)


def _advice(found: Inspected, target: Target) -> Iterator[Finding]:
    if extra := sorted(METADATA & set(found.chunks)):
        detail = f"It carries metadata ({', '.join(name.strip() for name in extra)})."
        yield Finding("metadata", detail, FIX, FOREIGN, chunk=extra[0], refused=False)
    if found.format == "webp" and "ICCP" in found.chunks:
        detail = "It carries a colour profile; phones show some of these as an invalid asset."
        yield Finding("profile", detail, FIX, FOREIGN, chunk="ICCP", refused=False)


def check_tray(data: bytes, tray: TrayLimits, target: Target, name: str) -> list[Finding]:
    """The picture that stands for a pack against its own limits."""
    row = Target(
        name=f"{target.name}-tray",
        title=f"{target.title}'s tray",
        formats=(tray.format,),
        bytes=tray.bytes,
        source=target.source,
        checked=target.checked,
        exact=tray.exact,
    )
    return check(data, row, name)


def _refusal(rule: str, detail: str, mend: str, target: Target, **place: Unpack[Place]) -> Finding:
    return Finding(rule, detail, f"Mend: {mend}", target.source, **place)
