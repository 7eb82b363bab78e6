"""Stickers over HTTP."""

import uuid

import numpy as np
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import selectors as labels
from annotations.api.answers import Timing, name_predictor, picture_response
from annotations.exceptions import NoSubjectFound
from annotations.lineage import predictor_current
from annotations.owners import owner_of
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation.picture import EmptyUploadError
from stickersnap.stickers import selectors, services
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.render import NothingToCut


class StickerInputSerializer(serializers.Serializer):
    """What to make."""

    photo = serializers.UUIDField()
    target = serializers.ChoiceField(choices=Sticker.Target.choices, default=Sticker.Target.PNG)
    outline = serializers.BooleanField(default=True)


class StickerSerializer(serializers.ModelSerializer):
    file_url = serializers.SerializerMethodField()
    bytes = serializers.SerializerMethodField()
    filename = serializers.SerializerMethodField()

    class Meta:
        model = Sticker
        fields = ["id", "photo", "file_url", "target", "outline", "width", "height", "bytes", "filename", "notes"]

    def get_file_url(self, sticker: Sticker) -> str:
        return reverse("sticker-file", args=[sticker.id])

    def get_bytes(self, sticker: Sticker) -> int:
        return len(sticker.file)

    def get_filename(self, sticker: Sticker) -> str:
        return selectors.filename(sticker)


class StickerListView(APIView):
    """Makes a sticker of a photo: of its newest correction if it has one, else of its prediction."""

    permission_classes = [AllowAny]

    @extend_schema(request=StickerInputSerializer, responses={201: StickerSerializer})
    def post(self, request: Request) -> Response:
        given = StickerInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        owner, timing = owner_of(request), Timing()
        photo = labels.photo_get(given.validated_data.pop("photo"), owner, request.user)
        with timing.stage("render"):
            sticker = services.sticker_render(photo=photo, author=owner, **given.validated_data)
        response = Response(StickerSerializer(sticker).data, status=201)
        response["X-Weights"], response["X-Device"] = sticker.prediction.weights, sticker.prediction.device
        response["Server-Timing"] = timing.header()
        return response


class StickerFileView(APIView):
    """The sticker's file; `?download=1` saves it under a good name."""

    permission_classes = [AllowAny]

    @extend_schema(
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY), (200, "image/webp"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("download", bool)],
    )
    def get(self, request: Request, sticker_id: uuid.UUID) -> HttpResponse:
        sticker = selectors.sticker_get(sticker_id, owner_of(request), request.user)
        filename = selectors.filename(sticker) if "download" in request.query_params else ""
        return picture_response(bytes(sticker.file), sticker.media_type, filename)


class WishSerializer(serializers.Serializer):
    """A sticker asked for by the address alone."""

    target = serializers.ChoiceField(choices=Sticker.Target.choices)
    outline = serializers.BooleanField(default=True)


class CutView(APIView):
    """Photo in, cropped transparent PNG out; with `?target=whatsapp` (telegram, png) the sticker. Nothing is kept."""

    permission_classes = [AllowAny]
    authentication_classes = []
    parser_classes = [MultiPartParser]
    schema = None

    def post(self, request: Request) -> HttpResponse:
        timing, upload, wish = Timing(), request.FILES.get("data"), wish_of(request)
        if upload is None:
            raise EmptyUploadError("Send the photo as multipart field `data`: curl -F data=@photo.jpg …")
        data = upload.read()
        with timing.stage("decode"):
            picture = pictures.decode(data, shorter=pictures.SMALL if wish else None)
            small = picture.small
        predictor = predictor_current()
        with timing.stage("network"):
            cut = predictor.predict(small)
        if not cut.subject_found:
            raise NoSubjectFound
        with timing.stage("encode"):
            response = sticker(data, picture, cut.alpha, wish) if wish else cut_out(picture, cut.alpha)
        name_predictor(response, predictor, timing)
        return response


def wish_of(request: Request) -> services.Wish | None:
    """The sticker that the address asks for; None where it names no target. Raises ValidationError."""
    if "target" not in request.query_params:
        return None
    given = WishSerializer(data=request.query_params.dict())
    given.is_valid(raise_exception=True)
    return services.Wish(target=given.validated_data["target"], outline=given.validated_data["outline"])


def sticker(data: bytes, picture: pictures.Picture, alpha: np.ndarray, wish: services.Wish) -> HttpResponse:
    made = services.sticker_made(upload=data, picture=picture, alpha=alpha, wish=wish)
    return HttpResponse(made.data, content_type=made.media_type)


def cut_out(picture: pictures.Picture, alpha: np.ndarray) -> HttpResponse:
    try:
        data = services.cut_out(picture.rgb, masks.resized(alpha, picture.size))
    except NothingToCut:
        raise NoSubjectFound from None
    return HttpResponse(data, content_type="image/png")
