"""Packs over HTTP. Everybody sees their own and nobody else's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations.api.strict import StrictSerializer
from annotations.owners import owner_of
from segmentation.mask import subjects
from stickersnap.packs import exports, selectors, services
from stickersnap.packs.emojis import is_emoji
from stickersnap.packs.models import ALT, EMOJIS, NAME, Pack, PackSticker
from stickersnap.stickers import style
from stickersnap.stickers.api import StyleField
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.targets import makeable

SHOWN = "telegram"
"""The target whose files stand for the stickers in a page."""


class ChosenSerializer(StrictSerializer):
    """A sticker for a pack, as stickers are asked for."""

    photo = serializers.UUIDField()
    style = StyleField(default=style.Style)  # type: ignore[assignment]  # DRF keeps a field of that name itself
    subject = serializers.CharField(default=subjects.ALL, max_length=40)

    def validate_subject(self, subject: str) -> str:
        try:
            subjects.parse(subject)
        except subjects.SubjectError as error:
            raise serializers.ValidationError(str(error)) from None
        return subject


class ChosenListSerializer(StrictSerializer):
    """Stickers for a pack, in order."""

    stickers = ChosenSerializer(many=True, allow_empty=False, max_length=services.STICKERS)  # type: ignore[call-arg]


class PackInputSerializer(StrictSerializer):
    """A new pack."""

    name = serializers.CharField(max_length=NAME)
    author = serializers.CharField(max_length=NAME, help_text="Who the messengers say it is by.")
    stickers = ChosenSerializer(many=True, required=False, max_length=services.STICKERS)  # type: ignore[call-arg]


class PackChangeSerializer(StrictSerializer):
    """What is to be otherwise."""

    name = serializers.CharField(max_length=NAME, required=False)
    author = serializers.CharField(max_length=NAME, required=False)
    tray = serializers.UUIDField(required=False, help_text="The sticker that is to stand for the pack.")


class OrderSerializer(StrictSerializer):
    """Every sticker of a pack, the first one first."""

    stickers = serializers.ListField(child=serializers.UUIDField(), max_length=2 * services.STICKERS)


class PackStickerChangeSerializer(StrictSerializer):
    """What is said of a sticker."""

    emojis = serializers.ListField(
        child=serializers.CharField(max_length=40), min_length=1, max_length=EMOJIS, required=False
    )
    alt = serializers.CharField(max_length=ALT, allow_blank=True, required=False)

    def validate_emojis(self, emojis: list[str]) -> list[str]:
        if other := next((one for one in emojis if not is_emoji(one)), None):
            raise serializers.ValidationError(f"{other!r} is no emoji: write one to {EMOJIS} emojis, one by one.")
        return list(dict.fromkeys(emojis))


class ExportQuerySerializer(serializers.Serializer):
    """Whom the pack is for."""

    target = serializers.ChoiceField(choices=[*makeable()])
    contents = serializers.BooleanField(
        default=False, help_text="For WhatsApp: the folder with contents.json that developers build apps of."
    )


class PackStickerSerializer(serializers.ModelSerializer):
    """A sticker of a pack; `file_url` is its picture, null where none is made yet."""

    style = StyleField(read_only=True)  # type: ignore[assignment]
    name = serializers.CharField(source="photo.name")
    emojis = serializers.ListField(child=serializers.CharField())
    file_url = serializers.SerializerMethodField()

    class Meta:
        model = PackSticker
        fields = ["id", "photo", "name", "style", "subject", "emojis", "alt", "file_url"]

    def get_file_url(self, sticker: PackSticker) -> str | None:
        return _address(self.context["pictures"].get(sticker.id))


class PackSerializer(serializers.ModelSerializer):
    """A pack from outside; `tray` is the sticker that stands for it, `tray_url` its picture."""

    count = serializers.IntegerField()
    tray = serializers.SerializerMethodField()
    tray_url = serializers.SerializerMethodField()

    class Meta:
        model = Pack
        fields = ["id", "name", "author", "count", "tray", "tray_url", "created_at"]

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_tray(self, pack: Pack) -> str | None:
        tray = self.context["trays"].get(pack.id)
        return tray and str(tray.id)

    def get_tray_url(self, pack: Pack) -> str | None:
        tray = self.context["trays"].get(pack.id)
        return _address(tray and self.context["pictures"].get(tray.id))


class PackDetailSerializer(PackSerializer):
    """A pack with its stickers, in order."""

    stickers = serializers.SerializerMethodField()

    class Meta(PackSerializer.Meta):
        fields = [*PackSerializer.Meta.fields, "stickers"]

    @extend_schema_field(PackStickerSerializer(many=True))
    def get_stickers(self, pack: Pack) -> list[dict[str, Any]]:
        return list(PackStickerSerializer(self.context["stickers"], many=True, context=self.context).data)


class PackListView(APIView):
    """The requester's packs."""

    refusals = {"post": (404, 409, 410)}
    permission_classes = [AllowAny]

    @extend_schema(responses=PackSerializer(many=True))
    def get(self, request: Request) -> Response:
        owner = owner_of(request)
        packs = list(selectors.packs_of(owner))
        trays = selectors.trays_of(packs, owner)
        pictures = selectors.pictures_of(trays.values(), owner, SHOWN)
        return Response(PackSerializer(packs, many=True, context={"trays": trays, "pictures": pictures}).data)

    @extend_schema(request=PackInputSerializer, responses={201: PackDetailSerializer})
    def post(self, request: Request) -> Response:
        given = PackInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        pack = services.pack_create(owner=owner_of(request), **given.validated_data)
        return Response(_told(pack.id, pack.owner), status=201)


