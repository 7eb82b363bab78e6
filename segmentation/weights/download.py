"""Fetches one big file over HTTP, whole and as pinned, or not at all.

What arrives is kept in `<name>.part` with a note of what it is part of, so that a broken download goes on where it
broke (RFC 9110, Range and If-Range), also after a restart. Nothing bears the final name before its digest is right.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import requests
import urllib3

CHUNK = 1 << 16
MARGIN = 64_000_000  # bytes of disk to be left over
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
PAGE_STARTS = (b"<!doctype", b"<html", b"<head", b"<?xml")
BROKEN = (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError)

Progress = Callable[[int, int | None], None]


class DownloadError(Exception):
    """The file could not be had; the message says what was expected, what came, and what to do."""


class Broken(Exception):
    """The transfer broke; it may be tried again."""


@dataclass(frozen=True)
class Wanted:
    """A file as it is pinned. `size` is exact where it is known; never more than `most` bytes are taken."""

    url: str
    digests: Mapping[str, str]
    most: int
    size: int | None = None


@dataclass(frozen=True)
class Patience:
    """How long to wait. Seconds, but for `tries` in a row that brought next to nothing, and `rate`, bytes a second.

    A transfer slower than `rate` over `slow` seconds counts as broken.
    """

    connect: float = 10.0
    read: float = 30.0
    tries: int = 5
    backoff: float = 1.0
    rate: float = 1024.0
    slow: float = 60.0


def fetch(
    wanted: Wanted, target: Path, progress: Progress = lambda done, total: None, patience: Patience | None = None
) -> Path:
    """Downloads to `target` and answers it; one that is there already, as pinned, is left alone.

    `progress` is told (bytes there, bytes in all or None). Raises DownloadError, and OSError where the disk fails.
    """
    if target.exists() and not faults(target, wanted.digests):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with alone(target.parent):
        resumed = complete(wanted, part, progress, patience or Patience())
        wrong = faults(part, wanted.digests)
        if wrong and resumed:  # pieces of two different files may have met: once more from the start
            forget(part)
            complete(wanted, part, progress, patience or Patience())
            wrong = faults(part, wanted.digests)
        if wrong:
            refuse_part(wanted, part, wrong)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        note_of(part).unlink(missing_ok=True)
    return target


def refuse_part(wanted: Wanted, part: Path, wrong: str) -> NoReturn:
    """Throws the part away and says what it was."""
    with part.open("rb") as file:
        start = file.read(16)
    size = part.stat().st_size
    forget(part)
    if is_page(start):
        raise a_page(wanted, wanted.url)
    raise DownloadError(f"{wanted.url} answered {size:,} bytes with {wrong}: not these weights, nothing is kept.")


def faults(path: Path, digests: Mapping[str, str]) -> str:
    """Which digest of a file is another than pinned, and what was expected; empty where all are right."""
    for algorithm, expected in digests.items():
        with path.open("rb") as file:
            # MD5 where nothing better was ever published; it guards against accidents, the address against the rest.
            found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()  # noqa: B023
        if found != expected:
            return f"the {algorithm} {found}, expected was {expected}"
    return ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock. DownloadError where another process has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadError("Another download is under way on this machine: wait for it.") from error
        yield
    finally:
        os.close(handle)


def note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    note_of(part).unlink(missing_ok=True)


def complete(wanted: Wanted, part: Path, progress: Progress, patience: Patience) -> bool:
    """Brings the part file to its end, with as many requests as that takes; was it put together from several?"""
    tries = 0
    while True:
        before = length(part)
        try:
            return request(wanted, part, progress, patience)
        except (Broken, *BROKEN) as error:
            tries = 1 if length(part) >= before + CHUNK else tries + 1
            if tries >= patience.tries:
                kept = f", {length(part):,} bytes are kept" if length(part) else ""
                raise DownloadError(
                    f"{wanted.url} could not be had in {tries} tries ({reason(error)}): try again later{kept}."
                ) from error
            time.sleep(min(60.0, patience.backoff * 2 ** (tries - 1)))
        except requests.RequestException as error:
            raise DownloadError(f"{wanted.url} cannot be asked ({reason(error)}): check the address.") from error


def length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def reason(error: Exception) -> str:
    if isinstance(error, Broken):
        return str(error)
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "nothing came for too long"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__


def request(wanted: Wanted, part: Path, progress: Progress, patience: Patience) -> bool:
    """One request that ends the part file; did it build upon what was there? Raises Broken, DownloadError."""
    have, validator = already(wanted, part)
    if wanted.size is not None and have == wanted.size:
        return True
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator:
            headers["If-Range"] = validator
    timeout = (patience.connect, patience.read)
    with requests.get(wanted.url, headers=headers, stream=True, timeout=timeout) as answer:
        if answer.status_code == 416:
            forget(part)
            raise Broken("what was there was no part of the file any more")
        refuse_status(wanted, answer)
        start = have if answer.status_code == 206 else 0
        total = total_of(wanted, answer, start)
        room(wanted, part, total, start)
        keep_note(wanted, part, answer)
        receive(wanted, answer, part, start, total, progress, patience)
    return start > 0


def already(wanted: Wanted, part: Path) -> tuple[int, str]:
    """(bytes that are there, the validator they came with). A part of another address is thrown away."""
    try:
        note = json.loads(note_of(part).read_bytes())
        have = part.stat().st_size
    except (OSError, ValueError):
        note, have = {}, 0
    if not isinstance(note, dict) or note.get("url") != wanted.url or not 0 < have <= (wanted.size or wanted.most):
        forget(part)
        return 0, ""
    return have, str(note.get("validator", ""))


def keep_note(wanted: Wanted, part: Path, answer: requests.Response) -> None:
    etag = answer.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else ""  # a weak one must not stand in If-Range
    note = {"url": wanted.url, "validator": strong or answer.headers.get("Last-Modified", "")}
    note_of(part).write_text(json.dumps(note))


def refuse_status(wanted: Wanted, answer: requests.Response) -> None:
    """Broken for an answer that may be better next time, DownloadError for one that will not."""
    if answer.status_code in AGAIN:
        raise Broken(f"it answered {answer.status_code}")
    if answer.status_code not in (200, 206):
        raise DownloadError(f"{wanted.url} answered {answer.status_code} {answer.reason}: is the file still there?")
    if wanted.url.startswith("https:") and not answer.url.startswith("https:"):
        raise DownloadError(
            f"{wanted.url} sent on to {answer.url}, which is not encrypted: nothing is taken from there."
        )
    if answer.headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml")):
        raise a_page(wanted, answer.url)


def is_page(start: bytes) -> bool:
    return start.lstrip().lower().startswith(PAGE_STARTS)


def a_page(wanted: Wanted, url: str) -> DownloadError:
    """What to say of an HTML page, which some hosts send in place of the file, even with status 200."""
    where = "" if url == wanted.url else f" (sent on to {url})"
    return DownloadError(
        f"{wanted.url} answered with an HTML page, not with the file{where}. "
        "Open the address in a browser, save the file and use `manage.py weights import FILE`."
    )


def total_of(wanted: Wanted, answer: requests.Response, start: int) -> int | None:
    """How long the whole file is, by the answer's headers. DownloadError where that is not as pinned."""
    total = None
    if answer.status_code == 206:
        unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
        span, _, whole = rest.partition("/")
        if unit != "bytes" or span.partition("-")[0] != str(start):
            raise DownloadError(f"{wanted.url} sent another part than asked for ({unit} {rest}): try again later.")
        total = int(whole) if whole.isdigit() else None
    elif answer.headers.get("Content-Length", "").isdigit():
        total = int(answer.headers["Content-Length"])
    if total is not None and wanted.size is not None and total != wanted.size:
        raise DownloadError(f"{wanted.url} has {total:,} bytes, pinned are {wanted.size:,}: it is another file.")
    if total is not None and total > wanted.most:
        raise DownloadError(f"{wanted.url} has {total:,} bytes, more than {wanted.most:,}: it is another file.")
    return total if total is not None else wanted.size


