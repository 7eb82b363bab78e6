"""A verdict given, and taken back."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import reviews, selectors, services
from annotations.api import serializers
from annotations.owners import owner_of
from annotations.permissions import IsReviewer


class ReviewView(APIView):
    """A reviewer's verdict on the present version of a correction."""

    refusals = {"post": (409, 410, 412), "delete": (409, 410)}
    permission_classes = [IsReviewer]

    @extend_schema(request=serializers.ReviewInputSerializer, responses={201: serializers.ReviewSerializer})
    def post(self, request: Request, correction_id: uuid.UUID) -> Response:
        given = serializers.ReviewInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        write = services.correction_approve if fields["verdict"] == "approve" else services.correction_reject
        review = write(correction=correction, version=fields["version"], reviewer=request.user, reason=fields["reason"])
        return Response(serializers.ReviewSerializer(review).data, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, correction_id: uuid.UUID) -> Response:
        """Takes back one's own verdict: the correction waits again. 409 once a dataset version holds it."""
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        reviews.review_withdraw(correction=correction, reviewer=request.user)
        return Response(status=204)
