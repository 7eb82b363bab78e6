"""Threads see whole requests that are let in, all else is done by the loop: a real gunicorn, a small application."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

APPLICATION = """
import json, pathlib, threading

class Application:
    largest_body = 30_000_000

    def __call__(self, environ, start_response):
        pathlib.Path(f"{environ['PATH_INFO'].strip('/')}.{threading.get_ident()}").touch()
        data = environ["wsgi.input"].read()
        body = b"%04d" % len(data)
        if environ["PATH_INFO"] == "/much":
            body = bytes(range(250)) * 80_000
        if environ["PATH_INFO"] == "/environ":
            body = json.dumps({name: value for name, value in environ.items() if isinstance(value, str)}).encode()
        if environ["PATH_INFO"] == "/broken":
            raise ValueError("broken")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def refusal(self, head, enter):
        if enter:
            pathlib.Path("let-in").touch()
        if head.startswith(b"POST /photos ") and pathlib.Path("full").exists():
            return b"HTTP/1.1 503 Busy\\r\\nContent-Length: 4\\r\\nConnection: close\\r\\n\\r\\nbusy"

application = Application()
"""
CONFIGURATION = """
from stickersnap.api import arrival, door
door.LINGER_SECONDS = 1.0
bind = "127.0.0.1:{port}"
worker_class = "stickersnap.api.door.DoorWorker"
threads = 2
keepalive = 5
control_socket_disable = True
"""
HURRIED = "arrival.HEAD_SECONDS = arrival.GRACE_SECONDS = 0.2\n"
IDLE = "arrival.IDLE_SECONDS = 0.2\n"
BOUNDED = "def post_worker_init(worker):\n    worker.per_address = 3\n"


class Web:
    """A gunicorn with a door, and whether it is full."""

    def __init__(self, folder, port: int) -> None:
        self.folder, self.port = folder, port

    def fill(self) -> None:
        (self.folder / "full").touch()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def plug(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None):
    """(status, body) of one request."""
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def web(request, tmp_path, free_port, wait_until):
    """`web`'s parameter is added to the configuration."""
    port = free_port()
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "configuration.py").write_text(CONFIGURATION.format(port=port) + getattr(request, "param", ""))
    command = [sys.executable, "-m", "gunicorn", "application:application", "--config", "configuration.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env=dict(os.environ))

    def answers() -> bool:
        try:
            return asked(web.connect(), "GET", "/") == (200, b"0000")
        except OSError:
            return False

    web = Web(tmp_path, port)
    wait_until(lambda: process.poll() is not None or answers())
    yield web
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_what_is_not_refused_is_let_in(web):
    assert asked(web.connect(), "POST", "/photos", b"photo") == (200, b"0005")
    web.fill()
    assert asked(web.connect(), "POST", "/other", b"photo") == (200, b"0005")
    assert asked(web.connect(), "GET", "/photos") == (200, b"0000")


def test_a_refusal_reaches_a_client_that_still_sends(web):
    web.fill()
    assert asked(web.connect(), "POST", "/photos", b"p" * 20_000_000) == (503, b"busy")


def test_a_connection_that_was_kept_is_refused_as_well(web):
    connection = web.connect()
    assert asked(connection, "POST", "/photos", b"photo") == (200, b"0005")
    web.fill()
    assert asked(connection, "POST", "/photos", b"photo") == (503, b"busy")


def test_a_hundred_at_once_are_refused(web):
    web.fill()
    answers: list[tuple[int, bytes]] = []
    visitors = [
        threading.Thread(target=lambda: answers.append(asked(web.connect(), "POST", "/photos", b"p" * 100_000)))
        for _ in range(100)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert answers == [(503, b"busy")] * 100


SLOW = {
    "half a head": b"POST /photos HTTP/1.1\r\nHost: here\r\n",
    "a first line": b"POST / HTTP/1.1\r\n",
    "a body that never comes": b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n",
    "half a body": b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nphoto",
    "half a chunk": b"POST /photos HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nphoto",
    "nobody who reads": b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_slow_clients_hold_no_thread(web, sent):
    slow = [web.plug() for _ in range(40)]
    for plug in slow:
        plug.sendall(sent)
    assert asked(web.connect(), "POST", "/photos", b"photo") == (200, b"0005")
    for plug in slow:
        plug.close()
    assert asked(web.connect(), "GET", "/") == (200, b"0000")


def test_a_place_is_taken_by_whole_requests_alone(web, wait_until):
    for sent in list(SLOW.values())[:5]:
        (web.folder / "let-in").unlink(missing_ok=True)
        with web.plug() as plug:
            plug.sendall(sent)
            plug.sendall(b"")
            assert asked_without_entering(web)
    assert not (web.folder / "let-in").exists()


def asked_without_entering(web) -> bool:
    """An answer to something that comes later, so that what came before has been looked at."""
    with web.plug() as plug:
        plug.sendall(b"NONSENSE\r\n\r\n")
        return plug.recv(100).startswith(b"HTTP/1.1 400 ")


def test_what_comes_in_pieces_is_put_together(web):
    request = b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\nConnection: close\r\n\r\nall of it"
    with web.plug() as plug:
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request)):
            plug.sendall(request[at : at + 1])
        assert everything(plug).endswith(b"0009")


def test_an_answer_that_had_to_wait_comes_whole(web):
    with web.plug() as plug:
        plug.sendall(b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n" + b"GET / HTTP/1.0\r\nHost: here\r\n\r\n")
        assert asked(web.connect(), "GET", "/") == (200, b"0000")
        said = everything(plug)
    assert said.partition(b"\r\n\r\n")[2][:20_000_000] == bytes(range(250)) * 80_000
    assert said.endswith(b"0000"), "and then the next one"


def everything(plug: socket.socket) -> bytes:
    """What is said until the connection ends."""
    said = b""
    while more := plug.recv(1 << 20):
        said += more
    return said


@pytest.mark.parametrize("web", [HURRIED], indirect=True)
@pytest.mark.parametrize("sent", list(SLOW.values())[:5], ids=list(SLOW)[:5])
def test_who_is_too_slow_is_told_so(web, sent):
    with web.plug() as plug:
        plug.sendall(sent)
        head, _, body = everything(plug).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["code"] == "too_slow"


@pytest.mark.parametrize("web", [IDLE], indirect=True)
def test_who_does_not_read_is_given_up(web, wait_until):
    with web.plug() as plug:
        plug.sendall(b"GET /much HTTP/1.1\r\nHost: here\r\n\r\n")

        def given_up() -> bool:
            try:
                plug.sendall(b" ")
            except OSError:
                return True
            return False

        wait_until(given_up)


@pytest.mark.parametrize("web", [IDLE], indirect=True)
def test_who_stops_in_the_middle_is_told_so(web):
    with web.plug() as plug:
        plug.sendall(b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n\r\n" + bytes(800_000))
        assert plug.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("web", [BOUNDED], indirect=True)
def test_one_address_may_have_so_many_requests_at_once(web, wait_until):
    head = b"POST /other HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    held: list[socket.socket] = []

    def let_in() -> bool:
        """Three at once; what asked before whether the server is up may still be counted for a moment."""
        for plug in held:
            plug.close()
        held[:] = [web.plug() for _ in range(3)]
        try:
            for plug in held:
                plug.sendall(head)
            return all(plug.recv(100).startswith(b"HTTP/1.1 100 ") for plug in held)
        except OSError:
            return False

    wait_until(let_in)
    status, body = asked(web.connect(), "GET", "/")
    assert (status, json.loads(body)["code"]) == (429, "too_many_connections")
    for plug in held:
        plug.close()

    def free() -> bool:
        return asked(web.connect(), "GET", "/") == (200, b"0000")

    wait_until(free)


@pytest.mark.parametrize("web", [BOUNDED.replace("3", "30")], indirect=True)
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\n"])
def test_of_one_address_those_give_way_that_say_nothing_whole(web, said):
    held = [web.plug() for _ in range(30)]
    for plug in held:
        plug.sendall(said)
    for _ in range(3):
        assert asked(web.connect(), "POST", "/photos", b"photo") == (200, b"0005")
    assert held[0].recv(100).startswith(b"HTTP/1.1 429 ")


MISSHAPEN = {
    "no request": (b"NONSENSE\r\n\r\n", 400, "parse_error"),
    "a version to come": (b"GET / HTTP/9.1\r\nHost: here\r\n\r\n", 400, "parse_error"),
    "a small method": (b"get / HTTP/1.1\r\nHost: here\r\n\r\n", 400, "parse_error"),
    "a header without a name": (b"GET / HTTP/1.1\r\n: here\r\n\r\n", 400, "parse_error"),
    "a header with a blank": (b"GET / HTTP/1.1\r\nHost : here\r\n\r\n", 400, "parse_error"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n", 400, "parse_error"),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12", 400, "parse_error"),
    "a length that is none": (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400, "parse_error"),
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "parse_error",
    ),
    "a long address": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414, "address_too_long"),
    "a long header": (b"GET / HTTP/1.1\r\nCookie: " + b"a" * 9_000 + b"\r\n\r\n", 431, "headers_too_large"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
    "a head without end": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431, "headers_too_large"),
    "a large body": (b"POST / HTTP/1.1\r\nContent-Length: 30000001\r\n\r\n", 413, "file_too_large"),
    "a compressed transfer": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
        "unsupported_transfer_coding",
    ),
    "an unknown transfer": (b"POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", 501, "unsupported_transfer_coding"),
    "another expectation": (b"POST / HTTP/1.1\r\nExpect: tea\r\n\r\n", 417, "expectation_failed"),
    "a chunk without a size": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, "parse_error"),
    "an application that breaks": (b"GET /broken HTTP/1.1\r\nHost: here\r\n\r\n", 500, "server_error"),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_every_error_has_the_one_shape(web, name):
    sent, status, code = MISSHAPEN[name]
    with web.plug() as plug:
        plug.sendall(sent)
        head, _, body = everything(plug).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/json" in head
    said = json.loads(body)
    assert set(said) == {"code", "detail"}
    assert said["code"] == code
    assert asked(web.connect(), "GET", "/") == (200, b"0000")


