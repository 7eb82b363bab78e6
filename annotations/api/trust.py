"""Trust in authors over HTTP, for operators."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations.api.serializers import CorrectionSerializer
from annotations.api.strict import StrictSerializer
from annotations.models import Correction, Quarantine
from annotations.permissions import IsOperator
from annotations.trust import trust
from annotations.trust.suspicion import Trust


class QuarantineSerializer(serializers.ModelSerializer):
    placed_by = serializers.CharField(source="placed_by.get_username")
    lifted_by = serializers.CharField(source="lifted_by.get_username", default=None, allow_null=True)

    class Meta:
        model = Quarantine
        fields = ["author", "reason", "placed_by", "placed_at", "lifted_by", "lifted_at"]


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=300, allow_blank=True, trim_whitespace=True)


class TrustSerializer(serializers.Serializer):
    """How far an author's corrections can be trusted, and why."""

    author = serializers.UUIDField()
    name = serializers.SerializerMethodField(help_text="Of the account, empty for a browser session.")
    score = serializers.FloatField(help_text="0 (not to be trusted) to 1.")
    weight = serializers.FloatField(help_text="What a mask of theirs counts in training, 0 to 1.")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="What speaks against them, in words.")
    corrections = serializers.IntegerField()
    approved = serializers.IntegerField()
    rejected = serializers.IntegerField()
    marked = serializers.IntegerField(help_text="Masks that look wrong on their face.")
    iou = serializers.FloatField(help_text="Mean overlap of their masks with the predictions, 0 to 1.")
    corrections_url = serializers.SerializerMethodField()
    quarantine = serializers.SerializerMethodField()

    def get_name(self, person: Trust) -> str:
        return str(self.context["names"].get(person.author, ""))

    def get_corrections_url(self, person: Trust) -> str:
        return reverse("trust-corrections", args=[person.author])

    def get_quarantine(self, person: Trust) -> QuarantineSerializer(allow_null=True):  # type: ignore[valid-type]
        row = self.context["quarantines"].get(person.author)
        return QuarantineSerializer(row).data if row else None


class MarkedCorrectionSerializer(CorrectionSerializer):
    """A correction as an operator sees it who asks whether its author means well."""

    mark = serializers.SerializerMethodField(help_text="What is wrong on its face: empty, full, inverted, copied …")
    difference_url = serializers.SerializerMethodField()

    class Meta(CorrectionSerializer.Meta):
        fields = [*CorrectionSerializer.Meta.fields, "photo", "iou", "mark", "difference_url"]

    def get_mark(self, correction: Correction) -> str:
        return str(self.context["marks"].get(correction.id, ""))

    def get_difference_url(self, correction: Correction) -> str:
        return reverse("correction-difference", args=[correction.id])


class TrustListView(ListAPIView):
    """Everybody who corrected a photo that may be learned from, the least trusted first."""

    permission_classes = [IsOperator]
    serializer_class = TrustSerializer

    def get_queryset(self) -> list[Trust]:  # type: ignore[override]
        return trust.trust_list()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        people = self.paginate_queryset(self.get_queryset())
        owners = [person.author for person in people or ()]
        names = dict(get_user_model().objects.filter(owner__in=owners).values_list("owner", "username"))
        context = {**self.get_serializer_context(), "names": names, "quarantines": trust.quarantines_open()}
        return self.get_paginated_response(TrustSerializer(people, many=True, context=context).data)


class TrustCorrectionsView(ListAPIView):
    """One author's corrections, newest first, with what is wrong on their face."""

    permission_classes = [IsOperator]
    serializer_class = MarkedCorrectionSerializer

    def get_queryset(self) -> list[Correction]:  # type: ignore[override]
        return trust.corrections_of(self.kwargs["author"])

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "marks": trust.marks_of(self.kwargs.get("author"))}


class QuarantineView(APIView):
    """POST leaves an author's corrections out of the versions to come, DELETE lets them in again."""

    refusals = {"post": (409,), "delete": (409,)}
    permission_classes = [IsOperator]

    @extend_schema(request=ReasonSerializer, responses={201: QuarantineSerializer})
    def post(self, request: Request, author: uuid.UUID) -> Response:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        row = trust.quarantine_place(author=author, operator=request.user, reason=given.validated_data["reason"])
        return Response(QuarantineSerializer(row).data, status=201)

    @extend_schema(responses={200: QuarantineSerializer})
    def delete(self, request: Request, author: uuid.UUID) -> Response:
        return Response(QuarantineSerializer(trust.quarantine_lift(author=author, operator=request.user)).data)
