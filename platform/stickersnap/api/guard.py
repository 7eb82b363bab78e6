"""What is settled before a view sees a request, and after it: where it came from, and who may keep the answer."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from stickersnap.api import errors

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
OURS = {"same-origin", "none"}  # "none": a person's own doing, as an address typed in
Answer = Callable[[HttpRequest], HttpResponse]


class OriginMiddleware:
    """Refuses what another site makes a browser do here, whether or not the browser is known: no session comes of it.

    Browsers say where an unsafe request comes from; programs say nothing, and bring no cookies that they don't mean to.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return errors.unreadable()  # no file and no row is named so, and PostgreSQL takes no such text
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        return errors.foreign_origin() if request.method not in SAFE and foreign(request) else None


def foreign(request: HttpRequest) -> bool:
    """Whether the browser says that a page of another origin sent this. What it says of the site is what it checked."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return False
    if site is not None:
        return site not in OURS
    return origin is not None and origin != f"{request.scheme}://{request.get_host()}"


class PrivateMiddleware:
    """What a view says nothing about is for the one who asked alone, and nobody keeps it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
