"""What a file of pictures says of itself, before a pixel is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stickersnap.validate.findings import Finding


@dataclass(frozen=True)
class Frame:
    """One frame of a moving picture: how long it is shown, where it lies, and where its bytes begin."""

    ms: float
    x: int
    y: int
    width: int
    height: int
    byte: int
    chunk: str


@dataclass
class Inspected:
    """A file by its own structure. `format` is webp, png, apng, gif, jpeg or webm; sizes in pixels.

    `ms` is the whole length of a moving picture, `problems` whatever its own format forbids.
    """

    format: str
    width: int
    height: int
    frames: Sequence[Frame] = ()
    moving: bool = False
    ms: float = 0
    chunks: Sequence[str] = ()
    size_at: tuple[str, int] | None = None
    problems: list[Finding] = field(default_factory=list)


class UnreadableError(Exception):
    """The bytes are no picture of a format known here. Holds what was found."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding
