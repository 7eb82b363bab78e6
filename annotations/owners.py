"""Who owns a picture: an opaque id, kept by the browser of someone nameless or by a person's account."""

from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

SESSION_KEY = "owner"
COOKIE = "visitor"
SAFE = ("GET", "HEAD", "OPTIONS")


def owner_of(request: HttpRequest) -> UUID:
    """The owner id behind a request; an unknown browser gets a new one.

    Who only looks has it in a signed cookie, which costs no row; a session begins with the first write. It has the
    cookie's id, so that two first writes at once are one owner's.
    """
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return user.owner
    known = owner_known(request) or visitor_new(request)
    if request.method not in SAFE and SESSION_KEY not in request.session:
        request.session[SESSION_KEY] = str(known)
    return known


def owner_known(request: HttpRequest) -> UUID | None:
    """The owner id of the browser itself, None if it never had one. Starts no session."""
    if known := request.session.get(SESSION_KEY):
        return UUID(known)
    plain: Any = getattr(request, "_request", request)  # REST framework's wraps Django's
    if not hasattr(plain, "visitor"):
        told = plain.get_signed_cookie(COOKIE, None, max_age=settings.SESSION_COOKIE_AGE)
        plain.visitor = UUID(told) if told else None
    return plain.visitor


def visitor_new(request: HttpRequest) -> UUID:
    """A new owner id for this browser, whatever it had before; see `visitor_tell`."""
    plain: Any = getattr(request, "_request", request)
    plain.visitor = plain.visitor_told = uuid4()
    return plain.visitor


def visitor_tell(request: HttpRequest, response: HttpResponse) -> None:
    """Gives the browser the cookie with its new id, if it got one."""
    if told := getattr(request, "visitor_told", None):
        response.set_signed_cookie(
            COOKIE,
            str(told),
            max_age=settings.SESSION_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
