"""Tries to log in, counted in the database whichever way they come: nobody else's requests push them out.

Tries count by address and by name. A browser that this person logged in with before counts by itself, so that whoever
guesses at a name elsewhere does not shut out its owner.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotations.exceptions import AnnotationError
from stickersnap.accounts.models import Tries
from stickersnap.api.clients import address

WINDOW = timedelta(minutes=15)
COOKIE, COOKIE_DAYS = "known_browser", 180
TAKE = """
    INSERT INTO accounts_tries (key, count, since) VALUES (%(key)s, 1, %(now)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN accounts_tries.since <= %(past)s THEN 1 ELSE accounts_tries.count + 1 END,
        since = CASE WHEN accounts_tries.since <= %(past)s THEN %(now)s ELSE accounts_tries.since END
    RETURNING count, since
"""


class TooManyTries(AnnotationError):
    """Those were too many tries to log in. Wait, then try again."""

    code, status = "throttled", 429

    def __init__(self, wait: int) -> None:
        self.retry_after = wait
        minutes = -(-wait // 60)
        super().__init__(f"Those were too many tries to log in. Wait {minutes} min, then try again.")


@dataclass(frozen=True)
class Counter:
    """What tries have in common, and how many of them a window has room for."""

    kind: str
    value: str
    most: int

    @property
    def key(self) -> str:
        """A hash: what people type into the field for the name is at times a password."""
        return salted_hmac("stickersnap.tries", f"{self.kind}:{self.value}", algorithm="sha256").hexdigest()


def counters(request: HttpRequest, name: str) -> list[Counter]:
    """What counts a try to log in by this name."""
    if browser := _known(request, name):
        return [Counter("browser", browser, 10)]
    return [Counter("address", address(request), 30), Counter("name", _alike(name), 10)]


def take(request: HttpRequest, name: str) -> None:
    """Counts a try before a password is looked at, so that many at once are no way around. Raises TooManyTries."""
    now = timezone.now()
    Tries.objects.filter(since__lt=now - WINDOW).delete()
    for counter in counters(request, name):
        with connection.cursor() as cursor:
            cursor.execute(TAKE, {"key": counter.key, "now": now, "past": now - WINDOW})
            count, since = cursor.fetchone()
        if count > counter.most:
            raise TooManyTries(_wait(since, now))


def give_back(request: HttpRequest, name: str) -> None:
    """Who is in was no guess: the name begins anew. The address keeps what it guessed at other names."""
    for counter in counters(request, name):
        row = Tries.objects.filter(key=counter.key)
        if counter.kind == "address":
            row.filter(count__gt=0).update(count=F("count") - 1)
        else:
            row.delete()


def _wait(since: datetime, now: datetime) -> int:
    return max(1, int((since + WINDOW - now).total_seconds()) + 1)


def _alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip()


def _known(request: HttpRequest, name: str) -> str:
    """The browser's mark, empty where this name never logged in with it."""
    try:
        told: Any = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=timedelta(days=COOKIE_DAYS))
    except signing.BadSignature:
        return ""
    return str(told[1]) if told[0] == _alike(name) else ""


class Gate:
    """Knows nobody; counts before Django's own backend looks at the password."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, **_: Any) -> None:
        """Raises TooManyTries, which is no refusal that the next backend could overrule."""
        if request is not None and username is not None:
            take(request, username)


class KnownBrowserMiddleware:
    """Marks a browser with which somebody has just logged in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if name := getattr(request, "logged_in_as", ""):
            response.set_cookie(
                COOKIE,
                signing.dumps([_alike(name), secrets.token_hex(16)], salt=COOKIE),
                max_age=timedelta(days=COOKIE_DAYS),
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response
