"""Writes of who people are and what they allow."""

import uuid

from django.db import transaction
from django.utils import timezone

from annotations.models import Photo
from annotations.services import consent_apply, owner_replace, photo_consent
from stickersnap.accounts.models import Consent, User
from stickersnap.accounts.selectors import consent_latest
from stickersnap.packs.services import packs_adopt


@transaction.atomic
def consent_answer(*, owner: uuid.UUID, given: bool) -> Consent:
    """Keeps the answer and applies it to every photo of this owner, those already here included."""
    consent = Consent.objects.create(owner=owner, given=given)
    consent_apply(owner=owner, consented_at=timezone.now() if given else None)
    return consent


@transaction.atomic
def consent_answer_photo(*, owner: uuid.UUID, photo: Photo, given: bool) -> Consent:
    """Keeps the answer about one photo and applies it to that one alone. `photo` must be this owner's."""
    consent = Consent.objects.create(owner=owner, photo=photo.id, given=given)
    photo_consent(photo=photo, consented_at=timezone.now() if given else None)
    return consent


@transaction.atomic
def session_adopt(*, user: User, owner: uuid.UUID) -> None:
    """Hands a browser session's pictures and packs to the person who logged in; settles on one answer about consent.

    The person's own answer counts; where there is none, the session's does.
    """
    if owner == user.owner:
        return
    answer = consent_latest(user.owner) or consent_latest(owner)
    owner_replace(old=owner, new=user.owner)
    packs_adopt(old=owner, new=user.owner)
    if answer is not None:
        consent_answer(owner=user.owner, given=answer.given)


def operator_create(*, username: str, password: str) -> User:
    """An operator: may review, release and use Django's admin. An existing person is promoted and gets the password."""
    user = User.objects.filter(username=username).first() or User(username=username)
    user.role = User.Role.OPERATOR
    user.is_staff = user.is_superuser = True
    user.set_password(password)
    user.save()
    return user
