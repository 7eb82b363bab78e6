"""Trials of what passed the gate: shadow and canary, to be looked at, moved on and ended by operators."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases.models import Rollout, ShadowAnswer
from stickersnap.releases.rollout import rollouts, shadow


class ShadowSummarySerializer(serializers.Serializer):
    """How many live photos were answered silently, and how much like the champion."""

    answers = serializers.IntegerField()
    problems = serializers.IntegerField()
    agreement = serializers.FloatField(allow_null=True, help_text="Mean soft IoU with what was served, 0 to 1.")


class CanaryFiguresSerializer(serializers.Serializer):
    """How often people correct what the challenger served them, and what the champion served the others."""

    canary_owners = serializers.IntegerField()
    canary_photos = serializers.IntegerField()
    canary_rate = serializers.FloatField(allow_null=True, help_text="Share of photos that were corrected.")
    others_owners = serializers.IntegerField()
    others_photos = serializers.IntegerField()
    others_rate = serializers.FloatField(allow_null=True)
    looks = serializers.IntegerField(help_text="How often it was tested; each look asks for more certainty.")
    p = serializers.FloatField(allow_null=True, help_text='Of "no worse", at the last look.')
    limit = serializers.FloatField(allow_null=True, help_text="Below it, the canary is ended.")
    worse = serializers.BooleanField()


class RolloutSerializer(serializers.ModelSerializer):
    """A challenger on its way from shadow over canary to everyone."""

    weights = serializers.CharField(source="weights_id")
    network = serializers.CharField(source="weights.network")
    champion = serializers.CharField(source="decision.champion_id", allow_null=True)
    run = serializers.UUIDField(source="decision.run_id", allow_null=True)
    waits_for_approval = serializers.SerializerMethodField()
    shadow = serializers.SerializerMethodField()
    canary = serializers.SerializerMethodField()

    class Meta:
        model = Rollout
        fields = [
            "id",
            "stage",
            "stage_at",
            "message",
            "weights",
            "network",
            "champion",
            "run",
            "decision",
            "waits_for_approval",
            "shadow_share",
            "shadow_hours",
            "canary_share",
            "canary_hours",
            "shadow",
            "canary",
            "by",
            "created_at",
            "ended_at",
        ]

    def get_waits_for_approval(self, rollout: Rollout) -> bool:
        return rollouts.waits(rollout.decision)

    @extend_schema_field(ShadowSummarySerializer)
    def get_shadow(self, rollout: Rollout) -> dict[str, Any]:
        return shadow.summary(rollout)

    @extend_schema_field(CanaryFiguresSerializer(allow_null=True))
    def get_canary(self, rollout: Rollout) -> dict[str, Any] | None:
        return dict(CanaryFiguresSerializer(rollout.figures).data) if rollout.figures else None


class ShadowAnswerSerializer(serializers.ModelSerializer):
    """One live photo that the challenger would have cut otherwise."""

    photo = serializers.UUIDField(source="photo_id")
    difference_url = serializers.SerializerMethodField()

    class Meta:
        model = ShadowAnswer
        fields = ["id", "photo", "agreement", "difference_url", "created_at"]

    def get_difference_url(self, answer: ShadowAnswer) -> str:
        return reverse("shadow-difference", args=[answer.rollout_id, answer.photo_id])


class RolloutListView(ListAPIView[Rollout]):
    """Rollouts, newest first; the first may be under way."""

    permission_classes = [IsOperator]
    serializer_class = RolloutSerializer
    queryset = Rollout.objects.select_related("weights", "decision")


class ShadowListView(ListAPIView[ShadowAnswer]):
    """The live photos that a challenger would have cut most differently, the most different first."""

    permission_classes = [IsOperator]
    serializer_class = ShadowAnswerSerializer
    queryset = ShadowAnswer.objects.none()

    def get_queryset(self) -> QuerySet[ShadowAnswer]:
        return shadow.most_different(get_object_or_404(Rollout, id=self.kwargs["rollout_id"]))


class ShadowDifferenceView(APIView):
    """Where challenger and champion disagree on a live photo."""

    permission_classes = [IsOperator]

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY})
    def get(self, request: Request, rollout_id: uuid.UUID, photo_id: uuid.UUID) -> HttpResponse:
        """The photo, faded; green is what the challenger adds, red what it takes away; 512 pixels at most.

        404 once its owner allows learning from it no more.
        """
        answers = shadow.most_different(get_object_or_404(Rollout, id=rollout_id))
        answer = get_object_or_404(answers, photo=photo_id)
        response = HttpResponse(shadow.disagreement(answer), content_type="image/png")
        response["Cache-Control"] = "private, no-store"
        return response


class RolloutEndView(APIView):
    """Stops a trial."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=None, responses=RolloutSerializer)
    def post(self, request: Request, rollout_id: uuid.UUID) -> Response:
        """The champion serves everyone again; 409 where the rollout is over."""
        rollout = get_object_or_404(Rollout, id=rollout_id)
        ended = rollouts.rollout_end(rollout=rollout, by=request.user.get_username())
        return Response(RolloutSerializer(ended).data)


class RolloutNextView(APIView):
    """Moves a trial on before its time."""

    refusals = {"post": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=None, responses=RolloutSerializer)
    def post(self, request: Request, rollout_id: uuid.UUID) -> Response:
        """From shadow to canary, or to everyone; 409 where it is over, or waits for approval."""
        rollout = get_object_or_404(Rollout, id=rollout_id)
        moved = rollouts.rollout_next(rollout=rollout, by=request.user.get_username())
        return Response(RolloutSerializer(moved).data)
