"""File names made of what people call their photos."""

from pathlib import PurePath

STEM_BYTES = 200
"""Of the 255 bytes that file systems allow a name: room for a number, an ending, and what is added while writing."""


def stem_of(name: str, otherwise: str = "photo") -> str:
    """A photo's name without its ending, no longer than a file's name may be: bytes count, not letters."""
    return cut(PurePath(name).stem) or otherwise


def cut(text: str, most: int = STEM_BYTES) -> str:
    """The beginning of a text that has at most so many bytes as UTF-8, whole letters only."""
    return text.encode(errors="ignore")[:most].decode(errors="ignore")
