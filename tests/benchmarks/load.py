"""An open-loop load generator: a visit begins when it is due, answered or not as the earlier ones may be.

`python load.py < plan.json > answers.json`. A plan: `url`, `road` ("call": one POST to `path` with the photo as form
`field`, answered by a picture with `magic` in its head; or "page"), `photos` (files), and either `rate`
(visits a second) or `crowd` (so many visitors, each coming back at once: only to find what the server can do), for
`seconds` or for `visits`. `paths` (path and magic each) are visited in turn instead of `path`, where there are any.
Latency is counted from when a visit was due, so a server that stalls is charged for everyone it kept waiting (no
coordinated omission).

It shares its cores with the server: one thread, plain sockets (exchange.py), every request written once beforehand.
"""

import itertools
import json
import sys
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import exchange
from exchange import Reply

PATIENCE = 60.0  # seconds until a visitor gives up
REFUSED = 503
PHOTOS, STICKERS = "/api/v1/photos/", "/api/v1/stickers/"
WISH = {"outline": True, "subject": "all", "target": "telegram"}
NO_ID = str(uuid.UUID(int=0))  # stands for the one that each visit makes for its photo

Visit = Generator[bytes, Reply, tuple[int, bool, str]]
"""Yields requests, is sent their replies, and returns a status, whether all is right, and the Server-Timing."""


@dataclass(frozen=True)
class Answer:
    """One visit: times in seconds since the run began; status 0 when there was no answer; `stages` in milliseconds."""

    due: float
    done: float
    status: int
    right: bool
    stages: dict[str, float]


