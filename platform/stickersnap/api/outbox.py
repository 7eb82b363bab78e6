"""What gunicorn takes for a socket: an answer that the client does not take at once waits here, not in a thread."""

from __future__ import annotations

import socket
import tempfile
from typing import Any, BinaryIO

from stickersnap.api.arrival import MEMORY

CHUNK = 1 << 18


class Outbox:
    """The way out of one connection. A thread writes to it; once that is done the loop sends what is left."""

    def __init__(self, plug: socket.socket) -> None:
        self.plug = plug
        self.waiting: Any = None  # a file, where something had to wait
        self.kept = self.sent = 0
        self.taken = 0  # bytes, in all

    @property
    def empty(self) -> bool:
        return self.kept == self.sent

    def sendall(self, data: bytes) -> None:
        """Sends what the client takes now, keeps the rest. Raises OSError where it has gone, or there is no room."""
        view = memoryview(data)
        if self.empty:
            view = view[self._now(view) :]
        if not view:
            return
        if self.waiting is None:
            self.waiting = tempfile.SpooledTemporaryFile(MEMORY)  # noqa: SIM115 - see `close`
        self.waiting.seek(self.kept)
        self.waiting.write(view)
        self.kept += len(view)

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        file.seek(offset)
        left = count
        while (left is None or left > 0) and (data := file.read(CHUNK if left is None else min(CHUNK, left))):
            self.sendall(data)
            left = None if left is None else left - len(data)
        return file.tell() - offset

    def flush(self) -> int:
        """Sends what the client takes now; how much. Raises OSError where it has gone."""
        begin = self.sent
        while not self.empty:
            self.waiting.seek(self.sent)
            data = self.waiting.read(CHUNK)
            taken = self._now(memoryview(data))
            self.sent += taken
            if taken < len(data):
                break
        return self.sent - begin

    def close(self) -> None:
        if self.waiting is not None:
            self.waiting.close()

    def shutdown(self, how: int) -> None:
        """The loop closes connections."""

    def setblocking(self, flag: bool) -> None:
        """The socket never blocks."""

    def settimeout(self, seconds: float | None) -> None:
        """It never waits."""

    def gettimeout(self) -> float:
        return 0.0

    def recv(self, size: int) -> bytes:
        return b""

    def _now(self, view: memoryview) -> int:
        sent = 0
        try:
            while sent < len(view):
                sent += self.plug.send(view[sent:])
        except BlockingIOError:
            pass
        self.taken += sent
        return sent
