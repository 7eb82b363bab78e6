"""Is the service alive, is it ready, and how is it doing?"""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from annotations.exceptions import AnnotationError
from annotations.ports import predictor_current
from stickersnap.api import clients
from stickersnap.releases import serving


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and a set of weights that passed its golden pictures is loaded."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        predictor = predictor_current()
    except DatabaseError:
        return _unready("database_away", "PostgreSQL does not answer. Start it, then this recovers by itself.")
    except AnnotationError as error:
        return _unready(error.code, str(error))
    answer = {"status": "ok", "weights": predictor.weights, "network": predictor.network, "device": predictor.device}
    status = serving.status()
    if status.backend:
        answer["backend"] = status.backend
    if status.problem:
        answer["problem"] = status.problem  # an older deployment answers: alive, but not what was deployed
    if status.lost:
        answer["lost"] = status.lost  # a GPU was lost: alive, but slower
    return JsonResponse(answer)


def _unready(code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=503, headers={"Retry-After": "3"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for operators and the machines beside this one; nothing is here for others."""
    if not (clients.within(request, settings.METRICS_NETWORKS) or getattr(request.user, "is_operator", False)):
        raise Http404
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
