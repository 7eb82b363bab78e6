"""What goes wrong, in remove.bg's words, under remove.bg's addresses: also what was refused before any view."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PREFIX = "/v1.0/"
CODES = {
    "no_subject_found": "unknown_foreground",
    "throttled": "rate_limit_exceeded",
    "permission_denied": "auth_failed",
}
STATUSES = {401: 403, 413: 400, 415: 400, 422: 400}
"""Its clients know 400, 402, 403 and 429."""


class WordingMiddleware:
    """`{"errors": [{"title", "code", "detail"}]}` instead of `{"code", "detail"}`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(PREFIX) and response.status_code >= 400:
            reword(response)
        return response


def reword(response: HttpResponse) -> None:
    """Changes an error of ours in place; another one stays as it is."""
    try:
        said = json.loads(response.content)
        code, detail = str(said["code"]), str(said["detail"])
    except (ValueError, TypeError, KeyError):
        return
    error = {"title": detail.partition(": ")[0], "code": CODES.get(code, code), "detail": detail}
    response.content = json.dumps({"errors": [error]}).encode()
    response.status_code = STATUSES.get(response.status_code, response.status_code)
    if "Content-Length" in response.headers:
        response["Content-Length"] = str(len(response.content))
