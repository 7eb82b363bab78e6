"""A gunicorn worker with a door: what the application refuses is answered before a thread or a parser sees it.

Under ten times the load nine of ten photos are refused, on the cores that cut the tenth. So the loop that accepts
connections looks at a request's first line itself, writes the answer and throws away what the client still sends; a
thread is woken for requests alone that have begun to arrive and are let in.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ

from gunicorn.workers.gthread import TConn, ThreadWorker

LINGER_SECONDS = 5.0
LOOK_SECONDS = 0.5
FIRST_LINE = 512
CHUNK = 1 << 16
NOBODY_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


class Connection(TConn):
    """One whose body is read in few large pieces: each read gives up the interpreter, and waits to have it again."""

    def init(self) -> None:
        super().init()
        self.parser.unreader.mxchunk = CHUNK


class DoorWorker(ThreadWorker):
    """gthread, and what `application.refusal(first bytes of a request)` answers: bytes to send, None to let it in."""

    def init_process(self) -> None:
        self.leaving: dict[TConn, None] = {}  # refused, and perhaps still sending; the first to be given up first
        self.sink = bytearray(CHUNK)
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Waits for a connection's first bytes in the loop, not in a thread."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in NOBODY_THERE:
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if not self._refused(conn, self.pending_conns.remove):
            super().on_pending_socket_readable(conn, client)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        if not self._refused(conn, self.keepalived_conns.remove):
            super().on_client_socket_readable(conn, client)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Looks up now and then: gunicorn, once told to stop, would wait for as long as answers may take, though no
        connection is open but idle ones whose time is over."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS))

    def murder_pending(self) -> None:
        """Also gives up who was refused and goes on sending."""
        super().murder_pending()
        while self.leaving and (conn := next(iter(self.leaving))).timeout < time.monotonic():
            self._leave(conn)

    def _refused(self, conn: TConn, forget: Callable[[TConn], None]) -> bool:
        refusal = getattr(self.wsgi, "refusal", None)
        if refusal is None or self.cfg.is_ssl:
            return False
        try:
            answer = refusal(conn.sock.recv(FIRST_LINE, socket.MSG_PEEK))
        except OSError:  # a thread will find out, too
            return False
        if answer is None:
            return False
        forget(conn)
        self.leaving[conn] = None
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self.poller.modify(conn.sock, EVENT_READ, partial(self._drain, conn))
        with suppress(OSError):
            conn.sock.send(answer)
            conn.sock.shutdown(socket.SHUT_WR)
        self._drain(conn, conn.sock)
        return True

    def _drain(self, conn: TConn, client: socket.socket) -> None:
        """Throws away what is sent: closed before, a connection would lose the answer."""
        try:
            if client.recv_into(self.sink):
                return
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            pass
        self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        del self.leaving[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
