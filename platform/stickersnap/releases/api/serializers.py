"""What operators read about releases."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from annotations.api.strict import StrictSerializer
from annotations.exceptions import AnnotationError
from segmentation import networks
from stickersnap.releases import lineage
from stickersnap.releases.models import Deployment, PromotionDecision, RetrainPolicy, TrainingRun
from stickersnap.releases.runs import runs

EVIDENCE = (
    *("champion", "challenger", "heldout", "retired", "rules", "confidence", "mean_confidence", "boundary_confidence"),
    *("gain", "gain_low", "capped_gain", "capped_gain_low", "boundary_gain", "boundary_gain_low"),
)
CURVES = ("train_loss", "val_iou")


class DecisionSerializer(serializers.ModelSerializer):
    """The verdict with its figures; the scores of every picture stay in the admin."""

    champion = serializers.CharField(source="champion_id", allow_null=True)
    challenger = serializers.CharField(source="challenger_id")
    evidence = serializers.SerializerMethodField()

    class Meta:
        model = PromotionDecision
        fields = ["id", "kind", "passed", "reason", "champion", "challenger", "evidence", "by", "created_at"]

    def get_evidence(self, decision: PromotionDecision) -> dict[str, Any]:
        return {name: decision.evidence[name] for name in EVIDENCE if name in decision.evidence}


class RunSerializer(serializers.ModelSerializer):
    """A run of `selectors.runs`, with its curves: lists of [epoch, value]."""

    dataset_version = serializers.IntegerField(source="dataset_id", allow_null=True)
    samples = serializers.IntegerField(allow_null=True, help_text="Of the dataset version.")
    heldout = serializers.SerializerMethodField()
    unlabelled = serializers.SerializerMethodField(help_text="Photos without a correction, among its samples.")
    curves = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()
    weights = serializers.SerializerMethodField()
    approval_at = serializers.SerializerMethodField(
        help_text="When an operator approved or declined what passed; null where nobody had to, or has yet."
    )

    class Meta:
        model = TrainingRun
        fields = [
            "id",
            "kind",
            "state",
            "message",
            "attempts",
            "network",
            "minutes",
            "epochs",
            "dataset_version",
            "samples",
            "heldout",
            "unlabelled",
            "created_at",
            "started_at",
            "finished_at",
            "approval_at",
            "requested_by",
            "mlflow_run_id",
            "curves",
            "decision",
            "weights",
        ]

    def get_heldout(self, run: Any) -> int | None:
        return None if run.samples is None else run.heldout or 0

    def get_unlabelled(self, run: Any) -> int | None:
        return None if run.samples is None else run.unlabelled or 0

    def get_curves(self, run: TrainingRun) -> dict[str, list[list[float]]]:
        return {
            name: [[point["epoch"], point[name]] for point in run.metrics if point.get(name) is not None]
            for name in CURVES
        }

    def get_decision(self, run: TrainingRun) -> dict[str, Any] | None:
        decision = getattr(run, "decision", None)
        return dict(DecisionSerializer(decision).data) if decision else None

    def get_approval_at(self, run: TrainingRun) -> datetime | None:
        approval = getattr(getattr(run, "decision", None), "approval", None)
        return approval.created_at if approval else None

    def get_weights(self, run: TrainingRun) -> str | None:
        return next((weights.sha256 for weights in run.weights.all()), None)


class DeploymentSerializer(serializers.ModelSerializer):
    """A deployment; `current` is the one that serves."""

    weights = serializers.CharField(source="weights_id")
    network = serializers.CharField(source="weights.network")
    current = serializers.SerializerMethodField()
    decision = DecisionSerializer()
    rollback_of = serializers.IntegerField(source="rollback_of_id", allow_null=True)

    class Meta:
        model = Deployment
        fields = ["id", "weights", "network", "created_at", "current", "decision", "rollback_of", "by"]

    def get_current(self, deployment: Deployment) -> bool:
        return bool(deployment.pk == self.context["current"])


class RetrainSerializer(StrictSerializer):
    """What may be asked of a run."""

    minutes = serializers.FloatField(required=False, min_value=0.1, max_value=60 * 24)
    epochs = serializers.IntegerField(required=False, min_value=1, max_value=10_000)


class StudentSerializer(serializers.Serializer):
    """The small network that follows a large champion."""

    sha256 = serializers.CharField()
    network = serializers.CharField()
    champion = serializers.CharField(help_text="Whom it follows.")
    metrics = serializers.DictField()
    deployed_at = serializers.DateTimeField()


class CurrentWeightsSerializer(serializers.Serializer):
    """What is being served."""

    sha256 = serializers.CharField()
    network = serializers.CharField()
    device = serializers.CharField(allow_null=True, help_text="Of the process that answers.")
    metrics = serializers.DictField()
    dataset_version = serializers.IntegerField(allow_null=True)
    run = serializers.UUIDField(allow_null=True)
    deployment = serializers.IntegerField()
    deployed_at = serializers.DateTimeField()
    student = StudentSerializer(allow_null=True, help_text="What serves CPUs and browsers where the champion is large.")


class PolicySerializer(StrictSerializer, serializers.ModelSerializer):
    """When to train without being asked, on what, and how what comes of it is tried before it serves."""

    class Meta:
        model = RetrainPolicy
        exclude = ["id"]

    def validate_network(self, network: str) -> str:
        if network and network not in networks.NAMES:
            raise serializers.ValidationError(f"No such network: choose one of {', '.join(networks.NAMES)}, or none.")
        if network:
            try:
                runs.base_of(network, runs.champion_now())
            except AnnotationError as error:
                raise serializers.ValidationError(str(error)) from error
        return network


class NodeSerializer(serializers.Serializer):
    """Something in the lineage."""

    kind = serializers.ChoiceField(choices=lineage.KINDS)
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    at = serializers.DateTimeField()


class PlaceSerializer(serializers.Serializer):
    """Which node."""

    kind = serializers.ChoiceField(choices=lineage.KINDS)
    id = serializers.CharField()


class EdgeSerializer(serializers.Serializer):
    """From what was made to what it was made of."""

    start = PlaceSerializer()
    end = PlaceSerializer()
    word = serializers.CharField()


class LineageSerializer(serializers.Serializer):
    """What something was made of, and what was made of it."""

    nodes = NodeSerializer(many=True)
    edges = EdgeSerializer(many=True)
    left_off = serializers.DictField(child=serializers.IntegerField(), help_text="By kind: nodes too many to tell.")
