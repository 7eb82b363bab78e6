"""JSON as it comes in, held to what a database can keep and a program can walk."""

import json
import math
import re
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import parsers
from rest_framework.exceptions import ParseError

DEEPEST = 32
"""Lists and objects inside one another; ours nest to five."""
INTEGER = 2**63
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def load(text: str | bytes) -> Any:
    """What JSON means. ValueError for what is no JSON, too deep, a number out of range or half a character."""
    text = text.decode() if isinstance(text, bytes) else text
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise ValueError("too deep") from None
    if SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError where a half is alone
    level, depth = [value], 0
    while level := [inner for outer in level if isinstance(outer, dict | list) for inner in _within(outer)]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError("too deep")
    return value


def _within(outer: dict[str, Any] | list[Any]) -> list[Any]:
    return list(outer.values()) if isinstance(outer, dict) else outer


def _no_number(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("out of range")
    return number


def _integer(text: str) -> int:
    if not -INTEGER <= (number := int(text)) < INTEGER:
        raise ValueError("out of range")
    return number


class JSONParser(parsers.JSONParser):
    """DRF's, with the bounds above and that of a body's size. JSON is UTF-8, whatever charset is claimed."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The body's value. Raises ParseError, RequestDataTooBig."""
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise RequestDataTooBig
        try:
            return load(raw)
        except ValueError:
            raise ParseError from None
