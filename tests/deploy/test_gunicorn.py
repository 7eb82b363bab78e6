"""deploy/gunicorn.conf.py, read by a real gunicorn."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

APPLICATION = """
import pathlib, threading

meeting = threading.Barrier(2, timeout=50)

def application(environ, start_response):
    if environ["PATH_INFO"] == "/meet":
        meeting.wait()
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path("asked").touch()
        while not pathlib.Path("go-on").exists():
            threading.Event().wait(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['wsgi.multithread']} {environ['wsgi.multiprocess']}".encode()]
"""


def _environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WEB_")} | variables


@pytest.fixture
def command(root) -> list[str]:
    gunicorn = [sys.executable, "-m", "gunicorn", "application:application"]
    return [*gunicorn, "--config", str(root / "deploy/gunicorn.conf.py")]


@pytest.fixture
def web(command, tmp_path, free_port, wait_until):
    """A gunicorn with the deployed settings and a small application: (process, address)."""
    (tmp_path / "application.py").write_text(APPLICATION)
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("w") as log:
        environment = _environment(WEB_BIND=address, WEB_THREADS="2", WEB_GRACEFUL_TIMEOUT="600")
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log)
    wait_until(lambda: process.poll() is not None or _read(f"http://{address}/") is not None)
    yield process, f"http://{address}"
    process.terminate()
    process.wait()


def _read(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=50) as answer:
            return answer.read()
    except urllib.error.URLError:
        return None


def test_one_process_answers_with_many_threads(web):
    _, address = web
    answers: list[bytes | None] = []
    both = [threading.Thread(target=lambda: answers.append(_read(f"{address}/meet"))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert answers == [b"True False"] * 2


def test_an_answer_under_way_survives_a_stop(web, tmp_path, wait_until):
    process, address = web
    answers: list[bytes | None] = []
    slow = threading.Thread(target=lambda: answers.append(_read(f"{address}/slow")))
    slow.start()
    wait_until((tmp_path / "asked").exists)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in (tmp_path / "log").read_text())
    (tmp_path / "go-on").touch()
    slow.join()
    assert answers == [b"True False"]
    assert process.wait() == 0


def test_connections_that_nobody_uses_do_not_hold_up_a_stop(web):
    process, address = web
    with contextlib.closing(http.client.HTTPConnection(address.removeprefix("http://"))) as idle:
        idle.request("GET", "/")
        assert idle.getresponse().read() == b"True False"
        process.terminate()
        assert process.wait(120) == 0, "it waits for those whose answers are under way, for up to 600 s here"


@pytest.mark.parametrize(("name", "value"), [("WEB_THREADS", "many"), ("WEB_THREADS", "0"), ("WEB_TIMEOUT", "-1")])
def test_a_strange_value_is_refused_by_name(command, tmp_path, name, value):
    (tmp_path / "application.py").write_text(APPLICATION)
    done = subprocess.run(
        [*command, "--check-config"], cwd=tmp_path, env=_environment(**{name: value}), capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"{name}={value!r} must be a whole number" in done.stderr
