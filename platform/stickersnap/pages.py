"""The page: one document for all of the front end's addresses."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from stickersnap.api import errors
from stickersnap.stickers.api import CutView

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


cut = CutView.as_view()


@csrf_exempt
def root(request: HttpRequest) -> HttpResponse:
    """GET shows the maker; POST is the first StickerSnap's call: photo in, cut-out back."""
    if request.method == "POST":
        return cut(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return page(request)
