"""The page: one document for all of the front end's addresses."""

import json
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from stickersnap.api import errors
from stickersnap.stickers.api import CutView

ROUTES = Path(__file__).with_name("routes.json")
MISSING = "The page is not built. Run `make frontend`, then reload. The API answers at /api/v1/."


@require_safe
def page(request: HttpRequest, **_: Any) -> HttpResponse:
    """The front end's document."""
    document = settings.FRONTEND / "index.html"
    if not document.is_file():
        return HttpResponse(MISSING, status=503, content_type="text/plain")
    return HttpResponse(document.read_bytes(), headers={"Cache-Control": "no-cache"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: the front end's own page for a person's browser, the one error shape for everyone else."""
    person = request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "")
    document = settings.FRONTEND / "index.html"
    if not person or request.path.startswith("/api/") or not document.is_file():
        return errors.not_found(request, exception)
    return HttpResponse(document.read_bytes(), status=404, headers={"Cache-Control": "no-cache"})


def addresses() -> list[URLPattern]:
    """Every address of the page but `/`, from the one list that its router reads, too: see `routes.json`."""
    routes: dict[str, str] = json.loads(ROUTES.read_text())
    return [re_path(pattern(route), page, name=f"page-{name}") for name, route in routes.items() if route != "/"]


def pattern(route: str) -> str:
    """A route as vue-router writes it, as a regular expression: `/runs/:id(\\d+)` is `^runs/(?P<id>\\d+)/?$`."""
    parts = re.split(r"(:\w+(?:\([^)]*\))?)", route.removeprefix("/"))
    return "^" + "".join(_parameter(part) if part.startswith(":") else re.escape(part) for part in parts) + "/?$"


def _parameter(part: str) -> str:
    name, _, allowed = part[1:].removesuffix(")").partition("(")
    return f"(?P<{name}>{allowed or '[^/]+'})"


cut = CutView.as_view()


@csrf_exempt
def root(request: HttpRequest) -> HttpResponse:
    """GET shows the maker; POST is the first StickerSnap's call: photo in, cut-out back."""
    if request.method == "POST":
        return cut(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return page(request)
