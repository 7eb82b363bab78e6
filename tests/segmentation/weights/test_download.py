"""A download is whole and as pinned, or refused with a sentence, whatever the other side does."""

import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from segmentation.weights import download
from segmentation.weights.download import DownloadError, Patience, Wanted, fetch

BODY = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
QUICK = Patience(connect=5, read=1, tries=3, backoff=0.01, rate=1000, slow=0.3)
PAGE = b"<!DOCTYPE html><html><body>Too many requests</body></html>"

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers one request after another as the test's script says; the last answer is given again and again."""

    def do_GET(self) -> None:
        script = self.server.script
        self.server.asked.append(dict(self.headers))
        answer = script.pop(0) if len(script) > 1 else script[0]
        answer(self)
        self.close_connection = True

    def start(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def whole(body: bytes = BODY, etag: str = '"one"') -> Answer:
    """Everything, range or not."""

    def answer(to: Handler) -> None:
        to.start(200, Content_Length=len(body), ETag=etag)
        to.wfile.write(body)

    return answer


def ranged(body: bytes = BODY, etag: str = '"one"') -> Answer:
    """As RFC 9110 wants it: the part that was asked for, or everything where the validator is another."""

    def answer(to: Handler) -> None:
        asked = to.headers.get("Range")
        if asked is None or to.headers.get("If-Range") != etag:
            return whole(body, etag)(to)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        rest = body[start:]
        to.start(206, Content_Length=len(rest), ETag=etag, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        to.wfile.write(rest)
        return None

    return answer


def cut(after: int, body: bytes = BODY, etag: str = '"one"') -> Answer:
    """Promises everything (or the part that was asked for), and hangs up after some bytes."""

    def answer(to: Handler) -> None:
        start = int(to.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        span = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        to.start(206 if start else 200, Content_Length=len(body) - start, ETag=etag, **span)
        to.wfile.write(body[start : start + after])
        to.wfile.flush()
        to.connection.shutdown(socket.SHUT_RDWR)

    return answer


def status(code: int) -> Answer:
    return lambda to: to.start(code, Content_Length=0)


def html(to: Handler) -> None:
    to.start(200, Content_Type="text/html; charset=utf-8", Content_Length=len(PAGE))
    to.wfile.write(PAGE)


def disguised(to: Handler) -> None:
    to.start(200, Content_Type="application/octet-stream", Content_Length=len(PAGE))
    to.wfile.write(PAGE)


def endless(to: Handler) -> None:
    to.start(200, Content_Type="application/octet-stream")
    try:
        while True:
            to.wfile.write(bytes(10_000))
    except OSError:
        pass


def dripping(to: Handler) -> None:
    to.start(200, Content_Length=len(BODY))
    try:
        for value in BODY[:200]:
            to.wfile.write(bytes([value]))
            to.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def silent(to: Handler) -> None:
    to.start(200, Content_Length=len(BODY))
    to.wfile.write(BODY[:1000])
    to.wfile.flush()
    to.server.released.wait(10)


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.script, made.asked, made.released = [whole()], [], threading.Event()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield SimpleNamespace(
        url=f"http://127.0.0.1:{made.server_port}/net.onnx",
        asked=made.asked,
        answers=lambda *script: made.script.__setitem__(slice(None), script),
    )
    made.released.set()
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def wanted(server: SimpleNamespace) -> Wanted:
    return Wanted(server.url, {"sha256": hashlib.sha256(BODY).hexdigest()}, most=400_000, size=len(BODY))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "net.onnx"


def left(target: Path) -> list[str]:
    return sorted(p.name for p in target.parent.iterdir())


def refused(wanted: Wanted, target: Path, words: str) -> None:
    with pytest.raises(DownloadError, match=words):
        fetch(wanted, target, patience=QUICK)
    assert not target.exists()


def test_a_file_comes_whole_with_its_progress_and_is_not_fetched_twice(server, wanted, target):
    told = []
    assert fetch(wanted, target, lambda done, total: told.append((done, total)), QUICK) == target
    assert target.read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert left(target) == ["net.onnx"]
    fetch(wanted, target, patience=QUICK)
    assert len(server.asked) == 1
    target.write_bytes(b"damaged")
    assert fetch(wanted, target, patience=QUICK).read_bytes() == BODY


def test_a_cut_connection_is_resumed_where_it_broke(server, wanted, target):
    server.answers(cut(100_000), cut(50_000), ranged())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY
    assert [headers.get("Range") for headers in server.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert server.asked[2]["If-Range"] == '"one"'


def test_what_came_is_kept_for_the_next_time(server, wanted, target):
    server.answers(cut(100_000), status(503))
    refused(wanted, target, "3 tries .*100,000 bytes are kept")
    assert left(target) == ["net.onnx.part", "net.onnx.part.json"]
    server.answers(ranged())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY
    assert server.asked[-1]["Range"] == "bytes=100000-"


def test_a_server_that_ignores_ranges_starts_over(server, wanted, target):
    server.answers(cut(100_000), whole())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY


def test_a_file_that_changed_between_two_pieces_is_taken_anew(server, wanted, target):
    server.answers(cut(100_000, OTHER, '"old"'), ranged(BODY, '"new"'))
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY
    assert server.asked[1]["If-Range"] == '"old"'


def test_pieces_of_two_files_are_noticed_and_taken_anew(server, wanted, target):
    server.answers(cut(100_000, OTHER), cut(len(BODY), BODY), whole())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY
    assert [headers.get("Range") for headers in server.asked] == [None, "bytes=100000-", None]


def test_a_weak_etag_is_not_used_to_resume(server, wanted, target):
    server.answers(cut(100_000, etag='W/"weak"'), whole())
    fetch(wanted, target, patience=QUICK)
    assert "If-Range" not in server.asked[1]


def test_an_unsatisfiable_range_starts_over(server, wanted, target):
    server.answers(cut(100_000), status(416), whole())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY


def test_the_wrong_part_is_refused(server, wanted, target):
    def shifted(to):
        to.start(206, Content_Length=10, Content_Range=f"bytes 5-14/{len(BODY)}")
        to.wfile.write(BODY[5:15])

    server.answers(cut(100_000), shifted)
    refused(wanted, target, "another part")


@pytest.mark.parametrize("page", [html, disguised])
def test_a_page_with_status_200_is_no_file(server, wanted, target, page):
    server.answers(page)
    unknown = Wanted(wanted.url, wanted.digests, wanted.most)
    refused(unknown, target, "HTML page")
    assert len(server.asked) == 1, "asking again would bring the same page"


def test_being_sent_on_to_a_page_is_said(server, wanted, target):
    server.answers(lambda to: to.start(302, Location="/login", Content_Length=0), html)
    refused(wanted, target, r"HTML page.*sent on to http://127.0.0.1:\d+/login")


def test_wrong_bytes_are_refused_with_both_digests_and_nothing_is_kept(server, wanted, target):
    server.answers(whole(OTHER))
    refused(wanted, target, f"{hashlib.sha256(OTHER).hexdigest()}, expected was {hashlib.sha256(BODY).hexdigest()}")
    assert left(target) == []


def test_a_shorter_file_than_pinned_is_refused_from_its_header(server, wanted, target):
    server.answers(whole(BODY[:5000]))
    refused(wanted, target, "5,000 bytes, pinned are 300,000")


def test_a_short_file_of_unknown_length_fails_by_its_digest(server, wanted, target):
    server.answers(whole(BODY[:5000]))
    refused(Wanted(wanted.url, wanted.digests, wanted.most), target, "5,000 bytes with the sha256")


def test_an_endless_body_is_stopped(server, wanted, target):
    server.answers(endless)
    refused(wanted, target, "more than 300,000 bytes")
    refused(Wanted(wanted.url, wanted.digests, most=400_000), target, "more than 400,000 bytes")
    assert left(target) in ([], ["net.onnx.part.json"])


def test_a_file_that_says_it_is_too_long_is_not_even_begun(server, wanted, target):
    server.answers(whole(BODY * 2))
    refused(Wanted(wanted.url, wanted.digests, most=400_000), target, "600,000 bytes, more than 400,000")


@pytest.mark.parametrize(("slow", "words"), [(dripping, "only .* bytes came in"), (silent, "nothing came for too")])
def test_a_body_that_hardly_moves_counts_as_broken(server, wanted, target, slow, words):
    server.answers(slow)
    refused(wanted, target, words)
    server.answers(slow, ranged())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY


def test_what_is_not_there_is_said_at_once(server, wanted, target):
    server.answers(status(404))
    refused(wanted, target, "answered 404")
    assert len(server.asked) == 1


def test_a_server_error_is_tried_again(server, wanted, target):
    server.answers(status(500), status(502), whole())
    fetch(wanted, target, patience=QUICK)
    assert target.read_bytes() == BODY


def test_nobody_there_is_said(target):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/net.onnx"
        refused(Wanted(url, {}, 10), target, r"could not be had in 3 tries \(no connection\): try again later\.")
    refused(Wanted("nonsense", {}, 10), target, "check the address")


def test_a_disk_without_room_is_said_before_anything_is_written(server, wanted, target, monkeypatch):
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: full)
    refused(wanted, target, "1,000 bytes free.*make room")
    assert left(target) == []


def test_two_downloads_do_not_write_into_each_other(server, wanted, target):
    target.parent.mkdir()
    with download.alone(target.parent):
        refused(wanted, target, "Another download is under way")
    fetch(wanted, target, patience=QUICK)
    assert target.exists()


def test_a_part_of_another_address_is_not_built_upon(server, wanted, target):
    server.answers(cut(100_000), status(404))
    refused(wanted, target, "404")
    server.answers(ranged())
    moved = Wanted(wanted.url + "?v=2", wanted.digests, wanted.most, wanted.size)
    fetch(moved, target, patience=QUICK)
    assert "Range" not in server.asked[-1]
    assert target.read_bytes() == BODY
