"""Whether a messenger takes a file, over HTTP. Nothing is kept."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import admission
from annotations.api.strict import StrictSerializer
from stickersnap.validate import packs
from stickersnap.validate.checking import check, valid
from stickersnap.validate.likely import likely_target
from stickersnap.validate.limits import UnknownTargetError, target_get, targets

PATIENCE = 20.0  # seconds a file waits for its turn beside the stickers that are made


class ValidateInputSerializer(StrictSerializer):
    """A sticker or a pack, and whom it is for; without `target` what its format tells."""

    file = serializers.FileField(help_text="WebP, PNG, APNG, GIF, JPEG, WebM, .wastickers or zip; 20 MB at most.")
    target = serializers.CharField(required=False, max_length=40, help_text="One of those that GET lists.")

    def validate_target(self, name: str) -> str:
        try:
            return target_get(name).name
        except UnknownTargetError as error:
            raise serializers.ValidationError(str(error)) from None


class FileFindingSerializer(serializers.Serializer):
    """One thing about the file: refused, or advice."""

    rule = serializers.CharField()
    detail = serializers.CharField()
    mend = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # DRF keeps a field of that name itself
    file = serializers.CharField(allow_blank=True)
    frame = serializers.IntegerField(required=False)
    chunk = serializers.CharField(required=False)
    byte = serializers.IntegerField(required=False)
    refused = serializers.BooleanField()


class VerdictSerializer(serializers.Serializer):
    """Whether the target takes it, and everything found."""

    target = serializers.CharField()
    valid = serializers.BooleanField()
    findings = FileFindingSerializer(many=True)


class TargetSerializer(serializers.Serializer):
    """A target's limits, as far as a page shows them."""

    name = serializers.CharField()
    title = serializers.CharField()
    formats = serializers.ListField(child=serializers.CharField())
    box = serializers.ListField(child=serializers.IntegerField(), help_text="Width and height at most.")
    bytes = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]  # DRF keeps a field of that name itself
    checked = serializers.DateField()


class BadPack(serializers.ValidationError):
    """The pack cannot be opened."""

    default_code = "bad_pack"


class ValidateView(APIView):
    """Says whether a messenger would take a file or a pack, ours or foreign, and if not: what, where, whose rule."""

    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]

    @extend_schema(responses=TargetSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The targets with their limits."""
        return Response(TargetSerializer(list(targets().values()), many=True).data)

    @extend_schema(
        request={"multipart/form-data": ValidateInputSerializer},
        responses={200: VerdictSerializer, 400: OpenApiResponse(description="No file, an unknown target, a bad pack.")},
    )
    def post(self, request: Request) -> Response:
        given = ValidateInputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        upload, name = given.validated_data["file"], given.validated_data.get("target")
        with admission.stickers.place(PATIENCE):
            return Response(VerdictSerializer(verdict(upload, name)).data)


def verdict(upload: UploadedFile, named: str | None) -> dict[str, object]:
    """The verdict on an uploaded file for the target of that name. Raises BadPack."""
    name = PurePosixPath(upload.name or "file").name
    data = upload.read()
    if data[:4] != b"PK\x03\x04":
        target = target_get(named) if named else likely_target(data)
        findings = check(data, target, name)
    else:
        target = target_get(named or "whatsapp")
        with tempfile.TemporaryDirectory() as folder:
            # its own name decides how a pack is read, but no part of it becomes a path
            path = Path(folder) / f"pack{'.wastickers' if name.lower().endswith('.wastickers') else '.zip'}"
            path.write_bytes(data)
            try:
                findings = packs.check_pack(packs.read(path), target)
            except packs.PackError as error:
                raise BadPack(str(error).replace(path.name, name), code="bad_pack") from None
        findings = [finding.renamed(path.name, name) for finding in findings]
    return {"target": target.name, "valid": valid(findings), "findings": [finding.as_dict() for finding in findings]}
