"""remove.bg's call and its account, in version 1.0's form."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from PIL import Image
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from annotations import admission
from annotations.api.parsers import JSONParser
from segmentation import picture as pictures
from stickersnap.api.schema import ServiceSchema
from stickersnap.api.shapes import composing, layout
from stickersnap.api.shapes.photos import AddressRefused, PhotoView, fields_of
from stickersnap.api.shapes.subject import Subject, canvas_of
from stickersnap.api.shapes.wishes import SIZES, RemoveBgSerializer, layout_in, photo_in, read

Sized = Callable[[int], None]
WHOLE = "0% 0% 100% 100%"
OTHER = "other"  # of its types: ours are not told apart
FOREGROUND = ("top", "left", "width", "height")


class ErrorLineSerializer(serializers.Serializer):
    title = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ErrorsSerializer(serializers.Serializer):
    """Why something was refused, in remove.bg's form."""

    errors = ErrorLineSerializer(many=True)  # type: ignore[assignment]  # DRF keeps a property of that name itself


class RemoveBgSchema(ServiceSchema):
    """What these addresses refuse, and how: see `wording`."""

    error = ErrorsSerializer

    def _refusals(self) -> set[int]:
        return {400, 403, 406, 429, 503} if self.method == "POST" else {400, 406, 503}


class ResultSerializer(serializers.Serializer):
    result_b64 = serializers.CharField()
    foreground_top = serializers.IntegerField()
    foreground_left = serializers.IntegerField()
    foreground_width = serializers.IntegerField()
    foreground_height = serializers.IntegerField()


class RemoveBgResultSerializer(serializers.Serializer):
    """The file in base64, for a client that accepts JSON alone."""

    data = ResultSerializer()  # type: ignore[assignment]  # DRF keeps a property of that name itself


