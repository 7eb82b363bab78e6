from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView


class IsReviewer(BasePermission):
    """Reviewers, and operators, who may do all that reviewers may."""

    message = "This is for reviewers. Ask an operator to make you one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_reviewer", False))


class IsOperator(BasePermission):
    """Operators: those who release weights, and decide whom to learn from."""

    message = "This is for operators. `manage.py operator NAME` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_operator", False))
