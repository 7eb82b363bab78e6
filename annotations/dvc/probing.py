"""Asks a DVC remote whether it can be written, read and emptied, with a small file that is gone afterwards.

Run as `python -m annotations.dvc.probing` in a workspace; its last line says what is short of that, if anything.
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

CONTENT = b"StickerSnap asks whether it may write here.\n"


def probe(fs: Any, folder: str) -> str:
    """What the remote refuses though it can be used; empty where it refuses nothing. Raises OSError."""
    path = fs.join(folder, f"check-{uuid.uuid4().hex}")
    fs.makedirs(folder, exist_ok=True)
    fs.pipe_file(path, CONTENT)
    if fs.cat_file(path) != CONTENT:
        raise OSError("What was written does not come back.")
    try:
        fs.rm_file(path)
    except OSError as error:
        return f"It refuses to delete ({error}), so `dataset forget --purge` can't remove anything from it."
    return ""


def main() -> None:
    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote()
            print(probe(remote.fs, remote.path))
    except (OSError, DvcException) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
