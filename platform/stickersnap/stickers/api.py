"""Stickers over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import admission, bringing, quota
from annotations import selectors as labels
from annotations.api.answers import Timing, name_predictor, picture_response, say_times
from annotations.api.bodies import PICTURES
from annotations.api.strict import StrictSerializer
from annotations.exceptions import NoSubjectFound
from annotations.owners import owner_of
from segmentation import picture as pictures
from segmentation.mask import exchange, subjects
from segmentation.picture import EmptyUploadError
from stickersnap.stickers import selectors, services, style
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.targets import USUAL, makeable

if TYPE_CHECKING:
    from segmentation.cut import Predictor


@extend_schema_field(style.schema())
class StyleField(serializers.Field):
    """A style, as an object or as the text of one."""

    def to_internal_value(self, data: Any) -> style.Style:
        try:
            return style.parse(data)
        except style.StyleError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


class LookSerializer(serializers.Serializer):
    """For whom a sticker is, and how it looks."""

    target = serializers.ChoiceField(choices=[*makeable()], default=USUAL)
    outline = serializers.BooleanField(default=True, help_text="Without a style: the usual white outline, or none.")
    style = StyleField(required=False)  # type: ignore[assignment]  # DRF keeps a field of that name itself

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        usual = style.outlined(given.pop("outline"))
        return {"style": usual, **given}


class WishSerializer(LookSerializer):
    """How a sticker is to be."""

    subject = serializers.CharField(
        default=subjects.ALL,
        max_length=40,
        help_text="Of several subjects: all, largest, or the one at a point x,y of the photo, 0 to 1, as 0.5,0.4.",
    )

    def validate_subject(self, subject: str) -> str:
        try:
            subjects.parse(subject)
        except subjects.SubjectError as error:
            raise serializers.ValidationError(str(error)) from None
        return subject


class StickerInputSerializer(StrictSerializer, WishSerializer):
    """What to make."""

    photo = serializers.UUIDField()


class PreviewSerializer(LookSerializer):
    """A fix that is being painted, and how its sticker is to be."""

    target = serializers.ChoiceField(choices=[*makeable()], default="telegram")
    photo = serializers.UUIDField()
    mask = serializers.FileField(help_text="A PNG of the photo's size, as a correction takes it.")


class ShownSerializer(serializers.Serializer):
    """Of which photos the stickers are asked for."""

    photo = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=100, help_text="Repeat it for each photo."
    )
    target = serializers.ChoiceField(choices=[*makeable()], default=USUAL)


class StickerSerializer(serializers.ModelSerializer):
    file_url = serializers.SerializerMethodField()
    bytes = serializers.SerializerMethodField()
    outline = serializers.BooleanField(read_only=True, help_text="Does it have one?")
    style = StyleField(read_only=True)  # type: ignore[assignment]
    filename = serializers.SerializerMethodField()
    subjects = serializers.ListField(
        read_only=True,
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        help_text=Sticker._meta.get_field("subjects").help_text,
    )

    class Meta:
        model = Sticker
        fields = [
            "id",
            "photo",
            "file_url",
            "target",
            "outline",
            "style",
            "subject",
            "subjects",
            "width",
            "height",
            "bytes",
            "filename",
            "notes",
            "quality",
            "ssim",
        ]
        read_only_fields = ["subject"]

    def get_file_url(self, sticker: Sticker) -> str:
        return reverse("sticker-file", args=[sticker.id])

    def get_bytes(self, sticker: Sticker) -> int:
        stored: int | None = getattr(sticker, "stored", None)  # a list counts without reading every file
        return len(sticker.file) if stored is None else stored

    def get_filename(self, sticker: Sticker) -> str:
        return selectors.filename(sticker)


class StickerListView(APIView):
    """Makes a sticker of a photo: of its newest correction if it has one, else of its prediction."""

    refusals = {"post": (404, 410, 422)}
    permission_classes = [AllowAny]

    @extend_schema(parameters=[ShownSerializer], responses=StickerSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those that are there already, of the requester's photos as these are masked now."""
        given = ShownSerializer(data={**request.query_params.dict(), "photo": request.query_params.getlist("photo")})
        given.is_valid(raise_exception=True)
        wish = given.validated_data
        stickers = selectors.stickers_current(wish["photo"], owner_of(request), wish["target"])
        return Response(StickerSerializer(stickers, many=True).data)

    @extend_schema(request=StickerInputSerializer, responses={201: StickerSerializer})
    def post(self, request: Request) -> Response:
        given = StickerInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        owner, timing = owner_of(request), Timing()
        wish = given.validated_data
        photo = labels.photo_get(wish.pop("photo"), owner, request.user)
        quota.room_for(owner, request.user)
        with admission.made_of(photo.width * photo.height), timing.stage("store"):
            sticker = services.sticker_render(photo=photo, author=owner, wish=wish, stage=timing.stage)
        response = Response(StickerSerializer(sticker).data, status=201)
        response["X-Weights"], response["X-Device"] = sticker.prediction.weights, sticker.prediction.device
        say_times(response, timing)
        return response


