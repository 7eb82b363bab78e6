"""The releases over HTTP: thin, operators only but for what everyone may know."""

from typing import Any

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases import lineage, selectors, services, serving
from stickersnap.releases.api.serializers import (
    CurrentWeightsSerializer,
    DeploymentSerializer,
    LineageSerializer,
    PolicySerializer,
    RetrainSerializer,
    RunSerializer,
)
from stickersnap.releases.exceptions import NotReady
from stickersnap.releases.models import Deployment, TrainingRun
from stickersnap.releases.runs import runs


class CurrentWeightsView(APIView):
    """What is being served."""

    permission_classes = [AllowAny]

    @extend_schema(responses=CurrentWeightsSerializer)
    def get(self, request: Request) -> Response:
        """The weights that serve, with their figures, and the run and dataset version they came from."""
        deployment = selectors.deployment_current()
        if deployment is None:
            raise NotReady
        weights, run = deployment.weights, deployment.weights.run
        answer = {
            "sha256": weights.sha256,
            "network": weights.network,
            "device": serving.predictor_current().device,
            "metrics": selectors.figures(weights),
            "dataset_version": run.dataset_id if run else None,
            "run": run.id if run else None,
            "deployment": deployment.id,
            "deployed_at": deployment.created_at,
            "student": _student(deployment),
        }
        return Response(CurrentWeightsSerializer(answer).data)


class BrowserGraphView(APIView):
    """What is being served, for browsers."""

    permission_classes = [AllowAny]

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request) -> HttpResponseBase:
        """The ONNX graph of the weights that serve, or of their student, small enough for a browser.

        Input `image` N×S×S×3 uint8, outputs `refined` and `coarse` N×S×S float32. Ask again with If-None-Match.
        """
        sha256, path = serving.browser_graph()
        etag = f'"{sha256}"'
        answer: HttpResponseBase | None = get_conditional_response(request._request, etag=etag)
        if answer is None:
            answer = FileResponse(path.open("rb"), content_type="application/octet-stream")
        answer["ETag"] = etag
        answer["Cache-Control"] = "public, no-cache"
        return answer


class RunListView(ListAPIView[TrainingRun]):
    """Training runs, newest first."""

    permission_classes = [IsOperator]
    serializer_class = RunSerializer
    queryset = selectors.runs()


class RetrainView(APIView):
    """Starts the loop."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=RetrainSerializer, responses={202: RunSerializer})
    def post(self, request: Request) -> Response:
        """Asks the worker for a training run; 409 while another is under way."""
        wishes = RetrainSerializer(data=request.data)
        wishes.is_valid(raise_exception=True)
        run = runs.run_start(by=request.user.get_username(), **wishes.validated_data)
        return Response(RunSerializer(selectors.runs().get(pk=run.pk)).data, status=status.HTTP_202_ACCEPTED)


class PolicyView(APIView):
    """When to train without being asked."""

    permission_classes = [IsOperator]

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request) -> Response:
        """The policy."""
        return Response(PolicySerializer(selectors.policy_or_default()).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def patch(self, request: Request) -> Response:
        """Changes what is named, and leaves the rest."""
        wishes = PolicySerializer(selectors.policy(), data=request.data, partial=True)
        wishes.is_valid(raise_exception=True)
        wishes.save()
        return Response(wishes.data)


class LineageView(APIView):
    """Where something came from, and where it went."""

    permission_classes = [IsOperator]

    @extend_schema(responses=LineageSerializer)
    def get(self, request: Request, kind: str, name: str) -> Response:
        """Both ways: sticker → weights → run → dataset → corrections → reviewers, and back."""
        graph = lineage.lineage(kind, name)
        edges = [
            {"start": {"kind": a[0], "id": a[1]}, "end": {"kind": b[0], "id": b[1]}, "word": word}
            for a, b, word in sorted(graph.edges)
        ]
        answer = {"nodes": list(graph.nodes.values()), "edges": edges, "left_off": graph.left_off}
        return Response(LineageSerializer(answer).data)


class DeploymentListView(ListAPIView[Deployment]):
    """Deployments, newest first."""

    permission_classes = [IsOperator]
    serializer_class = DeploymentSerializer
    queryset = selectors.deployments()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "current": _current_id()}


class RollbackView(APIView):
    """Goes back."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=None, responses={201: DeploymentSerializer})
    def post(self, request: Request) -> Response:
        """Deploys the weights that served before the present ones; 409 when there are none."""
        deployment = services.rollback(by=request.user.get_username())
        answer = DeploymentSerializer(deployment, context={"current": deployment.pk})
        return Response(answer.data, status=status.HTTP_201_CREATED)


def _student(deployment: Deployment) -> dict[str, Any] | None:
    student = selectors.student_of(deployment)
    if student is None:
        return None
    return {
        "sha256": student.weights_id,
        "network": student.weights.network,
        "champion": student.champion_id,
        "metrics": selectors.figures(student.weights),
        "deployed_at": student.created_at,
    }


def _current_id() -> int | None:
    current = selectors.deployment_current()
    return current.pk if current else None
