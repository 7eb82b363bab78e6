"""How much one person may keep here: all that lies in the database under their name, up to a setting."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings

from annotations import ports
from annotations.exceptions import QuotaExceeded


def room_for(owner: uuid.UUID, user: Any) -> None:
    """Raises QuotaExceeded where this owner keeps as much as anybody may; operators, who import, may keep any amount.

    Asked before something is made that will be kept. Requests at the same moment may each find the last of the room, so
    somebody has at most what is worked on at once above it.
    """
    most = settings.MEGABYTES_PER_PERSON * 1_000_000
    if most and not getattr(user, "is_operator", False) and ports.bytes_kept(owner) >= most:
        megabytes = f"{settings.MEGABYTES_PER_PERSON:,} MB"
        raise QuotaExceeded(f"You keep {megabytes} here, which is all anybody may: delete photos, then try again.")
