"""Photos that this process has decoded a moment ago, smaller: their stickers are asked for next, and need no more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from PIL import Image

SHORTER = 768  # pixels on the shorter side, about: enough where the subject takes two fifths of the longer one
MOST_BYTES = 32 << 20  # of all that are kept, six photos of 12 megapixels; then the one unused longest goes
PIXEL = 4  # bytes that Pillow takes for one
SECONDS = 600.0  # that one is kept, used or not: photos are deleted elsewhere, too


class Recent:
    """Pictures by the sha256 of their photos, no more than `most` bytes of them, none for longer than `SECONDS`.

    In memory alone: whoever finds none decodes the photo.
    """

    def __init__(self, most: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.clock = most, clock
        self.bytes = 0
        self._kept: OrderedDict[str, tuple[float, Image.Image]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, sha256: str, image: Image.Image) -> None:
        """Remembers an RGB picture of the photo; one that would take more than half of the room is left alone."""
        if size_of(image) > self.most // 2:
            return
        with self._lock:
            self._drop_old()
            self._drop(sha256)
            self._kept[sha256] = self.clock(), image
            self.bytes += size_of(image)
            while self.bytes > self.most:
                self._drop(next(iter(self._kept)))

    def get(self, sha256: str) -> Image.Image | None:
        """The photo's picture as it was kept."""
        with self._lock:
            self._drop_old()
            if sha256 not in self._kept:
                return None
            self._kept.move_to_end(sha256)
            return self._kept[sha256][1]

    def forget(self, sha256: str) -> None:
        """Lets go of a photo that is deleted."""
        with self._lock:
            self._drop(sha256)

    def _drop_old(self) -> None:
        oldest = self.clock() - SECONDS
        for sha256 in [sha256 for sha256, (since, _) in self._kept.items() if since < oldest]:
            self._drop(sha256)

    def _drop(self, sha256: str) -> None:
        if (kept := self._kept.pop(sha256, None)) is not None:
            self.bytes -= size_of(kept[1])


def size_of(image: Image.Image) -> int:
    """Bytes that a picture takes."""
    return image.width * image.height * PIXEL


photos = Recent()
