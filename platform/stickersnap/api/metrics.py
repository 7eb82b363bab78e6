"""What `/metrics` counts: every answer, by the address's name, method and status, and how long it took."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

ANSWERS = Counter("stickersnap_answers_total", "Answers given", ["address", "method", "status"])
SECONDS = Histogram("stickersnap_answer_seconds", "Time to an answer", ["address", "method"])
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}


class MetricsMiddleware:
    """Counts answers. Labels come from the URL configuration, so that nobody can make new ones by asking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        response = self.get_response(request)
        address = request.resolver_match.view_name if request.resolver_match else "unknown"
        method = request.method if request.method in METHODS else "other"
        ANSWERS.labels(address, method, str(response.status_code)).inc()
        SECONDS.labels(address, method).observe(time.perf_counter() - start)
        return response
