"""What the views of these shapes share: a photo's road through the service, of which nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import bringing
from annotations.api.answers import Timing, name_predictor
from segmentation.picture import Picture
from stickersnap.api.shapes.subject import Box, Size, Subject, part_of, subject_of

if TYPE_CHECKING:
    from segmentation.cut import Predictor


class AddressRefused(serializers.ValidationError):
    """A picture is to be fetched."""

    default_code = "no_addresses"
    default_detail = "No address is fetched here: send the picture itself."


class PhotoView(APIView):
    """A call that brings a photo, by whoever it is, as `POST /` takes it."""

    permission_classes = [AllowAny]
    authentication_classes = []
    predictor: Predictor | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.timing = Timing()
        super().initial(request, *args, **kwargs)

    def subject(self, picture: Picture, region: Box, canvas: Size) -> Subject:
        """The subject within a region of the photo. Raises NoSubjectFound, Busy."""
        with self.timing.stage("decode"):
            part = part_of(picture, region)
        seen = bringing.look(part, stage=self.timing.stage)
        self.predictor = seen.predictor
        self.timing.add(seen.cut.timings)
        return subject_of(seen, picture.size, region, canvas, self.timing.stage)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Whatever comes of a photo once it was cut, that there is no subject too, says by what."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if self.predictor is not None:
            name_predictor(final, self.predictor, self.timing)
        return final


def fields_of(given: Any) -> dict[str, Any]:
    """A body's fields, of a repeated one the last. Raises ValidationError for what has none."""
    if not isinstance(given, Mapping):
        raise serializers.ValidationError("Send an object with the fields of this call.")
    return dict(given.items())
