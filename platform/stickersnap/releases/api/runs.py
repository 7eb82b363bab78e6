"""One training run over HTTP: what its page shows beyond the list."""

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.views import APIView

from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases import selectors, services
from stickersnap.releases.api.serializers import RunSerializer
from stickersnap.releases.models import TrainingRun


class RunDetailSerializer(RunSerializer):
    """A run with its wishes, its pictures and where MLflow shows it."""

    champion = serializers.CharField(source="champion_id", allow_null=True, help_text="Weights that it had to beat.")
    mlflow_url = serializers.SerializerMethodField(help_text="Empty where MLflow does not know the run.")
    mlflow_hint = serializers.SerializerMethodField(help_text="What must run for that address to answer; may be empty.")
    samples_urls = serializers.SerializerMethodField(help_text="JPEGs: photo, truth, champion's and challenger's mask.")

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "champion", "mlflow_url", "mlflow_hint", "samples_urls"]

    def get_mlflow_url(self, run: TrainingRun) -> str:
        return f"{settings.MLFLOW_PAGES.rstrip('/')}/#/runs/{run.mlflow_run_id}" if run.mlflow_run_id else ""

    def get_mlflow_hint(self, run: TrainingRun) -> str:
        return "manage.py mlflow" if settings.MLFLOW_PAGES == settings.MLFLOW_PAGES_HERE else ""

    def get_samples_urls(self, run: TrainingRun) -> list[str]:
        return [reverse("run-sample", args=[run.id, path.name]) for path in sorted(_samples(run).glob("*.jpg"))]


class RunView(RetrieveAPIView[TrainingRun]):
    """One run."""

    permission_classes = [IsOperator]
    serializer_class = RunDetailSerializer
    queryset = selectors.runs()
    lookup_url_kwarg = "run_id"


class RunSampleView(APIView):
    """One of a run's pictures."""

    permission_classes = [IsOperator]

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, run_id: uuid.UUID, name: str) -> FileResponse:
        """Photo, truth, champion's and challenger's mask, side by side; 404 once the photo or its consent is gone."""
        run: Any = get_object_or_404(TrainingRun, pk=run_id)
        found = next((path for path in _samples(run).glob("*.jpg") if path.name == name), None)
        if found is None:
            raise Http404
        if not selectors.may_be_shown(run, found.stem):
            found.unlink()
            raise Http404
        headers = {"Cache-Control": "private, no-store"}
        return FileResponse(found.open("rb"), content_type="image/jpeg", headers=headers)


def _samples(run: TrainingRun) -> Path:
    return services.run_folder(run) / "samples"
