"""An open-loop load generator: a visit begins when it is due, answered or not as the earlier ones may be.

`python load.py < plan.json > answers.json`. A plan: `url`, `road` ("call": one POST to `path` with the photo as form
`field`, answered by a picture with `magic` in its head; or "page"), `photos` (files), and either `rate`
(visits a second) or `crowd` (so many visitors, each coming back at once: only to find what the server can do), for
`seconds` or for `visits`. Latency is counted from when a visit was due, so a server that stalls is charged for
everyone it kept waiting (no coordinated omission).
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0  # seconds until a visitor gives up
REFUSED = 503


@dataclass(frozen=True)
class Answer:
    """One visit: times in seconds since the run began; status 0 when there was no answer; `stages` in milliseconds."""

    due: float
    done: float
    status: int
    right: bool
    stages: dict[str, float]


def multipart(field: str, photo: bytes, fields: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """A form with one file, and the headers that go with it."""
    edge = "bench-7d1f0a"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
    parts.append(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{edge}--\r\n".encode())
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={edge}"}


async def call(session: aiohttp.ClientSession, plan: dict[str, Any], photo: bytes) -> tuple[int, bool, str]:
    """One call, photo in, picture out: its status, whether it has the right format, and its Server-Timing."""
    body, headers = multipart(plan["field"], photo, plan.get("fields", {}))
    async with session.post(plan["url"] + plan["path"], data=body, headers=headers) as answer:
        data = await answer.read()
        return answer.status, plan["magic"].encode() in data[:16], answer.headers.get("Server-Timing", "")


async def page(session: aiohttp.ClientSession, plan: dict[str, Any], photo: bytes) -> tuple[int, bool, str]:
    """What StickerSnap's page does: upload the photo, which is kept, make its sticker, fetch the file."""
    url = plan["url"]
    body, headers = multipart("image", photo, {})
    async with session.post(f"{url}/api/v1/photos/", data=body, headers=headers) as answer:
        said, timing = await answer.json(), answer.headers.get("Server-Timing", "")
        if answer.status != 201:
            return answer.status, False, timing
    async with session.post(f"{url}/api/v1/stickers/", json={"photo": said["id"], "target": "whatsapp"}) as answer:
        said = await answer.json()
        if answer.status != 201:
            return answer.status, False, timing
        timing = ", ".join(part for part in (timing, answer.headers.get("Server-Timing", "")) if part)
    async with session.get(f"{url}{said['file_url']}") as answer:
        return answer.status, b"WEBP" in (await answer.read())[:16], timing


ROADS = {"call": call, "page": page}


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
        self.road = ROADS[plan["road"]]
        self.photos = itertools.cycle([Path(photo).read_bytes() for photo in plan["photos"]])
        self.answers: list[Answer] = []

    async def go(self) -> list[Answer]:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as self.session:
            self.start = time.perf_counter()
            await (self._open() if "rate" in self.plan else self._closed())
        return self.answers

    async def _open(self) -> None:
        rate = self.plan["rate"]
        visits = self.plan.get("visits") or max(1, round(self.plan["seconds"] * rate))
        going = []
        for number in range(visits):
            due = number / rate
            await asyncio.sleep(max(0.0, due - self._now()))
            going.append(asyncio.create_task(self._visit(due)))
        await asyncio.gather(*going)

    async def _closed(self) -> None:
        left = itertools.count(self.plan.get("visits", sys.maxsize), -1)

        async def visitor() -> None:
            while next(left) > 0 and self._now() < self.plan.get("seconds", float("inf")):
                await self._visit(self._now())

        await asyncio.gather(*(visitor() for _ in range(self.plan["crowd"])))

    async def _visit(self, due: float) -> None:
        try:
            status, right, timing = await self.road(self.session, self.plan, next(self.photos))
        except (aiohttp.ClientError, TimeoutError, OSError):
            status, right, timing = 0, False, ""
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
    began = time.process_time(), time.perf_counter()
    answers = asyncio.run(Run(plan).go())
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
