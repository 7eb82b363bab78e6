"""What is wrong with a file, where, by whose rule, and how it is mended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing about a file. `refused` where the target would not take it; else it is advice.

    `frame` counts from 1, `byte` from 0; `chunk` is the part of the file by the format's own name.
    """

    rule: str
    detail: str
    mend: str
    source: str
    file: str = ""
    frame: int | None = None
    chunk: str | None = None
    byte: int | None = None
    refused: bool = True

    def at(self, file: str) -> Finding:
        """The same, said of a file of that name."""
        return replace(self, file=f"{file}/{self.file}" if self.file else file)

    def renamed(self, old: str, new: str) -> Finding:
        """The same, of a file or pack that is called otherwise."""
        if self.file == old or self.file.startswith(f"{old}/"):
            return replace(self, file=new + self.file[len(old) :])
        return self

    def as_dict(self) -> dict[str, Any]:
        """For JSON: places that don't apply are left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @property
    def place(self) -> str:
        """`cat.webp, frame 2, chunk ANMF at byte 812`, as far as it is known."""
        parts = [self.file] if self.file else []
        if self.frame is not None:
            parts.append(f"frame {self.frame}")
        if self.chunk is not None:
            parts.append(f"chunk {self.chunk.strip()}" + (f" at byte {self.byte:,}" if self.byte is not None else ""))
        elif self.byte is not None:
            parts.append(f"byte {self.byte:,}")
        return ", ".join(parts)

    def __str__(self) -> str:
        kind = "refused" if self.refused else "advice"
        return f"{self.place}: {kind} ({self.rule}): {self.detail} {self.mend} [{self.source}]"


WEBP = "developers.google.com/speed/webp/docs/riff_container"
PNG = "www.w3.org/TR/png-3"
EBML = "www.matroska.org/technical/elements.html"
