"""Reads of who people are and what they allow."""

import uuid

from stickersnap.accounts.models import Consent


def consent_latest(owner: uuid.UUID) -> Consent | None:
    """The newest answer about all of somebody's photos, None where nobody asked yet."""
    return Consent.objects.filter(owner=owner, photo=None).first()


def consent_of(owner: uuid.UUID) -> bool:
    """Whether this owner allows learning. Never having been asked means no."""
    latest = consent_latest(owner)
    return latest is not None and latest.given
