"""One shape for every error: `{"code": …, "detail": …}`."""

import sys
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response

from annotations.exceptions import AnnotationError
from segmentation.mask import MaskError
from segmentation.mask.subjects import SubjectError
from segmentation.picture import PictureError
from stickersnap.api import wire

SENTENCES = {
    "not_found": "There is no such thing here, or it is not yours.",
    "not_authenticated": "Log in first.",
    "permission_denied": "Your account may not do this.",
    "method_not_allowed": "This address does not answer to that method.",
    "parse_error": wire.PARSE,
    "unsupported_media_type": "Send this as the documented content type; see /api/docs/.",
    "server_error": wire.BROKE,
    "database_away": "The database is away for a moment. Nothing you saved is lost; try again in a few seconds.",
    "csrf": "This page is out of date. Reload it and try again.",
    "foreign_origin": "Another site sent this. Open StickerSnap's own page and do it there.",
}
AWAY = (InterfaceError, OperationalError)  # restarting, out of reach, out of room: for the moment
AWAY_HEADERS = {"Retry-After": "3"}
PICTURE_STATUS = {"file_too_large": 413, "unknown_format": 415, "no_subject_there": 422}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook: turns what a view raised into the one error shape. None for what nobody foresaw (a 500)."""
    if isinstance(error, AnnotationError):
        wait = getattr(error, "retry_after", None)
        headers = {"Retry-After": str(wait)} if wait else {}
        return _answer(error.status, error.code, str(error), headers)
    if isinstance(error, PictureError | MaskError | SubjectError):
        return _answer(PICTURE_STATUS.get(error.code, 400), error.code, str(error))
    if isinstance(error, AWAY):
        return _answer(503, "database_away", SENTENCES["database_away"], AWAY_HEADERS)
    if isinstance(error, RequestDataTooBig):
        return _answer(413, "file_too_large", "The request is too large. Photos may have 20 MB.")
    if isinstance(error, Http404 | ObjectDoesNotExist):  # the latter: deleted while its bytes were still to be read
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _api_exception(error)
    return None


def _api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        headers["WWW-Authenticate"] = getattr(error, "auth_header", "Session")
    if isinstance(error, exceptions.Throttled):
        wait = int(getattr(error, "wait", None) or 1) + 1
        return _answer(429, "throttled", f"That was a lot at once. Try again in {wait} s.", {"Retry-After": str(wait)})
    if isinstance(error, exceptions.ValidationError):
        code, detail = _validation(error)
        return _answer(error.status_code, code, detail)
    said = str(error.detail)
    code = error.default_code
    detail = SENTENCES.get(code, said) if said == str(error.default_detail) else said
    return _answer(error.status_code, code, detail, headers)


def _validation(error: exceptions.ValidationError) -> tuple[str, str]:
    codes = error.get_codes()
    if isinstance(codes, list) and codes and codes[0] not in {"invalid", "required"}:
        return str(codes[0]), str(error.detail[0])  # type: ignore[index]
    return "invalid", " ".join(_sentences(error.detail))


def _sentences(detail: Any, field: str = "") -> list[str]:
    if isinstance(detail, dict):
        return [sentence for name, inner in detail.items() for sentence in _sentences(inner, str(name))]
    if isinstance(detail, list):
        return [sentence for inner in detail for sentence in _sentences(inner, field)]
    return [f"{field}: {detail}" if field and field != "non_field_errors" else str(detail)]


def _answer(code_status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    return Response({"code": code, "detail": detail}, status=code_status, headers=headers)


def _plain(code_status: int, code: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": SENTENCES[code]}, status=code_status)


def bad_request(request: HttpRequest, exception: SuspiciousOperation) -> HttpResponse:
    return _plain(status.HTTP_400_BAD_REQUEST, "parse_error")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(status.HTTP_404_NOT_FOUND, "not_found")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(status.HTTP_403_FORBIDDEN, "permission_denied")


def server_error(request: HttpRequest) -> HttpResponse:
    if isinstance(sys.exc_info()[1], AWAY):  # met outside a view, while the session was read or kept
        response = _plain(status.HTTP_503_SERVICE_UNAVAILABLE, "database_away")
        response["Retry-After"] = AWAY_HEADERS["Retry-After"]
        return response
    return _plain(status.HTTP_500_INTERNAL_SERVER_ERROR, "server_error")


def unreadable() -> HttpResponse:
    return _plain(status.HTTP_400_BAD_REQUEST, "parse_error")


def foreign_origin() -> HttpResponse:
    return _plain(status.HTTP_403_FORBIDDEN, "foreign_origin")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _plain(status.HTTP_403_FORBIDDEN, "csrf")
