"""The look of a sticker as data: one versioned schema, with its bounds."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1
SHAPES = ("none", "rounded", "circle", "stamp")
BACKGROUNDS = ("none",)
COLOUR = re.compile(r"#[0-9a-f]{6}")


class StyleError(ValueError):
    """No sticker can look like that. The message names the field and says what it may be."""


def _number(default: float, least: float, most: float, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"least": least, "most": most, "meaning": meaning})


def _choice(choices: tuple[str, ...], meaning: str) -> Any:
    return dataclasses.field(default=choices[0], metadata={"choices": choices, "meaning": meaning})


@dataclass(frozen=True)
class Style:
    """How a sticker looks; the default is a white outline. Lengths are pixels of a sticker with 512. Raises StyleError.

    Two styles that look alike are equal, and have the same digest: colours are small letters, numbers are floats.
    """

    version: int = dataclasses.field(default=VERSION, metadata={"meaning": "Of this schema."})
    outline: float = _number(8, 0, 32, "Width of the outline, or the room around the subject in a shape; 0 for none.")
    colour: str = dataclasses.field(default="#ffffff", metadata={"meaning": "Of the outline and the shape: #rrggbb."})
    shadow: float = _number(0, 0, 32, "How far the shadow reaches; 0 for none.")
    shape: str = _choice(SHAPES, "What the sticker is cut to; none: around the subject.")
    rotate: float = _number(0, -180, 180, "Degrees clockwise.")
    flip: bool = dataclasses.field(default=False, metadata={"meaning": "Left and right change places, then it turns."})
    scale: float = _number(1, 0.2, 1, "Share of the largest size that fits.")
    x: float = _number(0, -1, 1, "Where in the room that is left: -1 at the left, 1 at the right.")
    y: float = _number(0, -1, 1, "Where in the room that is left: -1 at the top, 1 at the bottom.")
    background: str = _choice(BACKGROUNDS, "What is behind the sticker.")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))

    @property
    def digest(self) -> str:
        """Names what it looks like: a sha256."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Every field, as JSON has them."""
        return dataclasses.asdict(self)


def parse(given: Any) -> Style:
    """The style that a JSON object, or the text of one, describes; the rest is as usual. Raises StyleError."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise StyleError('Write the style as JSON: {"outline": 12}.') from None
    known = {field.name for field in dataclasses.fields(Style)}
    if not isinstance(given, Mapping):
        raise StyleError('The style is an object: {"outline": 12}.')
    if unknown := sorted(str(name)[:40] for name in set(given) - known):
        raise StyleError(f"There is no {', '.join(unknown[:3])} in a style: leave it out.")
    return Style(**given)


def outlined(outline: bool) -> Style:
    """The usual style with its outline, or without."""
    return Style() if outline else Style(outline=0)


def schema() -> dict[str, Any]:
    """The fields as JSON Schema, for the API's document."""
    return {
        "type": "object",
        "description": "How a sticker looks. Lengths are pixels of a sticker with 512.",
        "properties": {field.name: _field_schema(field) for field in dataclasses.fields(Style)},
        "additionalProperties": False,
    }


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    about = field.metadata
    if "least" in about:
        return _checked_number(field.name, value, about["least"], about["most"])
    if "choices" in about:
        wanted, fits = "one of " + ", ".join(about["choices"]), isinstance(value, str) and value in about["choices"]
    elif field.name == "flip":
        wanted, fits = "true or false", isinstance(value, bool)
    elif field.name == "version":
        wanted, fits = str(VERSION), value == VERSION and type(value) is int
    else:
        value = value.lower() if isinstance(value, str) else value
        wanted, fits = "a colour as #ffcc00", isinstance(value, str) and COLOUR.fullmatch(value) is not None
    if not fits:
        raise StyleError(f"{field.name} is {wanted}, not {_brief(value)}.")
    return value


def _checked_number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise StyleError(f"{name} is a number from {least} to {most}, not {_brief(value)}.")
    if not least <= value <= most:
        raise StyleError(f"{name} is from {least} to {most}, not {_brief(value)}.")
    return round(float(value), 3) + 0.0  # no second zero with a sign


def _brief(value: Any) -> str:
    return "so large a number" if isinstance(value, int) and abs(value) > 10**9 else repr(value)[:40]


def _field_schema(field: dataclasses.Field[Any]) -> dict[str, Any]:
    about, kinds = field.metadata, {bool: "boolean", int: "integer", str: "string"}
    kind = "number" if "least" in about else kinds[type(field.default)]
    limits = {"minimum": about["least"], "maximum": about["most"]} if "least" in about else {}
    choices = {"enum": list(about["choices"])} if "choices" in about else {}
    return {"type": kind, "default": field.default, "description": about["meaning"], **limits, **choices}
