"""The log files under `state/logs`."""

from pathlib import Path

LARGEST_BYTES = 10_000_000


def rotate(log: Path) -> None:
    """Put a log aside that has grown past 10 MB; the one put aside before goes."""
    if log.exists() and log.stat().st_size > LARGEST_BYTES:
        log.replace(log.with_suffix(".log.1"))


def tail(text: str, lines: int = 15) -> str:
    """The last lines of a text."""
    return "\n".join(text.strip().splitlines()[-lines:])