class RemoveBgView(PhotoView):
    """Photo in, subject out, in remove.bg's form. Nothing is kept."""

    parser_classes = [MultiPartParser, FormParser, JSONParser]
    schema = RemoveBgSchema()

    @extend_schema(
        operation_id="removebg",
        request=RemoveBgSerializer,
        responses={
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "image/webp"): OpenApiTypes.BINARY,
            (200, "application/zip"): OpenApiTypes.BINARY,
            (200, "application/json"): RemoveBgResultSerializer,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        given = fields_of(request.data)
        if given.get("image_url") or given.get("bg_image_url"):
            raise AddressRefused
        wish = RemoveBgSerializer(data=given)
        wish.is_valid(raise_exception=True)
        with admission.photo(self.timing.stage) as sized:
            return self.made(wish.validated_data, sized, json_wanted(request))

    def made(self, fields: dict[str, Any], sized: Sized, as_json: bool) -> HttpResponse:
        """The answer to a call whose fields are valid."""
        behind = self.behind(fields, sized)
        most = SIZES[fields["size"]]
        shorter = max(pictures.SMALL, math.isqrt(most) + 1) if fields["roi"] == WHOLE else None
        with self.timing.stage("decode"):
            picture = pictures.decode(photo_in(fields), shorter=shorter, sized=sized)
        region = read(lambda text: layout.region(text, picture.size), fields["roi"])
        subject = self.subject(picture, region, canvas_of(picture.size, most))
        laid = read(lambda wish: layout.laid_out(subject, wish), layout_in(fields))
        with self.timing.stage("encode"):
            image = composing.composed(subject, laid, behind, shadow=fields["add_shadow"])
            try:
                data, kind = composing.encoded(image, fields["format"], fields["channels"])
            except ValueError as error:
                raise serializers.ValidationError({"format": [str(error)]}) from None
        response = answer(data, kind, subject, as_json)
        name_sizes(response, subject, laid, fields["crop"])
        if fields["type_level"] != "none":
            response["X-Type"] = OTHER
        return response

    def behind(self, fields: dict[str, Any], sized: Sized) -> composing.Colour | Image.Image:
        """What is behind the subject. Raises a PictureError for a bad background."""
        if "bg_image_file" not in fields:
            return fields.get("bg_color") or composing.CLEAR
        with self.timing.stage("decode"):
            shorter = math.isqrt(SIZES[fields["size"]]) + 1
            return pictures.decode(fields["bg_image_file"].read(), shorter=shorter, sized=sized).image

    def get_throttles(self) -> list[BaseThrottle]:
        self.throttles = super().get_throttles()
        return self.throttles

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Says how many photos may still be sent."""
        final = super().finalize_response(request, response, *args, **kwargs)
        for throttle in getattr(self, "throttles", []):
            if isinstance(throttle, SimpleRateThrottle) and hasattr(throttle, "history"):
                for name, said in rate_of(throttle).items():
                    final[name] = said
        return final


def json_wanted(request: Request) -> bool:
    """Whether a client accepts JSON and nothing else; HTTP libraries that list */* too want the file."""
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "*/*" not in accepted and "image/" not in accepted


def answer(data: bytes, kind: str, subject: Subject, as_json: bool) -> HttpResponse:
    """The file, or JSON that has it, and where in the photo the subject was."""
    left, top, width, height = subject.in_photo()
    places = dict(zip(FOREGROUND, (top, left, width, height), strict=True))
    response: HttpResponse
    if as_json:
        found = {f"foreground_{name}": place for name, place in places.items()}
        response = Response({"data": {"result_b64": base64.b64encode(data).decode(), **found}})
    else:
        response = HttpResponse(data, content_type=kind)
    for name, place in places.items():
        response[f"X-Foreground-{name.title()}"] = str(place)
    return response


def name_sizes(response: HttpResponse, subject: Subject, laid: layout.Layout, crop: bool) -> None:
    """How large the answer is, how large it would be at the photo's own scale, and that it costs nothing."""
    largest = subject.photo
    if crop:
        across, down = subject.photo[0] / subject.canvas[0], subject.photo[1] / subject.canvas[1]
        largest = round(laid.canvas[0] * across), round(laid.canvas[1] * down)
    response["X-Width"], response["X-Height"] = str(laid.canvas[0]), str(laid.canvas[1])
    response["X-Max-Width"], response["X-Max-Height"] = str(largest[0]), str(largest[1])
    response["X-Credits-Charged"] = "0"


def rate_of(throttle: Any) -> dict[str, str]:
    """remove.bg's headers for what a SimpleRateThrottle counted; `Reset` is a time in seconds since 1970."""
    left = max(0, throttle.num_requests - len(throttle.history))
    oldest = throttle.history[-1] if throttle.history else time.time()
    return {
        "X-RateLimit-Limit": str(throttle.num_requests),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(math.ceil(oldest + throttle.duration)),
    }


class CreditsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    subscription = serializers.IntegerField()
    payg = serializers.IntegerField()
    enterprise = serializers.IntegerField()


class CallsSerializer(serializers.Serializer):
    free_calls = serializers.IntegerField(help_text="Photos a minute.")
    sizes = serializers.CharField()


class AttributesSerializer(serializers.Serializer):
    credits = CreditsSerializer()
    api = CallsSerializer()


class AccountDataSerializer(serializers.Serializer):
    attributes = AttributesSerializer()


class AccountSerializer(serializers.Serializer):
    """remove.bg's account: there are no credits here, and none are needed."""

    data = AccountDataSerializer()  # type: ignore[assignment]  # DRF keeps a property of that name itself


class AccountView(APIView):
    """What a client may still do: as many photos a minute as anybody."""

    permission_classes = [AllowAny]
    authentication_classes = []
    schema = RemoveBgSchema()

    @extend_schema(operation_id="removebg_account", responses=AccountSerializer)
    def get(self, request: Request) -> Response:
        nothing = dict.fromkeys(("total", "subscription", "payg", "enterprise"), 0)
        calls = {"free_calls": settings.UPLOADS_PER_MINUTE, "sizes": "all"}
        return Response({"data": {"attributes": {"credits": nothing, "api": calls}}})
