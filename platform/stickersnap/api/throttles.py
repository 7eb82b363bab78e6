"""How often one person may ask for work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from annotations.owners import owner_known
from stickersnap.api.clients import address

if TYPE_CHECKING:
    from rest_framework.views import APIView


class PersonThrottle(SimpleRateThrottle):
    """Counts what a person, a browser session or (for someone without either) an address writes."""

    scope = "writes"

    def get_rate(self) -> str:
        return f"{settings.UPLOADS_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if request.method in SAFE_METHODS:
            return None
        who = request.user.pk if request.user.is_authenticated else owner_known(request)
        return self.cache_format % {"scope": self.scope, "ident": who or address(request)}
