"""What the operator's overview shows beyond the lists, and what another policy would mean."""

from datetime import UTC, datetime

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stickersnap.accounts.permissions import IsOperator
from stickersnap.releases import selectors
from stickersnap.releases.api.rollouts import RolloutSerializer
from stickersnap.releases.api.serializers import PolicySerializer
from stickersnap.releases.doctor import overview
from stickersnap.releases.doctor.checkup import Health


class ScheduleSerializer(serializers.Serializer):
    """What the schedule waits for."""

    at = serializers.DateTimeField(
        allow_null=True, help_text="The first moment at which the clock lets a scheduled run start; null while off."
    )
    corrections = serializers.IntegerField(help_text="Approved ones that no dataset version holds yet.")
    lacking = serializers.IntegerField(help_text="How many more of them it waits for.")
    unfinished = serializers.BooleanField(
        help_text="The last run failed once it had its dataset: the next takes it up."
    )


class OverviewSerializer(serializers.Serializer):
    """What comes next, and what is being tried."""

    schedule = ScheduleSerializer()
    rollout = RolloutSerializer(allow_null=True, help_text="The trial under way.")
    unrightful = serializers.ListField(
        child=serializers.CharField(), help_text="What would make weights serve, and may not: it was not signed, say."
    )


class FindingSerializer(serializers.Serializer):
    """One thing that a run would find."""

    subject = serializers.CharField()
    health = serializers.ChoiceField(
        choices=[health.value for health in Health],
        source="health.value",
        help_text="ill stands in the way of a run or of its promotion, a note is worth knowing.",
    )
    sentence = serializers.CharField()


class OverviewView(APIView):
    """What comes next."""

    permission_classes = [IsOperator]

    @extend_schema(responses=OverviewSerializer)
    def get(self, request: Request) -> Response:
        """What the schedule waits for, and the trial under way."""
        answer = {
            "schedule": overview.schedule(datetime.now(UTC)),
            "rollout": selectors.rollout_under_way(),
            "unrightful": selectors.unrightful(),
        }
        return Response(OverviewSerializer(answer).data)


class ForecastView(APIView):
    """What a policy would mean."""

    permission_classes = [IsOperator]

    @extend_schema(request=PolicySerializer, responses=FindingSerializer(many=True))
    def post(self, request: Request) -> Response:
        """What a run would find by the policy with these changes; nothing is changed or started."""
        policy = selectors.policy_or_default()
        wishes = PolicySerializer(policy, data=request.data, partial=True)
        wishes.is_valid(raise_exception=True)
        for name, value in wishes.validated_data.items():
            setattr(policy, name, value)
        return Response(FindingSerializer(overview.preview(policy, datetime.now(UTC)), many=True).data)
