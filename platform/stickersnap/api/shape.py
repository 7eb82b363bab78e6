"""What no view sees: bodies in forms that nothing here reads, and answers without one."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from stickersnap.api.errors import SENTENCES

UNPACK = "Send the body as it is, without Content-Encoding."
LENGTH = "Say with Content-Length how many bytes the body has."


class ShapeMiddleware:
    """A body that is packed, or of unknown length, is refused in words, never taken for none; 405 has the one shape."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            return JsonResponse({"code": "unsupported_media_type", "detail": UNPACK}, status=415)
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower() and not request.META.get("CONTENT_LENGTH"):
            return JsonResponse({"code": "length_required", "detail": LENGTH}, status=411)
        kind, semicolon, rest = request.META.get("CONTENT_TYPE", "").partition(";")
        request.META["CONTENT_TYPE"] = kind.lower() + semicolon + rest  # Django's parsers know small letters alone
        response = self.get_response(request)
        if response.status_code == 405 and not response.headers.get("Content-Type", "").startswith("application/json"):
            detail = SENTENCES["method_not_allowed"]
            shaped = JsonResponse({"code": "method_not_allowed", "detail": detail}, status=405)
            shaped["Allow"] = response.headers.get("Allow", "")
            return shaped
        return response