def multipart(field: str, photo: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    """A form with one file, and its content type."""
    edge = "bench-7d1f0a"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
    parts.append(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{edge}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={edge}"


class Call:
    """One call, photo in, picture out."""

    def __init__(self, plan: dict[str, Any], host: str, photo: bytes, path: str, magic: str) -> None:
        body, kind = multipart(plan["field"], photo, plan.get("fields", {}))
        self.request = exchange.request("POST", path, host, body, kind)
        self.magic = magic.encode()

    def visit(self) -> Visit:
        reply = yield self.request
        return reply.status, self.magic in reply.body[:16], reply.header("server-timing")


class Page:
    """What StickerSnap's page does: upload the photo, which is kept, make the sticker that it shows, fetch the file.

    The fields are those of the front end's api/photos.ts and maker/useSticker.ts.
    """

    cookie = ""  # one browser for the whole run

    def __init__(self, plan: dict[str, Any], host: str, photo: bytes, *_: str) -> None:
        self.host = host
        form, self.kind = multipart("image", photo, {"id": NO_ID})
        self.before, self.after = form.split(NO_ID.encode(), 1)

    def visit(self) -> Visit:
        form = self.before + str(uuid.uuid4()).encode() + self.after
        reply = yield self._request("POST", PHOTOS, form, self.kind)
        timing = reply.header("server-timing")
        if reply.status != 201:
            return reply.status, False, timing
        Page.cookie = reply.header("set-cookie").partition(";")[0] or Page.cookie
        wish = json.dumps({"photo": json.loads(reply.body)["id"], **WISH}).encode()
        reply = yield self._request("POST", STICKERS, wish, "application/json")
        timing = ", ".join(part for part in (timing, reply.header("server-timing")) if part)
        if reply.status != 201:
            return reply.status, False, timing
        reply = yield self._request("GET", json.loads(reply.body)["file_url"])
        return reply.status, b"WEBP" in reply.body[:16], timing

    def _request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        return exchange.request(method, path, self.host, body, kind, self.cookie)


ROADS = {"call": Call, "page": Page}


def stages(header: str) -> dict[str, float]:
    """Milliseconds by stage, summed, of a Server-Timing header."""
    found: dict[str, float] = {}
    for entry in header.split(","):
        name, _, duration = entry.strip().partition(";dur=")
        if duration:
            found[name] = found.get(name, 0.0) + float(duration)
    return found


class Run:
    """One run of a plan against a server."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        where = urlsplit(plan["url"])
        assert where.hostname is not None
        assert where.port is not None
        host = f"{where.hostname}:{where.port}"
        self.wire = exchange.Wire((where.hostname, where.port), PATIENCE)
        photos = [Path(photo).read_bytes() for photo in plan["photos"]]
        paths = plan.get("paths") or [(plan["path"], plan["magic"])]
        road = ROADS[plan["road"]]
        self.roads = itertools.cycle([road(plan, host, photo, *path) for path in paths for photo in photos])
        self.answers: list[Answer] = []
        self.going = 0

    def go(self) -> list[Answer]:
        self.start = time.perf_counter()
        if "rate" in self.plan:
            self._open()
        else:
            self._closed()
        self.wire.close()
        return self.answers

    def _open(self) -> None:
        rate = self.plan["rate"]
        visits = self.plan.get("visits") or max(1, round(self.plan["seconds"] * rate))
        for number in range(visits):
            due = number / rate
            while (left := due - self._now()) > 0:
                self.wire.turn(left)
            self._begin(due)
        while self.going:
            self.wire.turn(1.0)

    def _closed(self) -> None:
        left = self.plan.get("visits", sys.maxsize)
        while True:
            while self.going < self.plan["crowd"] and left and self._now() < self.plan.get("seconds", float("inf")):
                left -= 1
                self._begin(self._now())
            if not self.going:
                return
            self.wire.turn(1.0)

    def _begin(self, due: float) -> None:
        self.going += 1
        visit = next(self.roads).visit()
        self._send(due, visit, next(visit))

    def _send(self, due: float, visit: Visit, request: bytes) -> None:
        self.wire.send(request, lambda reply: self._heard(due, visit, reply))

    def _heard(self, due: float, visit: Visit, reply: Reply | None) -> None:
        """Goes on with a visit; no reply: the server broke off, or took longer than a visitor waits."""
        try:
            if reply is not None:
                self._send(due, visit, visit.send(reply))
                return
            status, right, timing = 0, False, ""
        except StopIteration as end:
            status, right, timing = end.value
        self.going -= 1
        self.answers.append(Answer(due, self._now(), status, right and status < 300, stages(timing)))

    def _now(self) -> float:
        return time.perf_counter() - self.start


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `values` lie, linear between neighbours; nan for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def summary(answers: Sequence[Answer], seconds: float) -> dict[str, Any]:
    """What a run comes to: milliseconds of right answers, goodput in right answers a second, refusals, failures.

    `seconds` is how long visits were due for. Goodput counts what was answered over the time until the last of these
    answers, if that is longer: a server gets no credit for emptying its queue afterwards.
    """
    right = [answer for answer in answers if answer.right]
    latencies = [1000 * (answer.done - answer.due) for answer in right]
    refusals = [1000 * (answer.done - answer.due) for answer in answers if answer.status == REFUSED]
    span = max([seconds, *(answer.done for answer in right)])
    names = {name for answer in right for name in answer.stages}
    return {
        "visits": len(answers),
        "right": len(right),
        "refused": len(refusals),
        "failed": len(answers) - len(right) - len(refusals),
        "goodput": len(right) / span,
        **{f"p{share}": percentile(latencies, share / 100) for share in (50, 95, 99)},
        "refused_p50": percentile(refusals, 0.5),
        "refused_p95": percentile(refusals, 0.95),
        "stages": {
            name: percentile([a.stages[name] for a in right if name in a.stages], 0.5) for name in sorted(names)
        },
    }


def main() -> None:
    plan = json.load(sys.stdin)
    run = Run(plan)
    began = time.process_time(), time.perf_counter()
    answers = run.go()
    wall = time.perf_counter() - began[1]
    busy = (time.process_time() - began[0]) / wall
    if "rate" in plan:
        seconds = (plan.get("visits") or max(1, round(plan["seconds"] * plan["rate"]))) / plan["rate"]
    else:
        seconds = max((answer.done for answer in answers), default=0.0)
    said = {**summary(answers, seconds), "generator_cores": busy}
    if plan.get("each"):
        said["answers"] = [asdict(answer) for answer in answers]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
