"""One decision over HTTP: its evidence, its pictures, and an operator's word on one that waits."""

import uuid
from pathlib import Path
from typing import Any

from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations.api.strict import StrictSerializer
from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases import selectors, services, signing
from stickersnap.releases.api.serializers import DecisionSerializer
from stickersnap.releases.models import Approval, PromotionDecision, TrainingRun


class ApprovalSerializer(serializers.ModelSerializer):
    """An operator's word."""

    class Meta:
        model = Approval
        fields = ["approved", "by", "comment", "created_at"]


class DecisionDetailSerializer(DecisionSerializer):
    """A decision with everything it was based on."""

    evidence: Any = serializers.DictField(help_text="Figures, slices, and the scores of every held-out picture.")
    run = serializers.UUIDField(source="run_id", allow_null=True)
    approval_needed = serializers.BooleanField()
    approval = serializers.SerializerMethodField()
    waiting = serializers.SerializerMethodField(help_text="Passed, and serves only once an operator approves it.")
    signed = serializers.SerializerMethodField(help_text="Whether this installation's key signed it as it stands.")

    class Meta(DecisionSerializer.Meta):
        fields = [*DecisionSerializer.Meta.fields, "run", "approval_needed", "approval", "waiting", "signed"]

    @extend_schema(responses=ApprovalSerializer(allow_null=True))
    def get_approval(self, decision: PromotionDecision) -> dict[str, Any] | None:
        given = getattr(decision, "approval", None)
        return dict(ApprovalSerializer(given).data) if given else None

    def get_waiting(self, decision: PromotionDecision) -> bool:
        return decision.passed and decision.approval_needed and getattr(decision, "approval", None) is None

    def get_signed(self, decision: PromotionDecision) -> bool:
        return signing.verifies(decision)


class CommentSerializer(StrictSerializer):
    """Why, for those who look later."""

    comment = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class DecisionView(RetrieveAPIView[PromotionDecision]):
    """One decision."""

    permission_classes = [IsOperator]
    serializer_class = DecisionDetailSerializer
    queryset = PromotionDecision.objects.select_related("approval")
    lookup_url_kwarg = "decision_id"


class DecisionApproveView(APIView):
    """An operator's yes."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=CommentSerializer, responses=DecisionDetailSerializer)
    def post(self, request: Request, decision_id: int) -> Response:
        """Deploys what waited; 409 when nothing waits, or other weights serve since."""
        decision = get_object_or_404(PromotionDecision, pk=decision_id)
        services.decision_approve(decision=decision, by=request.user.get_username(), comment=_comment(request))
        return Response(DecisionDetailSerializer(PromotionDecision.objects.get(pk=decision_id)).data)


class DecisionDeclineView(APIView):
    """An operator's no."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=CommentSerializer, responses=DecisionDetailSerializer)
    def post(self, request: Request, decision_id: int) -> Response:
        """What waited never serves; 409 when nothing waits."""
        decision = get_object_or_404(PromotionDecision, pk=decision_id)
        services.decision_decline(decision=decision, by=request.user.get_username(), comment=_comment(request))
        return Response(DecisionDetailSerializer(PromotionDecision.objects.get(pk=decision_id)).data)


def _comment(request: Request) -> str:
    given = CommentSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["comment"])


class RunEvidenceView(APIView):
    """One of the pictures of what got worst and what got best."""

    permission_classes = [IsOperator]

    @extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
    def get(self, request: Request, run_id: uuid.UUID, name: str) -> FileResponse:
        """Photo, truth, champion's and challenger's mask, side by side; 404 once the photo or its consent is gone."""
        run: Any = get_object_or_404(TrainingRun.objects.select_related("decision"), pk=run_id)
        decision = getattr(run, "decision", None)
        pictures = decision.evidence.get("pictures", []) if decision else []
        sha256 = next((picture["image_sha256"] for picture in pictures if picture.get("name") == name), None)
        path = services.run_folder(run) / "evidence" / Path(name).name
        if sha256 is None or not path.is_file():
            raise Http404
        if not selectors.may_be_shown(run, sha256):
            path.unlink()
            raise Http404
        headers = {"Cache-Control": "private, no-store"}
        return FileResponse(path.open("rb"), content_type="image/webp", headers=headers)
