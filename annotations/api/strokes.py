"""Reads a stroke log as it comes in: bounded before and after it is unpacked."""

from __future__ import annotations

import json
import math
import re
import zlib
from typing import Any

from django.core.files.uploadedfile import UploadedFile

STROKES_AT_MOST = 20_000
TEXT_BYTES = 20_000_000
VALUES_AT_MOST = 4_000_000  # numbers, words and lists in all: three for each point
DEPTH = 8  # the editor's own logs have four levels: log, stroke, points, point
RATIO, SMALL = 50, 200_000  # a text over so many bytes may have so many times its packed size: logs have about ten
DIGITS = 300
UNKEPT = re.compile("[\0\ud800-\udfff]")
GZIP = b"\x1f\x8b"
GZIP_BITS = 16 + zlib.MAX_WBITS
JSON = "The stroke log must be JSON: a list of strokes, each an object."
TOO_MUCH = (
    f"The stroke log is too large: {STROKES_AT_MOST:,} strokes, {VALUES_AT_MOST:,} values, {DEPTH} levels and "
    f"{TEXT_BYTES // 1_000_000} MB of text at most, packed to no less than a {RATIO}th. Leave it out or shorten it."
)


class StrokesError(ValueError):
    """The message says what is wrong with the log."""


def read(data: Any) -> list[dict[str, Any]]:
    """A log as JSON text, as what was in a JSON request, or in a file, packed by gzip or not. Raises StrokesError."""
    try:
        strokes = json.loads(_text_of(data), parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise StrokesError(TOO_MUCH) from None
    except StrokesError:
        raise
    except (TypeError, ValueError, zlib.error):
        raise StrokesError(JSON) from None
    if not isinstance(strokes, list) or not all(isinstance(stroke, dict) for stroke in strokes):
        raise StrokesError(JSON)
    if len(strokes) > STROKES_AT_MOST:
        raise StrokesError(TOO_MUCH)
    _check(strokes)
    return strokes


def _text_of(data: Any) -> str:
    if not isinstance(data, UploadedFile):
        text = data if isinstance(data, str) else json.dumps(data)
        if len(text) > TEXT_BYTES:
            raise StrokesError(TOO_MUCH)
        return text
    raw = data.read(TEXT_BYTES + 1)
    if raw[:2] == GZIP:
        raw = _unpacked(raw)
    if len(raw) > TEXT_BYTES:
        raise StrokesError(TOO_MUCH)
    return raw.decode()


def _unpacked(packed: bytes) -> bytes:
    """One gzip member, no more of it than is allowed. Raises StrokesError, zlib.error."""
    most = min(TEXT_BYTES, max(SMALL, RATIO * len(packed)))
    unpacking = zlib.decompressobj(GZIP_BITS)
    text = unpacking.decompress(packed, most + 1)
    if len(text) > most:
        raise StrokesError(TOO_MUCH)
    if not unpacking.eof:
        raise StrokesError(JSON)
    return text


def _refuse(name: str) -> None:
    raise StrokesError(f"The stroke log has {name}, which is no number of JSON.")


def _finite(text: str) -> float:
    if len(text) > DIGITS or not math.isfinite(number := float(text)):
        raise StrokesError(f"The stroke log has a number that is too large: {text[:20]}.")
    return number


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise StrokesError(f"The stroke log has a number that is too large: {text[:20]}…")
    return int(text)


def _check(strokes: list[dict[str, Any]]) -> None:
    """Raises StrokesError for what is too deep or too much, and for text that PostgreSQL doesn't keep."""
    level: list[Any] = [strokes]
    values = 0
    for depth in range(DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                inner += [*value, *value.values()]
            elif isinstance(value, list):
                inner += value
        values += len(inner)
        if values > VALUES_AT_MOST or (depth == DEPTH and inner):
            raise StrokesError(TOO_MUCH)
        level = inner


def _check_text(text: str) -> None:
    if UNKEPT.search(text):
        raise StrokesError("The stroke log has a character that is none of Unicode's (NUL or half a pair).")
