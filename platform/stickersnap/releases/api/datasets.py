"""Dataset versions over HTTP: what is in each, and what changed since the one before."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations.datasets import history
from annotations.datasets.versions import version_get
from annotations.models import DatasetItem, DatasetVersion, Photo
from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases.models import TrainingRun

MOST = 200
"""Changed photos that are told of; the others are counted."""


class VersionSerializer(serializers.Serializer):
    """A version in figures."""

    number = serializers.IntegerField()
    digest = serializers.CharField(help_text="Of the manifest: same samples, same digest.")
    created_at = serializers.DateTimeField()
    train = serializers.IntegerField()
    holdout = serializers.IntegerField()
    unlabelled = serializers.IntegerField()
    purged = serializers.IntegerField(help_text="Samples whose bytes were removed for good.")


class SampleSerializer(serializers.Serializer):
    """A photo that two versions do not hold alike."""

    what = serializers.CharField(help_text="added, removed, or what changed of it: mask, weight, split.")
    photo = serializers.UUIDField()
    correction = serializers.UUIDField(allow_null=True)
    split = serializers.CharField()
    image_url = serializers.CharField(allow_null=True, help_text="Null where the photo may not be seen any more.")


class VersionDetailSerializer(serializers.Serializer):
    """A version and how it came to be; all of the first one came."""

    version = VersionSerializer()
    former = serializers.IntegerField(allow_null=True)
    counted = serializers.DictField(child=serializers.IntegerField(), help_text="Changes by kind.")
    changes = SampleSerializer(many=True, help_text=f"The first {MOST}.")
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="Approved, yet not in it, by reason.")
    sources = serializers.DictField(child=serializers.IntegerField())
    owners = serializers.IntegerField()
    groups = serializers.IntegerField(help_text="Near-duplicates counted once.")
    bytes = serializers.IntegerField()
    runs = serializers.ListField(child=serializers.UUIDField())


class DatasetListView(ListAPIView[DatasetVersion]):
    """Dataset versions, newest first."""

    permission_classes = [IsOperator]
    serializer_class = VersionSerializer
    queryset = DatasetVersion.objects.none()

    def get_queryset(self) -> Any:
        return history.versions().order_by("-number")


class DatasetView(APIView):
    """One dataset version."""

    permission_classes = [IsOperator]

    @extend_schema(responses=VersionDetailSerializer)
    def get(self, request: Request, number: int) -> Response:
        """What is in it, and what changed since the version before it."""
        version_get(number)
        told = history.summary(number)
        former = DatasetVersion.objects.filter(number__lt=number).order_by("-number").first()
        changes = list(history.diff(former.number, number)) if former else _all_of(number)
        answer = {
            "version": history.versions().get(number=number),
            "former": former.number if former else None,
            "counted": history.counted(changes),
            "changes": _samples(changes[:MOST]),
            "left_out": told.left_out,
            "sources": told.sources,
            "owners": told.owners,
            "groups": told.groups,
            "bytes": told.bytes,
            "runs": list(TrainingRun.objects.filter(dataset=number).values_list("id", flat=True)),
        }
        return Response(VersionDetailSerializer(answer).data)


def _all_of(number: int) -> list[history.Change]:
    """The first version: everything in it came."""
    items: Any = DatasetItem.objects.filter(dataset=number).order_by("photo", "id")
    held = items.values("photo", "correction", "split")
    return [history.Change(item["photo"], None, item) for item in held]


def _samples(changes: list[history.Change]) -> list[dict[str, Any]]:
    photos = {change.photo for change in changes}
    seen = set(Photo.objects.filter(id__in=photos, consented_at__isnull=False).values_list("id", flat=True))
    samples = []
    for change in changes:
        held = change.after or change.before or {}
        image = reverse("photo-image", args=[change.photo]) if change.photo in seen else None
        line = {"what": change.what, "photo": change.photo, "image_url": image}
        samples.append({**line, "correction": held["correction"], "split": held["split"]})
    return samples
