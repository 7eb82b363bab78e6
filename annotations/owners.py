"""Who owns a picture: an opaque id, kept by the browser session of someone nameless or by a person's account."""

from uuid import UUID, uuid4

from django.http import HttpRequest

SESSION_KEY = "owner"


def owner_of(request: HttpRequest) -> UUID:
    """The owner id behind a request; an unknown browser session gets a new one."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return user.owner
    if SESSION_KEY not in request.session:
        request.session[SESSION_KEY] = str(uuid4())
    return UUID(request.session[SESSION_KEY])


def owner_known(request: HttpRequest) -> UUID | None:
    """The owner id of the browser session itself, None if it never had one. Starts no session."""
    known = request.session.get(SESSION_KEY)
    return UUID(known) if known else None
