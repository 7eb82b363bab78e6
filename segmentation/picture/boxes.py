"""The colour box of HEIC and AVIF (ISO/IEC 23008-12, 14496-12), which no library here tells of."""

from __future__ import annotations

from collections.abc import Iterator

Box = tuple[bytes, int, int]
MOST = 10_000  # boxes of one level: more than any picture has


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """(type, start, end) of each box's contents."""
    for _ in range(MOST):
        if start + 8 > end:
            return
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = end if size == 0 else start + size
        if stop < start + head or stop > end:
            return
        yield data[start + 4 : start + 8], start + head, stop
        start = stop


def first(data: bytes, name: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the first box of this type has its contents; nowhere if there is none."""
    return next(((a, b) for kind, a, b in boxes(data, start, end) if kind == name), (end, end))


def nclx(data: bytes) -> tuple[int, int] | None:
    """(primaries, transfer) in H.273's numbers that the main picture's `colr` of type nclx says."""
    start, end = first(data, b"meta", 0, len(data))
    inside = (min(start + 4, end), end)  # a full box: version and flags come first
    properties = first(data, b"iprp", *inside)
    said: dict[int, tuple[int, int]] = {}
    for number, (kind, a, b) in enumerate(boxes(data, *first(data, b"ipco", *properties)), 1):
        if kind == b"colr" and data[a : a + 4] == b"nclx" and b - a >= 10:
            said[number] = int.from_bytes(data[a + 4 : a + 6], "big"), int.from_bytes(data[a + 6 : a + 8], "big")
    own = properties_of(data, main_item(data, *first(data, b"pitm", *inside)), *first(data, b"ipma", *properties))
    return next((said[number] for number in own if number in said), next(iter(said.values()), None))


def main_item(data: bytes, start: int, end: int) -> int:
    """The number in a `pitm` box; 0 without one."""
    return int.from_bytes(data[start + 4 : min(end, start + (8 if data[start : start + 1] > b"\0" else 6))], "big")


def properties_of(data: bytes, item: int, start: int, end: int) -> list[int]:
    """The numbers of an item's properties, by an `ipma` box."""
    if end - start < 8:
        return []
    wide, long = data[start] > 0, data[start + 3] & 1
    at = start + 8
    for _ in range(min(MOST, int.from_bytes(data[start + 4 : at], "big"))):
        name = int.from_bytes(data[at : at + (4 if wide else 2)], "big")
        at += 4 if wide else 2
        if at >= end:
            break
        count, step = data[at], 2 if long else 1
        at += 1
        if name == item:
            places = range(at, min(at + count * step, end), step)
            return [int.from_bytes(data[p : p + step], "big") & (0x7FFF if long else 0x7F) for p in places]
        at += count * step
    return []
