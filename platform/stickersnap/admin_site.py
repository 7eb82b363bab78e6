"""Django's admin, which takes whatever stands in an address for what it is: a wish that may make no sense."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import FieldError, ValidationError
from django.db import DataError, ProgrammingError, transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

SENSELESS = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    DataError,
    ProgrammingError,
    FieldError,
    ValidationError,
)


class Site(admin.AdminSite):
    """Shows the list unfiltered, and says so, where a filter means nothing: Django meets some only in the database."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Django's own hook around every page of the admin."""
        inner = super().admin_view(view, cacheable)

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                with transaction.atomic():
                    return inner(request, *args, **kwargs)
            except SENSELESS:
                if request.method != "GET" or not set(request.GET) - {ERROR_FLAG}:
                    raise
                return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

        return update_wrapper(answer, inner)
