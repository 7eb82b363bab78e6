"""A gunicorn worker with a door: a thread sees a request only once it is here, whole and valid, and is let in.

The loop that accepts connections reads heads and bodies itself, and sends what a client does not take at once. So a
client that is slow, or means to be, holds a connection, never a thread and never a photo's place; and what the
application refuses is answered without a thread, a parser or a log line. docs/decisions/2026-11-23-door.md.
"""

from __future__ import annotations

import errno
import ipaddress
import resource
import socket
import time
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from stickersnap.api import arrival, wire
from stickersnap.api.arrival import Arrival
from stickersnap.api.outbox import CHUNK, Outbox

LINGER_SECONDS = 5.0
LOOK_SECONDS = 0.5
OVERLOAD_SECONDS = 0.1  # after a refusal more are expected for so long
GATHER_SECONDS = 0.015
LARGEST_BODY = 1 << 26
PIECES = 8  # read from one client before the others have their turn
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(TConn):
    """A client: the request that arrives from it, and the answer that goes to it."""

    def __init__(self, cfg: Any, plug: socket.socket, client: Any, server: Any, largest: int) -> None:
        super().__init__(cfg, plug, client, server)
        self.plug, self.largest, self.number = plug, largest, 0
        self.initialized, self.parser = True, self  # gunicorn asks it for a request that is here already
        self.until = time.monotonic() + arrival.HEAD_SECONDS
        self.keep = False
        self.address = network_of(client)
        self.next_request(b"")

    def next_request(self, begun: bytes) -> None:
        """Ready for another one, of which this has come."""
        self.number += 1
        self.begun, self.looked = begun, False
        self.arrival = Arrival(self.cfg, self.client, self.number, self.largest)
        self.sock = Outbox(self.plug)
        self.departing = self.taken = 0.0

    def __next__(self) -> Any:
        return self.arrival.request

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        return True

    def late(self, now: float) -> bool:
        """Does the client take its answer too slowly?"""
        return arrival.too_slow(self.sock.taken, self.departing, self.taken, now)

    def shut(self) -> None:
        self.arrival.close()
        self.sock.close()
        self.plug.close()


def network_of(client: Any) -> str:
    """Whose connection it is: an address, of IPv6 the network that one person has; empty for a socket in a folder."""
    if not isinstance(client, tuple):
        return ""
    address = ipaddress.ip_address(client[0].partition("%")[0])
    if address.version == 4 or address.ipv4_mapped:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


