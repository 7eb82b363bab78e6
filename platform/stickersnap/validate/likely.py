"""Whom a file is for where nobody says."""

from __future__ import annotations

from stickersnap.validate.inspected import UnreadableError
from stickersnap.validate.inspecting import inspect
from stickersnap.validate.limits import Target, target_get


def likely_target(data: bytes) -> Target:
    """Whom a file is for where nobody says: WhatsApp, or Telegram for a WebM."""
    try:
        found = inspect(data)
    except UnreadableError:
        return target_get("whatsapp")
    if found.format == "webm":
        return target_get("telegram-moving")
    return target_get("whatsapp-moving" if found.moving else "whatsapp")
