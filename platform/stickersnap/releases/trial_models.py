"""What passed the gate on its way to everyone, and the small network that follows a large champion."""

import uuid

from django.db import models
from django.db.models import Q


class Rollout(models.Model):
    """How a challenger gets to serve: it answers silently (shadow), then some people (canary), then everyone (full).

    At most one is under way; what PostgreSQL keeps to besides: see `migrations/0007_trials.py`.
    """

    class Stage(models.TextChoices):
        SHADOW = "shadow"
        CANARY = "canary"
        FULL = "full"
        ENDED = "ended"

    UNDER_WAY = (Stage.SHADOW, Stage.CANARY)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.OneToOneField("releases.PromotionDecision", on_delete=models.PROTECT, related_name="rollout")
    weights = models.ForeignKey("releases.Weights", on_delete=models.PROTECT, related_name="rollouts")
    passed = models.BooleanField(default=True, editable=False, help_text="Always true: the decision's, by foreign key.")
    stage = models.CharField(max_length=6, choices=Stage)
    stage_at = models.DateTimeField(help_text="When this stage began.")
    shadow_share = models.FloatField(default=0, help_text="Of live photos.")
    shadow_hours = models.FloatField(default=0)
    canary_share = models.FloatField(default=0, help_text="Of people.")
    canary_hours = models.FloatField(default=0)
    figures = models.JSONField(default=dict, help_text="The canary's, at the last look.")
    message = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    signature = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(shadow_share__gte=0, shadow_share__lte=1, canary_share__gte=0, canary_share__lte=0.5),
                name="rollout_shares_within_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"rollout of {self.weights_id[:8]}: {self.stage}"


class ShadowAnswer(models.Model):
    """What a challenger would have said of a live photo. It goes with the photo."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="answers")
    photo = models.ForeignKey("annotations.Photo", on_delete=models.CASCADE, related_name="shadow_answers")
    prediction = models.ForeignKey("annotations.Prediction", on_delete=models.CASCADE, related_name="shadow_answers")
    agreement = models.FloatField(help_text="Soft IoU with what was served, 0 to 1.")
    problem = models.CharField(max_length=300, blank=True, help_text="Why there was no answer.")
    mask = models.BinaryField(null=True, help_text="8-bit greyscale PNG, kept of the most different answers alone.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["agreement", "id"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "photo"], name="shadow_answer_once_per_photo"),
            models.CheckConstraint(condition=Q(agreement__gte=0, agreement__lte=1), name="shadow_agreement_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id}: {self.agreement:.3f}"


class StudentDeployment(models.Model):
    """From this moment these small weights serve CPUs and browsers, as long as `champion` serves elsewhere."""

    weights = models.ForeignKey("releases.Weights", on_delete=models.PROTECT, related_name="student_deployments")
    decision = models.OneToOneField(
        "releases.PromotionDecision", on_delete=models.PROTECT, related_name="student_deployment"
    )
    passed = models.BooleanField(default=True, editable=False, help_text="Always true: the decision's, by foreign key.")
    champion = models.ForeignKey("releases.Weights", on_delete=models.PROTECT, related_name="students")
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    signature = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"student {self.weights_id[:8]} of {self.champion_id[:8]}"
