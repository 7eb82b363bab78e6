"""A gunicorn worker with a door: what the application refuses is answered before a thread or a parser sees it.

Under ten times the load nine of ten photos are refused, on the cores that cut the tenth. So the loop that accepts
connections looks at a request's first line itself, writes the answer and throws away what the client still sends; a
thread is woken for requests alone that have begun to arrive and are let in.
"""

from __future__ import annotations

import errno
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

LINGER_SECONDS = 5.0
LOOK_SECONDS = 0.5
OVERLOAD_SECONDS = 0.1  # after a refusal more are expected for so long
GATHER_SECONDS = 0.015
FIRST_LINE = 512
CHUNK = 1 << 16
NOBODY_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


class Connection(TConn):
    """One whose body is read in few large pieces: each read gives up the interpreter, and waits to have it again."""

    def init(self) -> None:
        super().init()
        self.parser.unreader.mxchunk = CHUNK

    def read_ahead(self) -> bool:
        """Has a piece brought the beginning of the next request as well? Then nobody need wait for the socket."""
        unreader = self.parser.unreader
        data = unreader.take_buffered()
        unreader.unread(data)
        return bool(data)


class DoorWorker(ThreadWorker):
    """gthread, and what `application.refusal(first bytes of a request)` answers: bytes to send, None to let it in."""

    def init_process(self) -> None:
        self.leaving: dict[socket.socket, float] = {}  # refused, perhaps still sending: until when, the soonest first
        self.sink = bytearray(CHUNK)
        self.notified = self.gathering = 0.0
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.refusal = None if self.cfg.is_ssl else getattr(self.wsgi, "refusal", None)

    def accept(self, listener: socket.socket) -> None:
        """All who are there. Their first bytes, if not here yet, are waited for in the loop, not in a thread."""
        while self.nr_conns < self.worker_connections:
            try:
                client, address = listener.accept()
            except OSError as error:
                if error.errno not in NOBODY_THERE:
                    raise
                return
            self.nr_conns += 1
            head = self._head(client)
            if head and self._refused(client, head, new=True):
                continue
            conn = Connection(self.cfg, client, address, listener.getsockname())
            conn.set_timeout()
            self.pending_conns.append(conn)
            self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, conn))
            if head:
                super().on_pending_socket_readable(conn, client)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if self._refused(client, self._head(client)):
            self.pending_conns.remove(conn)
        else:
            super().on_pending_socket_readable(conn, client)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if self._refused(client, self._head(client)):
            self.keepalived_conns.remove(conn)
        else:
            super().on_client_socket_readable(conn, client)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Goes on at once with a request that was read ahead: its socket would never become readable again."""
        super().finish_request(conn, fs)
        if self.keepalived_conns and self.keepalived_conns[-1] is conn and conn.read_ahead():
            super().on_client_socket_readable(conn, conn.sock)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Looks up now and then: gunicorn, once told to stop, would wait for as long as answers may take, though no
        connection is open but idle ones whose time is over. Those to be refused it lets gather, since each time that it
        wakes, a thread at work has to stop."""
        if time.monotonic() < self.gathering:
            time.sleep(GATHER_SECONDS)
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS))

    def murder_pending(self) -> None:
        """Also gives up who was refused and goes on sending."""
        super().murder_pending()
        while self.leaving and self.leaving[client := next(iter(self.leaving))] < time.monotonic():
            self._leave(client)

    def notify(self) -> None:
        """A sign of life a second is enough; the loop turns a few times for each refusal."""
        if (now := time.monotonic()) > self.notified + LOOK_SECONDS:
            self.notified = now
            super().notify()

    def _head(self, client: socket.socket) -> bytes:
        """The first bytes of what is sent; none where nothing has come, or a thread will find out why."""
        try:
            return client.recv(FIRST_LINE, socket.MSG_PEEK | socket.MSG_DONTWAIT) if self.refusal else b""
        except OSError:
            return b""

    def _refused(self, client: socket.socket, head: bytes, new: bool = False) -> bool:
        """Asks once for each request, whose `head` this is, and answers who is refused. `new`: not yet looked after."""
        answer = self.refusal(head) if self.refusal else None
        if answer is None:
            return False
        with suppress(OSError):
            client.send(answer, socket.MSG_DONTWAIT)
            client.shutdown(socket.SHUT_WR)
        now = time.monotonic()
        self.leaving[client], self.gathering = now + LINGER_SECONDS, now + OVERLOAD_SECONDS
        look_after = self.poller.register if new else self.poller.modify
        look_after(client, EVENT_READ, self._drain)
        self._drain(client)
        return True

    def _drain(self, client: socket.socket) -> None:
        """Throws away what is sent: closed before, a connection would lose the answer."""
        try:
            if client.recv_into(self.sink, 0, socket.MSG_DONTWAIT):
                return
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            pass
        self._leave(client)

    def _leave(self, client: socket.socket) -> None:
        del self.leaving[client]
        self.poller.unregister(client)
        self.nr_conns -= 1
        client.close()
