from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from annotations.owners import owner_known, visitor_new
from stickersnap.accounts import tries
from stickersnap.accounts.models import User
from stickersnap.accounts.services import session_adopt


@receiver(user_logged_in)
def adopt_session(sender: type[User], request: HttpRequest | None, user: User, **_: Any) -> None:
    """What somebody made before logging in stays theirs."""
    if request is not None and (owner := owner_known(request)):
        session_adopt(user=user, owner=owner)


@receiver(user_logged_out)
def forget_visitor(sender: type[User], request: HttpRequest | None, **_: Any) -> None:
    """Who leaves, by whatever way, leaves the browser to somebody new."""
    if request is not None:
        visitor_new(request)


@receiver(user_logged_in)
def forget_tries(sender: type[User], request: HttpRequest | None, user: User, **_: Any) -> None:
    """Who got in was no guess, and this browser is known from now on."""
    if request is not None:
        tries.give_back(request, user.get_username())
        request.logged_in_as = user.get_username()  # type: ignore[attr-defined]
