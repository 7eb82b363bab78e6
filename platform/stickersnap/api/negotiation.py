"""What an answer is to be, when a client says what it would like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable


class Answerable(DefaultContentNegotiation):
    """A client that asks for a picture gets it, and its errors as JSON: no answer is refused for its type.

    Most addresses have one type (RFC 9110, 12.5.1: a server may send that all the same); 406 would help nobody.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        choice: Sequence[BaseRenderer] = list(renderers)
        try:
            return super().select_renderer(request, choice, format_suffix)
        except NotAcceptable:
            return choice[0], choice[0].media_type or ""
