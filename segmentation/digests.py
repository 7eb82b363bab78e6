"""The sha256 of files, each read once by a process for as long as nobody writes to it.

Whoever loads weights asks for their digest, and many do: a large set is 350 MB, a second of hashing each time. What a
file hashed to is remembered by its path, device, inode, size, and times of last write and last change (`ctime`). That
is safe where nobody but the system sets the clock: every write, replacement and even a write time set back changes
`ctime`, which no call can set. A file that was changed less than `SETTLED` before is not remembered, as clocks of file
systems tick slowly (2 s on FAT and old NFS) and a second write could fall into the same tick. Each process reads for
itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

SETTLED = 3_000_000_000  # nanoseconds
MOST = 64

Stamp = tuple[int, ...]
_known: dict[str, tuple[Stamp, str]] = {}


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        stamp = _stamp(file.fileno())
        known = _known.get(str(path.absolute()))
        if known and known[0] == stamp:
            return known[1]
        begun = time.time_ns()
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if begun - max(stamp[-2:]) > SETTLED and _stamp(file.fileno()) == stamp:
            if len(_known) >= MOST:
                _known.clear()
            _known[str(path.absolute())] = stamp, found
        return found


def _stamp(handle: int) -> Stamp:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
