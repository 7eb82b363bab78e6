"""How a picture or a network's answer goes over the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from prometheus_client import Histogram
from rest_framework.response import Response

if TYPE_CHECKING:
    from segmentation.cut import Predictor

STAGE_SECONDS = Histogram("stickersnap_stage_seconds", "Time that answers spend in a stage", ["stage"])


KEPT, LENT = "private, max-age=31536000, immutable", "private, no-store"


def picture_response(data: bytes, media_type: str, filename: str = "", *, lent: bool) -> HttpResponse:
    """Bytes of a picture that never change under their address; `filename` makes it a download.

    `lent`: to someone who may see another's photo as long as that one allows it, so no browser may keep it.
    """
    response = HttpResponse(data, content_type=media_type)
    response["Cache-Control"] = LENT if lent else KEPT
    if filename:
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or ""
    return response


class Timing:
    """Durations of the stages of an answer, for the `Server-Timing` header (W3C Server Timing)."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._inner = [0.0]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside, in milliseconds, to stage `name`; a stage within counts for itself alone."""
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1000
            self._add(name, spent - self._inner.pop())
            self._inner[-1] += spent

    def add(self, stages: Mapping[str, float]) -> None:
        """Adds milliseconds that were measured elsewhere, as a Cut's `timings`."""
        for name, spent in stages.items():
            self._add(name, spent)
            self._inner[-1] += spent

    def _add(self, name: str, spent: float) -> None:
        self.stages[name] = self.stages.get(name, 0.0) + max(0.0, spent)

    def header(self) -> str:
        return ", ".join(f"{name};dur={ms:.1f}" for name, ms in self.stages.items())


def name_predictor(response: HttpResponse | Response, predictor: Predictor, timing: Timing) -> None:
    """Says which weights on which device answered, and how long each stage took."""
    response["X-Weights"] = predictor.weights
    response["X-Device"] = predictor.device
    say_times(response, timing)


def say_times(response: HttpResponse | Response, timing: Timing) -> None:
    """Says how long each stage took, to the client and to Prometheus."""
    response["Server-Timing"] = timing.header()
    for name, spent in timing.stages.items():
        STAGE_SECONDS.labels(name).observe(spent / 1000)
