"""Answers that no view gives, as they go over the wire: the one error shape, and the connection closes."""

from __future__ import annotations

import functools
import json

from gunicorn.http import errors

PARSE = "The request could not be read: check its format."
BROKE = "Something broke on our side. Nothing you saved is lost; try again in a minute."
ANSWERS = {
    400: ("Bad Request", "parse_error", PARSE),
    408: ("Request Timeout", "too_slow", "The request took too long to arrive. Send it again, or something smaller."),
    413: ("Content Too Large", "file_too_large", "The request is too large. Photos may have 20 MB."),
    414: ("URI Too Long", "address_too_long", "The address is too long: shorten it."),
    417: ("Expectation Failed", "expectation_failed", "Only 100-continue can be expected: leave out Expect."),
    429: ("Too Many Requests", "too_many_connections", "Too many connections from your address. Close some."),
    431: (
        "Request Header Fields Too Large",
        "headers_too_large",
        "Shorten the headers or delete this site's cookies.",
    ),
    500: ("Internal Server Error", "server_error", BROKE),
    501: ("Not Implemented", "unsupported_transfer_coding", "Send the body as it is or chunked, not compressed."),
    503: ("Service Unavailable", "unavailable", "There is no room for this now. Try again in a few seconds."),
}
RETRY = {408: 1, 429: 5, 503: 5}


class TooLarge(Exception):
    """A body has more bytes than anything here may have."""


STATUS: dict[type[BaseException], int] = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.ExpectationFailed: 417,
    errors.UnsupportedTransferCoding: 501,
    errors.ParseException: 400,
    errors.NoMoreData: 400,
    errors.InvalidChunkSize: 400,
    errors.ChunkMissingTerminator: 400,
    StopIteration: 400,
    TooLarge: 413,
    OSError: 503,
}


def status_of(error: BaseException) -> int:
    """The status for what went wrong before, or outside, the application; 500 for what nobody foresaw."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


@functools.cache
def answer(status: int) -> bytes:
    """The whole answer of this status."""
    reason, code, detail = ANSWERS[status]
    retry = {"Retry-After": str(RETRY[status])} if status in RETRY else {}
    return made(status, reason, code, detail, retry)


def made(status: int, reason: str, code: str, detail: str, headers: dict[str, str] | None = None) -> bytes:
    """An answer in the one error shape, after which the connection is closed."""
    body = json.dumps({"code": code, "detail": detail})
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", body]).encode()
