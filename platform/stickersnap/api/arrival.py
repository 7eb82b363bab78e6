"""One request as it arrives, in pieces of any size: first its head, then its body. Nothing here waits for a client."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkSize,
    LimitRequestHeaders,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from stickersnap.api.wire import TooLarge

HEAD_SECONDS = 10.0
GRACE_SECONDS = 10.0
IDLE_SECONDS = 30.0
LEAST_RATE = 4_096
"""Bytes a second that a body brings, or an answer takes, on average, once its grace is over."""
MAX_HEAD = 65_536
MEMORY = 524_288
"""More of a body than this lies in a temporary file."""
END = b"\r\n\r\n"
LINE = 1_024
FREE_CHUNKS = 1_000
LEAST_CHUNK = 256
HEX = frozenset(b"0123456789abcdefABCDEF")


class Arrival:
    """A request that comes over one connection.

    Attributes:
        line: its first line, empty until the head is whole.
        request: gunicorn's, None until then. Its body is a file, to be read once `whole`.
        rest: what was sent behind it: the beginning of the next one.
    """

    def __init__(self, cfg: Any, client: Any, number: int, largest: int) -> None:
        self.cfg, self.client, self.number, self.largest = cfg, client, number, largest
        self.line = self.rest = b""
        self.request: Request | None = None
        self.body: Body | None = None
        self.whole = False
        self.began = self.heard = 0.0
        self._head = bytearray()

    def take(self, data: bytes) -> None:
        """Another piece.

        Raises:
            gunicorn's errors: what came is no request. TooLarge: it says, or turns out, to be too large.
            OSError: there is no room for its body.
        """
        self.heard = time.monotonic()
        self.began = self.began or self.heard
        if self.body is None:
            self._head += data
            end = self._head.find(END)
            if max(end, len(self._head) if end < 0 else 0) > MAX_HEAD:
                raise LimitRequestHeaders("the head is too long")
            if end < 0:
                return
            head, data = bytes(self._head[: end + len(END)]), bytes(self._head[end + len(END) :])
            self.line = head.partition(b"\r\n")[0]
            self.request = Request(self.cfg, IterUnreader([head]), self.client, self.number)
            self.body = body_of(self.request, self.largest)
            self.began = self.heard
        rest = self.body.take(data)
        if rest is not None:
            self.rest, self.whole = rest, True
            self._hand_over()

    def late(self, now: float) -> bool:
        """Has the client had its time? Nothing is asked of one that has not begun: see the worker's `until`."""
        if self.body is None:
            return bool(self.began) and now > self.began + HEAD_SECONDS
        return too_slow(self.body.received, self.began, self.heard, now)

    def expects_word(self) -> bool:
        """Does the client wait to be told (100-continue) before it sends the body? Asked once."""
        asked = self.request is not None and self.request._expected_100_continue
        if asked:
            assert self.request is not None
            self.request._expected_100_continue = False
        return asked and not self.whole

    def close(self) -> None:
        if self.body is not None:
            self.body.file.close()

    def _hand_over(self) -> None:
        """A chunked body is given on as one whose length is known: no view need know how it came."""
        assert self.request is not None
        assert self.body is not None
        self.body.file.seek(0)
        self.request.body = self.body.file
        if isinstance(self.body, Chunked):
            headers = [header for header in self.request.headers if header[0] not in ("TRANSFER-ENCODING", "TRAILER")]
            self.request.headers = [*headers, ("CONTENT-LENGTH", str(self.body.received))]


def too_slow(size: int, began: float, heard: float, now: float) -> bool:
    """Is what began then too slow for the bytes that went over so far, the last ones at `heard`?"""
    return now > heard + IDLE_SECONDS or size < LEAST_RATE * (now - began - GRACE_SECONDS)


class Body:
    """A body whose length its head says."""

    def __init__(self, length: int, largest: int) -> None:
        if length > largest:
            raise TooLarge
        self.length, self.largest, self.received = length, largest, 0
        self.file = tempfile.SpooledTemporaryFile(MEMORY)  # noqa: SIM115 - see `close`

    def take(self, data: bytes) -> bytes | None:
        """Another piece: None where more is to come, else what does not belong to the body."""
        belongs = self.length - self.received
        self._keep(data[:belongs])
        return data[belongs:] if self.received == self.length else None

    def _keep(self, data: bytes | bytearray) -> None:
        self.received += len(data)
        if self.received > self.largest:
            raise TooLarge
        self.file.write(data)


class Chunked(Body):
    """A body in chunks (RFC 9112, 7.1), without them. Trailers are left out."""

    def __init__(self, largest: int) -> None:
        super().__init__(0, largest)
        self._raw = bytearray()
        self._left = 0  # of a chunk, with the line's end behind it
        self._chunks = self._trailers = 0
        self._last = False

    def take(self, data: bytes) -> bytes | None:
        self._raw += data
        at = 0
        while not self._trailers and (after := self._step(at)) is not None:
            at = after
        del self._raw[:at]
        return bytes(self._raw) if self._trailers else None

    def _step(self, at: int) -> int | None:
        """Reads on from `at`: where to go on from, or None where more is needed."""
        if self._left > 2:
            piece = self._raw[at : at + self._left - 2]
            self._keep(piece)
            self._left -= len(piece)
            return at + len(piece) if piece else None
        if self._left:
            if len(self._raw) < at + 2:
                return None
            if self._raw[at : at + 2] != b"\r\n":
                raise ChunkMissingTerminator(bytes(self._raw[at : at + 2]))
            self._left = 0
            return at + 2
        end = self._raw.find(b"\r\n", at, at + LINE)
        if end < 0:
            if len(self._raw) - at >= LINE:
                raise InvalidChunkSize(bytes(self._raw[at : at + 20]))
            return None
        self._line(bytes(self._raw[at:end]))
        return end + 2

    def _line(self, line: bytes) -> None:
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + self.received // LEAST_CHUNK:
            raise InvalidChunkSize(b"too small, too many times")
        if self._last:
            self._trailers += not line
            return
        size = line.partition(b";")[0].rstrip(b" \t")
        if not 0 < len(size) <= 8 or not HEX.issuperset(size):
            raise InvalidChunkSize(size)
        length = int(size, 16)
        self._last, self._left = not length, length and length + 2


def body_of(request: Request, largest: int) -> Body:
    """What follows a head. Raises TooLarge, UnsupportedTransferCoding."""
    reader = request.body.reader
    codings = [value for name, value in request.headers if name == "TRANSFER-ENCODING"]
    if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise UnsupportedTransferCoding(", ".join(codings))
    if isinstance(reader, ChunkedReader):
        return Chunked(largest)
    return Body(reader.length if isinstance(reader, LengthReader) else 0, largest)
