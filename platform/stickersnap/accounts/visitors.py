"""Browsers of people without a name: a signed cookie says which is which, before there is a session."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from annotations.owners import visitor_tell


class VisitorMiddleware:
    """Sends the cookie of a browser that was not known before."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        visitor_tell(request, response)
        return response