class DoorWorker(ThreadWorker):
    """gthread behind a door. What it asks of the application, each of which may be missing:

    `refusal(first line, enter)`: bytes to answer, or None to let the request in; with `enter` it comes now.
    `largest_body`: bytes. `connections_per_address`: how many may be open at once; 0 for any number.
    """

    def init_process(self) -> None:
        self.arriving: set[Connection] = set()
        self.departing: set[Connection] = set()
        self.leaving: dict[socket.socket, tuple[float, Connection]] = {}  # the answer is out: until when it may linger
        self.addresses: Counter[str] = Counter()
        self.sink = bytearray(CHUNK)
        self.notified = self.gathering = self.swept = 0.0
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().init_process()

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("The door speaks no TLS: put nginx before it (deploy/nginx).")

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.refusal = getattr(self.wsgi, "refusal", lambda line, enter: None)
        self.largest = getattr(self.wsgi, "largest_body", LARGEST_BODY)
        self.per_address = getattr(self.wsgi, "connections_per_address", 0)

    def accept(self, listener: socket.socket) -> None:
        """All who are there."""
        while self.nr_conns < self.worker_connections:
            try:
                plug, client = listener.accept()
            except OSError as error:
                if error.errno in NO_ROOM:
                    time.sleep(GATHER_SECONDS)
                elif error.errno not in NOT_NOW:
                    raise
                return
            conn = Connection(self.cfg, plug, client, listener.getsockname(), self.largest)
            self.nr_conns += 1
            self.addresses[conn.address] += 1
            self.poller.register(plug, EVENT_READ, partial(self.on_arriving, conn))
            if self._too_many(conn.address):
                self._turn_away(conn, wire.answer(429))
                continue
            self.arriving.add(conn)
            self.on_arriving(conn)

    def _too_many(self, address: str) -> bool:
        """Has an address more connections than it may have, each with a request in it? One without a head gives way.

        So who opens many and says nothing loses them, and nobody else behind the same address notices.
        """
        if not address or not 0 < self.per_address < self.addresses[address]:
            return False
        mute = [conn for conn in self.arriving if conn.address == address and conn.arrival.body is None]
        if not mute:
            return True
        first = min(mute, key=lambda conn: (conn.number > 1, conn.until))  # not who was served before
        with suppress(OSError):
            first.plug.send(wire.answer(429))
        self._forget(first)
        return False

    def on_arriving(self, conn: Connection, plug: socket.socket | None = None) -> None:
        """Reads what has come of a request, and hands it to a thread once it is whole."""
        if conn not in self.arriving:  # it gave way to another that came at the same moment
            return None
        try:
            for _ in range(PIECES):
                data, conn.begun = conn.begun or conn.plug.recv(CHUNK), b""
                if not data:
                    return self._forget(conn)
                conn.arrival.take(data)
                if not self._goes_on(conn) or conn.arrival.whole:
                    return None
        except BlockingIOError:
            return None
        except ConnectionError:
            return self._forget(conn)
        except Exception as error:
            status = wire.status_of(error)
            if status == 500:
                self.log.exception("A request could not be read")
            self._turn_away(conn, wire.answer(status))
        return None

    def _goes_on(self, conn: Connection) -> bool:
        """Asks the application as soon as the head is here, and again once all is: only then is a place taken."""
        if conn.arrival.request is None:
            return True
        if not conn.looked:
            conn.looked = True
            if not conn.arrival.whole:
                if answer := self.refusal(conn.arrival.line, False):
                    return self._refuse(conn, answer)
                if conn.arrival.expects_word():
                    conn.plug.send(CONTINUE)
        if not conn.arrival.whole:
            return True
        if answer := self.refusal(conn.arrival.line, True):
            return self._refuse(conn, answer)
        conn.arrival.expects_word()
        self.arriving.discard(conn)
        self.poller.unregister(conn.plug)
        self.enqueue_req(conn)
        return True

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """A thread is done: what is left of its answer is sent, then the connection goes on or ends."""
        conn.keep = bool(not fs.cancelled() and not fs.exception() and fs.result()) and self.alive
        conn.arrival.close()
        conn.departing = conn.taken = time.monotonic()
        self.departing.add(conn)
        self.poller.register(conn.plug, EVENT_WRITE, partial(self.on_departing, conn))
        self.on_departing(conn)

    def on_departing(self, conn: Connection, plug: socket.socket | None = None) -> None:
        try:
            if conn.sock.flush():
                conn.taken = time.monotonic()
        except OSError:
            return self._forget(conn)
        if not conn.sock.empty:
            return None
        self.departing.discard(conn)
        if not conn.keep:
            return self._leave(conn)
        conn.sock.close()
        conn.until = time.monotonic() + self.cfg.keepalive
        conn.next_request(conn.arrival.rest)
        self.arriving.add(conn)
        self.poller.modify(conn.plug, EVENT_READ, partial(self.on_arriving, conn))
        if conn.begun:
            self.on_arriving(conn)
        return None

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What broke outside the application, on a thread."""
        self.log.error("Error handling a request", exc_info=exc)
        with suppress(OSError):
            client.sendall(wire.answer(wire.status_of(exc)))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Looks up now and then: gunicorn, once told to stop, would wait for as long as answers may take, though no
        connection is open but idle ones whose time is over. Those to be refused it lets gather, since each time that it
        wakes, a thread at work has to stop; but not while somebody who is not refused sends."""
        if time.monotonic() < self.gathering and not any(conn.looked for conn in self.arriving):
            time.sleep(GATHER_SECONDS)
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS))

    def murder_keepalived(self) -> None:
        """Ends what is late, twice a second."""
        now = time.monotonic()
        if now < self.swept + LOOK_SECONDS:
            return
        self.swept = now
        for conn in [conn for conn in self.arriving if conn.arrival.late(now)]:
            self._turn_away(conn, wire.answer(408))
        full = self.nr_conns >= self.worker_connections
        for conn in [conn for conn in self.arriving if not conn.arrival.began]:
            if now > conn.until or (full and conn.number > 1):
                self._forget(conn)
        for conn in [conn for conn in self.departing if conn.late(now)]:
            self._forget(conn)
        for _, conn in [given_up for given_up in self.leaving.values() if given_up[0] < now]:
            self._forget(conn)

    def murder_pending(self) -> None:
        """None is pending that is not arriving."""

    def notify(self) -> None:
        """A sign of life a second is enough; the loop turns a few times for each refusal."""
        if (now := time.monotonic()) > self.notified + LOOK_SECONDS:
            self.notified = now
            super().notify()

    def _refuse(self, conn: Connection, answer: bytes) -> bool:
        self.gathering = time.monotonic() + OVERLOAD_SECONDS
        self._turn_away(conn, answer)
        return False

    def _turn_away(self, conn: Connection, answer: bytes) -> None:
        """Answers, then throws away what is still sent: closed before, a connection would lose the answer."""
        self.arriving.discard(conn)
        with suppress(OSError):
            conn.plug.send(answer)
        self._leave(conn)

    def _leave(self, conn: Connection) -> None:
        with suppress(OSError):
            conn.plug.shutdown(socket.SHUT_WR)
        self.leaving[conn.plug] = time.monotonic() + LINGER_SECONDS, conn
        self.poller.modify(conn.plug, EVENT_READ, partial(self._drain, conn))
        self._drain(conn)

    def _drain(self, conn: Connection, plug: socket.socket | None = None) -> None:
        try:
            if conn.plug.recv_into(self.sink):
                return
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            pass
        self._forget(conn)

    def _forget(self, conn: Connection) -> None:
        self.poller.unregister(conn.plug)
        self.arriving.discard(conn)
        self.departing.discard(conn)
        self.leaving.pop(conn.plug, None)
        self.nr_conns -= 1
        self.addresses[conn.address] -= 1
        if not self.addresses[conn.address]:
            del self.addresses[conn.address]
        conn.shut()
