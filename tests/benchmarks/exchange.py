"""HTTP/1.1 over plain sockets in one thread, as cheap as Python can: for a load generator beside the server it loads.

Answers with a Content-Length or up to the end of the connection; chunked ones are not read and count as broken off.
"""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

CHUNK = 1 << 18
MILLISECOND = 1e-3
KEPT_SECONDS = 3.0  # until a resting connection is not trusted any more: servers close theirs after five


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its head (lower case, one header a line) and its body."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, empty without it; `name` in lower case."""
        return value_in(self.head, name)


Heard = Callable[[Reply | None], None]


def value_in(head: str, name: str) -> str:
    return head.partition(f"\r\n{name}:")[2].partition("\r\n")[0].strip()


def request(method: str, path: str, host: str, body: bytes = b"", kind: str = "", cookie: str = "") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Cookie: {cookie}"] if cookie else []
    return "\r\n".join([*lines, "", ""]).encode() + body


class Line:
    """A connection with at most one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(address)
        self.rest = 0.0

    def begin(self, data: bytes, heard: Heard, until: float) -> None:
        self.unsent, self.heard, self.until = memoryview(data), heard, until
        self.got = bytearray()
        self.head, self.length = "", -1

    def push(self) -> bool:
        """Sends what fits; True once all is sent, or nobody listens any more and only the reply is left to read."""
        while self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                return False
            except OSError:
                return True
        return True

    def pull(self) -> Reply | None:
        """Reads what is there; the reply once it is whole. Raises OSError where the server broke off."""
        data = self.socket.recv(CHUNK)
        self.got += data
        if not self.head and (end := self.got.find(b"\r\n\r\n")) >= 0:
            # Values that matter are told apart by case nowhere but in cookies and times, which keep theirs.
            self.head = lowered(self.got[:end].decode("latin-1") + "\r\n")
            del self.got[: end + 4]
            length = value_in(self.head, "content-length")
            self.length = int(length) if length else -1
        if self.head and (len(self.got) >= self.length >= 0 or (not data and self.length < 0)):
            return Reply(int(self.head[9:12]), self.head, bytes(self.got))
        if not data:
            raise ConnectionResetError("The server broke off.")
        return None

    def reusable(self) -> bool:
        return self.length >= 0 and "close" not in value_in(self.head, "connection").lower()


def lowered(head: str) -> str:
    """The head with the names of its headers in lower case."""
    first, *rest = head.split("\r\n")
    named = (line.partition(":") for line in rest)
    return "\r\n".join([first, *(f"{name.lower()}{colon}{value}" for name, colon, value in named)])


class Wire:
    """Connections to one server, kept as a browser keeps them."""

    def __init__(self, address: tuple[str, int], patience: float) -> None:
        self.address, self.patience = address, patience
        self.selector = selectors.DefaultSelector()
        self.resting: list[Line] = []
        self.busy: dict[Line, None] = {}  # the longest under way first
        self.again = 0.0

    def send(self, data: bytes, heard: Heard) -> None:
        """Sends a request; `heard` is called with the reply, or with None when there is none."""
        line = self._rested() or Line(self.address)
        line.begin(data, heard, time.perf_counter() + self.patience)
        self.busy[line] = None
        waits = selectors.EVENT_READ if line.push() else selectors.EVENT_READ | selectors.EVENT_WRITE
        self.selector.register(line.socket, waits, line)

    def turn(self, seconds: float) -> None:
        """Does what can be done, for which it waits `seconds` at most."""
        if 0 < seconds < MILLISECOND:  # the selector rounds up to whole ones, and visits are to begin when they are due
            time.sleep(seconds)
        for key, events in self.selector.select((int(seconds / MILLISECOND) - 0.5) * MILLISECOND):
            self._go_on(key.data, events)
        now = time.perf_counter()
        if now > self.again:
            self.again = now + 0.25
            for line in [line for line in self.busy if line.until < now]:
                self._end(line, None)

    def close(self) -> None:
        for line in (*self.resting, *self.busy):
            line.socket.close()
        self.selector.close()

    def _rested(self) -> Line | None:
        now = time.perf_counter()
        while self.resting:
            line = self.resting.pop()
            if now - line.rest < KEPT_SECONDS:
                return line
            line.socket.close()
        return None

    def _go_on(self, line: Line, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE and line.push():
                self.selector.modify(line.socket, selectors.EVENT_READ, line)
            reply = line.pull() if events & selectors.EVENT_READ else None
        except BlockingIOError:
            return
        except OSError:
            self._end(line, None)
        else:
            if reply is not None:
                self._end(line, reply)

    def _end(self, line: Line, reply: Reply | None) -> None:
        self.selector.unregister(line.socket)
        del self.busy[line]
        if reply is not None and line.reusable() and not line.unsent:
            line.rest = time.perf_counter()
            self.resting.append(line)
        else:
            line.socket.close()
        line.heard(reply)
