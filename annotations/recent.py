"""Photos that this process has decoded a moment ago, smaller: their stickers are asked for next, and need no more."""

from __future__ import annotations

import threading
from collections import OrderedDict

from PIL import Image

SHORTER = 768  # pixels on the shorter side, about: enough where the subject takes two fifths of the longer one
MOST_BYTES = 32 << 20  # of all that are kept, six photos of 12 megapixels; then the one unused longest goes
PIXEL = 4  # bytes that Pillow takes for one


class Recent:
    """Pictures by the sha256 of their photos, no more than `most` bytes of them.

    In memory alone: whoever finds none decodes the photo.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.bytes = 0
        self._kept: OrderedDict[str, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, sha256: str, image: Image.Image) -> None:
        """Remembers an RGB picture of the photo; one that would take more than half of the room is left alone."""
        if size_of(image) > self.most // 2:
            return
        with self._lock:
            self._drop(sha256)
            self._kept[sha256] = image
            self.bytes += size_of(image)
            while self.bytes > self.most:
                self._drop(next(iter(self._kept)))

    def get(self, sha256: str) -> Image.Image | None:
        """The photo's picture as it was kept."""
        with self._lock:
            if sha256 in self._kept:
                self._kept.move_to_end(sha256)
            return self._kept.get(sha256)

    def forget(self, sha256: str) -> None:
        """Lets go of a photo that is deleted."""
        with self._lock:
            self._drop(sha256)

    def _drop(self, sha256: str) -> None:
        if (image := self._kept.pop(sha256, None)) is not None:
            self.bytes -= size_of(image)


def size_of(image: Image.Image) -> int:
    """Bytes that a picture takes."""
    return image.width * image.height * PIXEL


photos = Recent()
