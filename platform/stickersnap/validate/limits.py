"""The limits of each target, read from targets.toml once and checked row by row."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

FILE = Path(__file__).with_name("targets.toml")
FORMATS = ("webp", "png", "apng", "gif", "jpeg", "webm")
SIZES = ("exact", "longer", "within")


class TargetsError(Exception):
    """The file of limits cannot be used as it is."""


class UnknownTargetError(ValueError):
    """Nobody knows such a target."""


@dataclass(frozen=True)
class PackLimits:
    """How many stickers a pack holds, and what is said of each. `counts`, where given, are the only numbers allowed."""

    least: int = 1
    most: int = 1
    counts: tuple[int, ...] = ()
    mixed: bool = False
    emojis: tuple[int, int] = (0, 20)
    alt: int = 0
    names: int = 128


@dataclass(frozen=True)
class TrayLimits:
    """The picture that stands for a pack: its format, pixels and bytes."""

    format: str
    exact: tuple[int, int]
    bytes: int


@dataclass(frozen=True)
class Target:
    """One row: what a place accepts. Pixels, bytes, milliseconds. `name` is the row's key."""

    name: str
    title: str
    formats: tuple[str, ...]
    bytes: int
    source: str
    checked: datetime.date
    moving: bool | None = None
    exact: tuple[int, int] | None = None
    longer: int | None = None
    within: tuple[int, int] | None = None
    even: bool = False
    margin: int = 0
    frame_ms: int = 0
    total_ms: int | None = None
    fps: int | None = None
    pack: PackLimits | None = None
    tray: TrayLimits | None = None

    @property
    def box(self) -> tuple[int, int]:
        """Width and height that a picture may have at most."""
        if self.longer is not None:
            return self.longer, self.longer
        box = self.exact or self.within
        assert box is not None
        return (box[0] - box[0] % 2, box[1] - box[1] % 2) if self.even else box


@cache
def targets(file: Path = FILE) -> Mapping[str, Target]:
    """Every target by name. Raises TargetsError where a row is wrong, naming it."""
    try:
        rows = tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise TargetsError(f"{file.name} cannot be read: {error}") from error
    return {name: _row(name, row, file) for name, row in rows.items()}


def target_get(name: str) -> Target:
    """The target of that name. Raises UnknownTargetError, which lists them."""
    known = targets()
    if name not in known:
        raise UnknownTargetError(f"There is no target {name!r}: choose one of {', '.join(known)}.")
    return known[name]


def _row(name: str, row: Any, file: Path) -> Target:
    if not isinstance(row, dict):
        raise TargetsError(f"{file.name}: {name} is no table: write [{name}] above its limits.")
    row = dict(row)
    nested = {"pack": PackLimits, "tray": TrayLimits}
    for key, kind in nested.items():
        if key in row:
            row[key] = _filled(kind, row[key], f"{file.name}, {name}.{key}")
    target = _filled(Target, {"name": name, **row}, f"{file.name}, {name}")
    _refuse_contradictions(target, file)
    return target


Row = TypeVar("Row", PackLimits, TrayLimits, Target)


def _filled(kind: type[Row], row: Mapping[str, Any], where: str) -> Row:
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(row) - set(known)):
        raise TargetsError(f"{where}: there is no limit {', '.join(unknown)}: the limits are {', '.join(known)}.")
    if missing := [n for n, f in known.items() if f.default is MISSING and n not in row]:
        raise TargetsError(f"{where}: {', '.join(missing)} is missing.")
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return kind(**given)


def _refuse_contradictions(target: Target, file: Path) -> None:
    where = f"{file.name}, {target.name}"
    if len([size for size in SIZES if getattr(target, size) is not None]) != 1:
        raise TargetsError(f"{where}: give exactly one of {', '.join(SIZES)}.")
    if not target.formats or set(target.formats) - set(FORMATS):
        raise TargetsError(f"{where}: formats are {', '.join(FORMATS)}.")
    numbers = [target.bytes, *target.box, target.total_ms or 1, target.fps or 1]
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 1 for number in numbers):
        raise TargetsError(f"{where}: bytes, pixels and milliseconds are whole numbers over 0.")
    if not isinstance(target.checked, datetime.date):
        raise TargetsError(f"{where}: checked is a date, as 2026-11-30.")
