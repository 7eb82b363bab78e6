"""Refuses a photo at the door, before a byte of it is read, while as many are worked on as may be."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.urls import reverse

from annotations import admission
from annotations.exceptions import Busy
from stickersnap.api import wire
from stickersnap.api.metrics import ANSWERS, REFUSALS

DOORS = ("maker", "photos", "removebg", "rembg")
LINGER_SECONDS = 5.0
CHUNK = 1 << 16


def refusal(head: bytes, enter: bool = True) -> bytes | None:
    """What to answer, as it goes over the wire, to a request that begins with `head`; None: let it in.

    For a server that asks before it reads on, and again when all is here (`enter`): see stickersnap.api.door.
    """
    door = next((name for line, name in first_lines().items() if head.startswith(line)), None)
    if door is None or (admission.photos.let_in() if enter else not admission.photos.expects_none()):
        return None
    REFUSALS.labels("door").inc()
    ANSWERS.labels(door, "POST", "503").inc()
    return refused()


@functools.cache
def doors() -> dict[str, str]:
    """The addresses that photos are sent to, and their names."""
    return {reverse(door): door for door in DOORS}


@functools.cache
def first_lines() -> dict[bytes, str]:
    """How requests begin that bring a photo, and the name of their address."""
    return {f"POST {address}{end}".encode(): name for address, name in doors().items() for end in (" ", "?")}


@functools.cache
def refused() -> bytes:
    busy = Busy()
    headers = {"Retry-After": str(busy.retry_after)}
    return wire.made(busy.status, "Service Unavailable", busy.code, str(busy), headers)


class AdmissionMiddleware:
    """503 with Retry-After for a photo that would find no place. Views take the place itself: annotations.admission."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path not in doors():
            return self.get_response(request)
        with admission.photos.on_the_way():
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        door = request.resolver_match.view_name if request.resolver_match else ""
        if request.method != "POST" or door not in DOORS or not admission.photos.full():
            return None
        REFUSALS.labels("door").inc()
        return Refusal(request)


class Refusal(JsonResponse):
    """Answers at once, then reads what the client still sends: closed before, a connection would lose the answer."""

    def __init__(self, request: HttpRequest) -> None:
        busy = Busy()
        super().__init__({"code": busy.code, "detail": str(busy)}, status=busy.status)
        self["Retry-After"] = str(busy.retry_after)
        self._has_been_logged = True  # Django's mark: refusals are counted; a line for each would be a load of its own
        self._request = request

    def close(self) -> None:
        super().close()
        until = time.monotonic() + LINGER_SECONDS
        with suppress(UnreadablePostError):  # the client has gone
            while time.monotonic() < until and self._request.read(CHUNK):
                pass
