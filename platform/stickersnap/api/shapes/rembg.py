"""rembg's server: its one call, as `rembg s` takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from annotations import admission
from annotations.api.strict import StrictSerializer
from segmentation import mask as masks
from segmentation import picture as pictures
from stickersnap.api.shapes import composing, layout
from stickersnap.api.shapes.photos import AddressRefused, PhotoView, fields_of
from stickersnap.api.shapes.subject import Subject

MOST_EROSION = 1_000
THRESHOLD = 128


class RembgSerializer(StrictSerializer):
    """A photo, and how its background is to go."""

    file = serializers.FileField(help_text="The photo, 20 MB at most.")
    model = serializers.RegexField(
        r"^[\w.-]{1,64}$", default="u2net", help_text="Without effect: the weights that serve cut it (X-Weights)."
    )
    a = serializers.BooleanField(default=False, help_text="Without effect: edges are always found in the photo.")
    af = serializers.IntegerField(default=240, min_value=0, max_value=255, help_text="Without effect.")
    ab = serializers.IntegerField(default=10, min_value=0, max_value=255, help_text="Without effect.")
    ae = serializers.IntegerField(default=10, min_value=0, max_value=MOST_EROSION, help_text="Without effect.")
    om = serializers.BooleanField(default=False, help_text="The mask alone.")
    ppm = serializers.BooleanField(default=False, help_text="A hard edge: each pixel is the subject's or not.")
    bgc = serializers.CharField(required=False, allow_blank=True, max_length=20, help_text="Red,green,blue,alpha.")

    def validate_bgc(self, text: str) -> composing.Colour:
        try:
            parts = [int(part) for part in text.split(",")] if text else list(composing.CLEAR)
        except ValueError:
            parts = []
        if len(parts) != 4 or not all(0 <= part <= 255 for part in parts):
            raise serializers.ValidationError("Give four numbers from 0 to 255: red,green,blue,alpha.")
        return parts[0], parts[1], parts[2], parts[3]


class RembgView(PhotoView):
    """Photo in, the same without its background out, as a PNG of the photo's size. Nothing is kept."""

    parser_classes = [MultiPartParser]
    refusals = {"post": (422,)}

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """rembg fetches `?url=` here."""
        raise AddressRefused("No address is fetched here: POST the picture itself as multipart field `file`.")

    @extend_schema(
        operation_id="rembg_remove",
        request={"multipart/form-data": RembgSerializer},
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def post(self, request: Request) -> HttpResponse:
        given = RembgSerializer(data=fields_of(request.query_params) | fields_of(request.data))
        given.is_valid(raise_exception=True)
        with admission.photo(self.timing.stage) as sized:
            data = given.validated_data["file"].read()
            with self.timing.stage("decode"):
                picture = pictures.decode(data, sized=sized)
            subject = self.subject(picture, (0, 0, *picture.size), picture.size)
            with self.timing.stage("encode"):
                return HttpResponse(made(subject, given.validated_data), content_type="image/png")


def made(subject: Subject, fields: dict[str, Any]) -> bytes:
    """The PNG that is asked for."""
    if fields["ppm"]:
        subject.cut.putalpha(subject.cut.getchannel("A").point([255 * (value >= THRESHOLD) for value in range(256)]))
    laid = layout.laid_out(subject, layout.Wish())
    if fields["om"]:
        return masks.encode_png(np.asarray(composing.composed(subject, laid).getchannel("A")))
    return pictures.encode_png(np.asarray(composing.composed(subject, laid, fields.get("bgc", composing.CLEAR))))
