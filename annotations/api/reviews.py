"""A verdict given, and taken back."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotations import reviews, selectors
from annotations.api import views
from annotations.owners import owner_of


class ReviewView(views.ReviewView):
    """A reviewer's verdict on the present version of a correction."""

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, correction_id: uuid.UUID) -> Response:
        """Takes back one's own verdict: the correction waits again. 409 once a dataset version holds it."""
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        reviews.review_withdraw(correction=correction, reviewer=request.user)
        return Response(status=204)