class StickerPreviewView(APIView):
    """The file that a fix would make, before it is saved. Nothing is kept."""

    refusals = {"post": (404, 410, 422)}
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": PreviewSerializer},
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY), (200, "image/webp"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> HttpResponse:
        given = PreviewSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields, timing = given.validated_data, Timing()
        photo = labels.photo_get(fields["photo"], owner_of(request), request.user)
        mask = exchange.as_grey_png(fields["mask"].read(), (photo.width, photo.height))
        wish = services.Wish(target=fields["target"], style=fields["style"], subject=subjects.ALL)
        with admission.made_of(photo.width * photo.height):
            file = services.sticker_previewed(photo=photo, mask=mask, wish=wish, stage=timing.stage)
        response = HttpResponse(file.data, content_type=file.media_type, headers={"Cache-Control": "no-store"})
        say_times(response, timing)
        return response


class StickerFileView(APIView):
    """The sticker's file; `?download=1` saves it under a good name."""

    permission_classes = [AllowAny]

    @extend_schema(
        responses={(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY), (200, "image/webp"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("download", bool)],
    )
    def get(self, request: Request, sticker_id: uuid.UUID) -> HttpResponse:
        owner = owner_of(request)
        sticker = selectors.sticker_get(sticker_id, owner, request.user)
        filename = selectors.filename(sticker) if "download" in request.query_params else ""
        lent = sticker.photo.owner != owner
        return picture_response(bytes(sticker.file), sticker.media_type, filename, lent=lent)


class CutView(APIView):
    """Photo in, cropped transparent PNG out; with `?target=whatsapp` (or another target) the sticker. Nothing is kept.

    `?subject=` chooses among several, `?style={"outline":12}` says how it looks, as they do for stickers.
    """

    permission_classes = [AllowAny]
    authentication_classes = []
    parser_classes = PICTURES
    picture_field = "data"
    schema = None

    predictor: Predictor | None = None

    def post(self, request: Request) -> HttpResponse:
        self.timing, upload, wish = Timing(), request.FILES.get("data"), wish_of(request)
        if upload is None:
            raise EmptyUploadError("Send the photo as multipart field `data`: curl -F data=@photo.jpg …")
        whole = "target" not in request.query_params
        with admission.photo(self.timing.stage) as sized:
            return self.made(upload.read(), wish, whole, sized)

    def made(
        self, data: bytes, wish: services.Wish, whole: bool, sized: Callable[[int], None] | None = None
    ) -> HttpResponse:
        """The sticker that is wished for; where `whole`, the cut-out at the photo's own scale."""
        with self.timing.stage("decode"):
            picture = pictures.decode(data, shorter=None if whole else pictures.SMALL, sized=sized)
        seen = bringing.look(picture, stage=self.timing.stage)
        self.predictor, cut = seen.predictor, seen.cut
        self.timing.add(cut.timings)
        if not cut.subject_found:
            raise NoSubjectFound
        with self.timing.stage("encode"):
            if whole:
                png = services.cut_out(picture.rgb, cut.alpha, wish["subject"], self.timing.stage)
                return HttpResponse(png, content_type="image/png")
            file = services.sticker_made(
                upload=data, picture=picture, alpha=cut.alpha, wish=wish, stage=self.timing.stage
            )
            return HttpResponse(file.data, content_type=file.media_type)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Whatever comes of a photo once it was cut, that there is no subject too, says by what."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if self.predictor is not None:
            name_predictor(final, self.predictor, self.timing)
        return final


def wish_of(request: Request) -> services.Wish:
    """What the address asks for. Raises ValidationError."""
    given = WishSerializer(data=request.query_params.dict())
    given.is_valid(raise_exception=True)
    wish = given.validated_data
    return services.Wish(target=wish["target"], style=wish["style"], subject=wish["subject"])