def room(wanted: Wanted, part: Path, total: int | None, start: int) -> None:
    """DownloadError where the disk has no room for the rest of the file."""
    missing = (total or wanted.most) - start + MARGIN
    free = shutil.disk_usage(part.parent).free
    if free < missing:
        raise DownloadError(f"{part.parent} has {free:,} bytes free, {missing:,} are needed: make room there.")


def receive(
    wanted: Wanted,
    answer: requests.Response,
    part: Path,
    start: int,
    total: int | None,
    progress: Progress,
    patience: Patience,
) -> None:
    """Writes the body behind the first `start` bytes. Broken: it ended early; DownloadError: it is another file."""
    limit = total if total is not None else wanted.most
    done = start
    watch = Slowness(patience, done)
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        while chunk := answer.raw.read1(CHUNK, decode_content=False):  # what is there, without waiting for more
            if done == 0 and is_page(chunk[:64]):
                raise a_page(wanted, answer.url)
            if done + len(chunk) > limit:
                forget(part)
                raise DownloadError(f"{wanted.url} sends more than {limit:,} bytes: it is another file.")
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
            watch.look(done)
    if total is not None and done < total:
        raise Broken(f"it ended after {done:,} of {total:,} bytes")


class Slowness:
    """Notices a transfer that goes on, but far too slowly to ever end."""

    def __init__(self, patience: Patience, done: int) -> None:
        self.patience, self.done, self.since = patience, done, time.monotonic()

    def look(self, done: int) -> None:
        """Broken when fewer bytes came than `rate` asks for, over `slow` seconds."""
        passed = time.monotonic() - self.since
        if passed < self.patience.slow:
            return
        if done - self.done < self.patience.rate * passed:
            raise Broken(f"only {done - self.done:,} bytes came in {passed:.0f} s")
        self.done, self.since = done, time.monotonic()
