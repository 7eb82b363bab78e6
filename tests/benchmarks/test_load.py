"""The load generator's arithmetic, and its patience with a slow server."""

import importlib.util
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def load():
    spec = importlib.util.spec_from_file_location("benchmarks_load", Path(__file__).with_name("load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("share", "value"), [(0, 10), (0.5, 30), (0.95, 48), (1, 50), (0.25, 20)])
def test_percentiles_lie_between_neighbours(load, share: float, value: float) -> None:
    assert load.percentile([50, 20, 10, 40, 30], share) == pytest.approx(value)


def test_there_is_no_percentile_of_nothing(load) -> None:
    assert math.isnan(load.percentile([], 0.5))


def test_a_summary_counts_right_answers_refusals_and_failures_apart(load) -> None:
    answers = [
        load.Answer(due=0.0, done=0.2, status=200, right=True, stages={"network": 30.0}),
        load.Answer(due=1.0, done=1.4, status=200, right=True, stages={"network": 50.0}),
        load.Answer(due=2.0, done=2.01, status=503, right=False, stages={}),
        load.Answer(due=3.0, done=3.5, status=200, right=False, stages={}),
        load.Answer(due=4.0, done=64.0, status=0, right=False, stages={}),
    ]
    said = load.summary(answers, seconds=5.0)
    assert (said["visits"], said["right"], said["refused"], said["failed"]) == (5, 2, 1, 2)
    assert said["goodput"] == pytest.approx(2 / 5)
    assert said["p50"] == pytest.approx(300)
    assert said["refused_p50"] == pytest.approx(10)
    assert said["stages"] == {"network": 40.0}


def test_emptying_the_queue_afterwards_is_no_goodput(load) -> None:
    answers = [load.Answer(due=n / 10, done=float(n), status=200, right=True, stages={}) for n in range(21)]
    assert load.summary(answers, seconds=2.1)["goodput"] == pytest.approx(21 / 20)


def test_server_timing_is_summed_by_stage(load) -> None:
    assert load.stages("decode;dur=1.5, network;dur=20.0, decode;dur=2.5") == {"decode": 4.0, "network": 20.0}
    assert load.stages("") == {}


class Slow(BaseHTTPRequestHandler):
    """Answers one request at a time, each after 0.2 s, as a 2020 service would."""

    protocol_version = "HTTP/1.1"
    turn = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.turn:
            time.sleep(0.2)
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"\x89PNG\r\n\x1a\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def slow(tmp_path: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"photo")
    where = {"url": f"http://127.0.0.1:{server.server_port}", "road": "call", "path": "/", "field": "data"}
    yield {**where, "magic": "PNG", "photos": [str(photo)]}
    server.shutdown()
    server.server_close()


def test_those_who_were_kept_waiting_count_from_when_they_were_due(load, slow) -> None:
    answers = load.Run({**slow, "rate": 20, "visits": 5}).go()
    assert [round(answer.due, 2) for answer in sorted(answers, key=lambda a: a.due)] == [0, 0.05, 0.1, 0.15, 0.2]
    assert all(answer.right for answer in answers)
    # The fifth was due at 0.2 s and served from 0.8 s on: it waited for the other four as well.
    assert max(answer.done - answer.due for answer in answers) >= 0.79


def test_a_crowd_comes_as_often_as_it_may(load, slow) -> None:
    answers = load.Run({**slow, "crowd": 2, "visits": 4}).go()
    assert len(answers) == 4


def test_a_server_that_is_away_is_a_failure(load, slow) -> None:
    answers = load.Run({**slow, "url": "http://127.0.0.1:9", "rate": 50, "visits": 2}).go()
    assert [answer.status for answer in answers] == [0, 0]
