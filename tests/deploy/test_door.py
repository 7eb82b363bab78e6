"""What is refused is answered by the loop that accepts connections: a real gunicorn, a small application."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

APPLICATION = """
import pathlib, threading

class Application:
    def __call__(self, environ, start_response):
        pathlib.Path(f"{environ['PATH_INFO'].strip('/')}.{threading.get_ident()}").touch()
        data = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"%04d" % len(data)]

    def refusal(self, head):
        if head.startswith(b"POST /photos ") and pathlib.Path("full").exists():
            return b"HTTP/1.1 503 Busy\\r\\nContent-Length: 4\\r\\nConnection: close\\r\\n\\r\\nbusy"

application = Application()
"""
CONFIGURATION = """
from stickersnap.api import door
door.LINGER_SECONDS = 1.0
bind = "127.0.0.1:{port}"
worker_class = "stickersnap.api.door.DoorWorker"
threads = 2
keepalive = 5
control_socket_disable = True
"""


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
def web(tmp_path, free_port, wait_until):
    port = free_port()
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "configuration.py").write_text(CONFIGURATION.format(port=port))
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


def test_a_hundred_at_once_are_refused_while_both_threads_are_kept_waiting(web, wait_until):
    slow = [web.plug(), web.plug()]
    for plug in slow:  # each holds a thread, which waits for the rest
        plug.sendall(b"POST /photos HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nphoto")
    wait_until(lambda: len(list(web.folder.glob("photos.*"))) == 2)
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
    for plug in slow:
        plug.sendall(b"done")
        assert plug.recv(100).startswith(b"HTTP/1.1 200 OK")
        plug.close()


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
