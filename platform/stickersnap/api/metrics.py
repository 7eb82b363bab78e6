"""What `/metrics` counts: every answer, by the address's name, method and status, and how long it took."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram

from segmentation.backends import Backend
from segmentation.engine import Watcher

ANSWERS = Counter("stickersnap_answers_total", "Answers given", ["address", "method", "status"])
SECONDS = Histogram("stickersnap_answer_seconds", "Time to an answer", ["address", "method"])
REFUSALS = Counter("stickersnap_refusals_total", "Photos refused since too many were at work", ["where"])
WAITING = Gauge("stickersnap_queue_pictures", "Pictures that wait for the network")
BATCH = Histogram("stickersnap_batch_pictures", "Pictures in one pass", buckets=(1, 2, 4, 8, 16, 32, 64))
PASS_SECONDS = Histogram("stickersnap_pass_seconds", "Time of one pass of the network")
SHORTAGES = Counter("stickersnap_device_out_of_memory_total", "Passes for which the device had no memory")
FALLBACKS = Counter("stickersnap_device_fallbacks_total", "Devices lost, and what took over", ["lost", "now"])
SERVES = Gauge("stickersnap_serves", "1 for the backend and device that cut photos now", ["backend", "device"])
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


class EngineMetrics(Watcher):
    """What an engine does, counted."""

    def batch_done(self, pictures: int, seconds: float) -> None:
        BATCH.observe(pictures)
        PASS_SECONDS.observe(seconds)

    def waiting(self, pictures: int) -> None:
        WAITING.set(pictures)

    def refused(self) -> None:
        REFUSALS.labels("queue").inc()

    def out_of_memory(self, pictures: int) -> None:
        SHORTAGES.inc()

    def fell_back(self, lost: Backend, now: Backend | None) -> None:
        FALLBACKS.labels(lost.name, now.name if now else "nothing").inc()
        serves(now)


def serves(backend: Backend | None) -> None:
    """Notes which backend cuts photos from now on."""
    SERVES.clear()
    if backend is not None:
        SERVES.labels(backend.name, backend.device).set(1)