def test_chunks_come_as_a_body_of_known_length(web):
    connection = web.connect()
    connection.request("POST", "/environ", (b"photo" for _ in range(300)), encode_chunked=True)
    connection_said = json.loads(connection.getresponse().read())
    assert connection_said["CONTENT_LENGTH"] == "1500"
    assert "HTTP_TRANSFER_ENCODING" not in connection_said
    connection.request("POST", "/photos", iter([b"photo"] * 300), encode_chunked=True)
    assert connection.getresponse().read() == b"1500"


def test_chunks_are_counted_while_they_come(web):
    with web.plug() as plug:
        plug.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(31):
            plug.sendall(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
        assert plug.recv(100).startswith(b"HTTP/1.1 413 ")


EXPECTING = b"POST /photos HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"


def test_who_waits_to_be_told_is_told(web):
    with web.plug() as plug:
        plug.sendall(EXPECTING)
        assert plug.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        plug.sendall(b"photo")
        assert plug.recv(1000).startswith(b"HTTP/1.1 200 OK")
    with web.plug() as plug:
        plug.sendall(EXPECTING + b"photo")
        assert plug.recv(1000).startswith(b"HTTP/1.1 200 OK"), "who did not wait need not be told"


def test_who_waits_to_be_told_need_not_send_what_is_refused(web):
    web.fill()
    with web.plug() as plug:
        plug.sendall(EXPECTING)
        assert plug.recv(100).startswith(b"HTTP/1.1 503 Busy")


def test_who_goes_on_sending_is_given_up(web):
    web.fill()
    with web.plug() as plug:
        plug.sendall(b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000\r\n\r\n")
        assert plug.recv(100).startswith(b"HTTP/1.1 503 Busy")
        assert plug.recv(100) == b"", "no more is said"

        def broken() -> bool:
            try:
                return not plug.send(b"p")
            except OSError:
                return True

        for _ in range(100):
            if broken():
                break
            threading.Event().wait(0.1)
        else:
            pytest.fail("The connection was never closed.")
    assert asked(web.connect(), "GET", "/") == (200, b"0000")


def test_who_says_nothing_costs_nothing(web):
    silent = [web.plug() for _ in range(50)]
    assert asked(web.connect(), "POST", "/photos", b"photo") == (200, b"0005")
    for plug in silent:
        plug.close()
    assert asked(web.connect(), "GET", "/") == (200, b"0000")


def test_a_request_sent_right_behind_another_is_answered(web):
    request = b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nphoto"
    with web.plug() as plug:
        plug.sendall(request * 3)
        said = b""
        while said.count(b"0005") < 3 and (more := plug.recv(1000)):
            said += more
    assert said.count(b"HTTP/1.1 200 OK") == 3