class PackView(APIView):
    """One of the requester's packs."""

    permission_classes = [AllowAny]

    @extend_schema(responses=PackDetailSerializer)
    def get(self, request: Request, pack_id: uuid.UUID) -> Response:
        return Response(_told(pack_id, owner_of(request)))

    @extend_schema(request=PackChangeSerializer, responses=PackDetailSerializer)
    def patch(self, request: Request, pack_id: uuid.UUID) -> Response:
        """Renames it, or chooses the sticker that stands for it."""
        given = PackChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.pack_change(pack_id=pack_id, owner=owner_of(request), **given.validated_data)
        return Response(_told(pack_id, owner_of(request)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pack_id: uuid.UUID) -> Response:
        """Deletes the pack; the photos stay."""
        services.pack_delete(pack_id=pack_id, owner=owner_of(request))
        return Response(status=204)


class PackStickersView(APIView):
    """What is in a pack."""

    refusals = {"post": (409, 410)}
    permission_classes = [AllowAny]

    @extend_schema(request=ChosenListSerializer, responses={201: PackDetailSerializer})
    def post(self, request: Request, pack_id: uuid.UUID) -> Response:
        """Puts stickers at its end; those that are in it already stay where they are."""
        given = ChosenListSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.stickers_add(pack_id=pack_id, owner=owner_of(request), **given.validated_data)
        return Response(_told(pack_id, owner_of(request)), status=201)


class PackOrderView(APIView):
    """In which order a pack's stickers come."""

    refusals = {"put": (409,)}
    permission_classes = [AllowAny]

    @extend_schema(request=OrderSerializer, responses=PackDetailSerializer)
    def put(self, request: Request, pack_id: uuid.UUID) -> Response:
        given = OrderSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        order = given.validated_data["stickers"]
        services.stickers_order(pack_id=pack_id, owner=owner_of(request), order=order)
        return Response(_told(pack_id, owner_of(request)))


class PackStickerView(APIView):
    """A sticker of a pack."""

    permission_classes = [AllowAny]

    @extend_schema(request=PackStickerChangeSerializer, responses=PackDetailSerializer)
    def patch(self, request: Request, pack_id: uuid.UUID, sticker_id: uuid.UUID) -> Response:
        """Says something else of it."""
        given = PackStickerChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        owner = owner_of(request)
        services.sticker_change(pack_id=pack_id, sticker_id=sticker_id, owner=owner, **given.validated_data)
        return Response(_told(pack_id, owner))

    @extend_schema(responses=PackDetailSerializer)
    def delete(self, request: Request, pack_id: uuid.UUID, sticker_id: uuid.UUID) -> Response:
        """Takes it out; the photo stays."""
        owner = owner_of(request)
        services.sticker_remove(pack_id=pack_id, sticker_id=sticker_id, owner=owner)
        return Response(_told(pack_id, owner))


class PackExportView(APIView):
    """The pack as a file: `.wastickers` for WhatsApp, else a zip. What is refused says what is wrong, and the mend."""

    refusals = {"get": (403, 409, 422)}
    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[ExportQuerySerializer],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, pack_id: uuid.UUID) -> HttpResponse:
        given = ExportQuerySerializer(data=request.query_params.dict())
        given.is_valid(raise_exception=True)
        pack = selectors.pack_get(pack_id, owner_of(request))
        export = exports.pack_export(pack=pack, user=request.user, **given.validated_data)
        # octet-stream: a browser that knew it for a zip would call a .wastickers file that
        response = HttpResponse(export.data, content_type="application/octet-stream")
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=export.filename) or ""
        response["Cache-Control"] = "private, no-store"
        return response


def _told(pack_id: uuid.UUID, owner: uuid.UUID) -> Mapping[str, Any]:
    """A pack as it is now, for an answer. Raises NotFound."""
    pack = selectors.pack_get(pack_id, owner)
    stickers = list(selectors.stickers_of(pack))
    tray = next((one for one in stickers if one.is_tray), stickers[0] if stickers else None)
    pictures = selectors.pictures_of(stickers, owner, SHOWN)
    context = {"stickers": stickers, "trays": {pack.id: tray}, "pictures": pictures}
    return PackDetailSerializer(pack, context=context).data


def _address(made: Sticker | None) -> str | None:
    return reverse("sticker-file", args=[made.id]) if made else None
