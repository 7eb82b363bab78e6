"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """What to fine-tune, on what, where to. Without a `network` it is the base's own, as is the `champion` to beat."""

    data: Path
    base: Path
    out: Path
    network: str = ""
    champion: Path | None = None
    device: str = "auto"
    replay: Path | None = None
    resume: bool = False
    tracking_uri: str | None = None
    experiment: str = "stickersnap"
    tags: Mapping[str, str] = field(default_factory=dict)
    forms: bool = True
    benchmarks: tuple[Path, ...] = ()
