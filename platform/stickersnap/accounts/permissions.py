from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from annotations.permissions import IsReviewer

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = ["IsOperator", "IsReviewer"]


class IsOperator(BasePermission):
    """Operators: those who release weights."""

    message = "This is for operators. `manage.py operator NAME` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_operator", False))
