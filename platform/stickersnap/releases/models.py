"""Which weights exist, how they came to be, why they were let through, and which of them serve.

The law that only a passing decision deploys, and that one run is active at a time, is kept by PostgreSQL
itself: see `migrations/0002_law.py`.
"""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from stickersnap.releases.trial_models import Rollout, ShadowAnswer, StudentDeployment

__all__ = [
    "Approval",
    "Benchmark",
    "Deployment",
    "Disowned",
    "HoldoutLook",
    "PromotionDecision",
    "RetrainPolicy",
    "Rollout",
    "ShadowAnswer",
    "StudentDeployment",
    "TrainingRun",
    "Weights",
]


class Weights(models.Model):
    """A set of weights, named by the sha256 of its safetensors file. The files live in STATE/weights/<sha256>/."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    network = models.CharField(max_length=40)
    card = models.JSONField(default=dict)
    run = models.ForeignKey(
        "TrainingRun", on_delete=models.PROTECT, null=True, blank=True, related_name="weights", help_text="Made by."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    signature = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "weights"
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="weights_named_by_sha256"),
        ]

    def __str__(self) -> str:
        return f"{self.network} {self.sha256[:8]}"


class TrainingRun(models.Model):
    """One pass of the loop: freeze, train, decide. At most one is active at a time; see `leases` for who leads it."""

    class Kind(models.TextChoices):
        CHAMPION = "champion"
        STUDENT = "student"

    class State(models.TextChoices):
        QUEUED = "queued"
        FREEZING = "freezing"
        TRAINING = "training"
        DECIDING = "deciding"
        WAITING = "waiting"
        PROMOTED = "promoted"
        REFUSED = "refused"
        FAILED = "failed"

    ACTIVE = (State.QUEUED, State.FREEZING, State.TRAINING, State.DECIDING)
    WORKING = (State.FREEZING, State.TRAINING, State.DECIDING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.CHAMPION, help_text="What it is to become.")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    message = models.TextField(blank=True)
    network = models.CharField(max_length=40)
    minutes = models.FloatField(help_text="Budget of the training stage.")
    epochs = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: as many as the minutes allow.")
    dataset = models.ForeignKey(
        "annotations.DatasetVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    champion = models.ForeignKey(
        Weights, on_delete=models.PROTECT, null=True, blank=True, related_name="challenges", help_text="To be beaten."
    )
    base = models.ForeignKey(
        Weights, on_delete=models.PROTECT, null=True, blank=True, related_name="heirs", help_text="Started from."
    )
    teacher = models.ForeignKey(
        Weights, on_delete=models.PROTECT, null=True, blank=True, related_name="pupils", help_text="Of a student."
    )
    mlflow_run_id = models.CharField(max_length=40, blank=True)
    pid = models.PositiveIntegerField(null=True, blank=True, help_text="Of the training process while it runs.")
    metrics = models.JSONField(default=list, help_text="One object per epoch, as the training process printed it.")
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    token = models.BigIntegerField(
        null=True, blank=True, unique=True, editable=False, help_text="Fencing token: grows each time it is taken up."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often it was taken up.")
    lease_expires_at = models.DateTimeField(null=True, blank=True, help_text="Until when its holder counts as alive.")
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="When it came to its verdict; an approval may come later."
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=Q(minutes__gt=0), name="run_has_minutes")]

    def __str__(self) -> str:
        return f"run {str(self.id)[:8]} {self.state}"


class PromotionDecision(models.Model):
    """The verdict on one challenger, with everything it was based on: the gate's, or an operator's own.

    What PostgreSQL keeps to besides the constraints here (see `migrations/0003_operator.py`, `0005_seal.py`): an
    operator's decision names the weights that serve at that moment as the champion, and no decision is ever changed.
    Only the installation's key can sign one (see `signing`): a row that SQL made serves nowhere.
    """

    class Kind(models.TextChoices):
        GATE = "gate", "gate"
        STARTER = "starter", "shipped"
        OPERATOR = "operator", "operator's choice"
        STUDENT = "student", "gate, for a student"

    kind = models.CharField(max_length=8, choices=Kind)
    champion = models.ForeignKey(
        Weights, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions_as_champion"
    )
    challenger = models.ForeignKey(Weights, on_delete=models.PROTECT, related_name="decisions")
    passed = models.BooleanField()
    reason = models.TextField()
    evidence = models.JSONField(default=dict, help_text="Figures and the scores of every held-out picture.")
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="decision")
    by = models.CharField(max_length=150, blank=True, default="", help_text="The operator whose choice it was.")
    token = models.BigIntegerField(null=True, blank=True, help_text="Fencing token under which the run decided.")
    approval_needed = models.BooleanField(default=False, help_text="Passed, but serves only once it is approved.")
    signature = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="starter", run__isnull=True, champion__isnull=True)
                | Q(kind__in=["gate", "student"], run__isnull=False, champion__isnull=False)
                | Q(kind="operator", run__isnull=True),
                name="decision_of_the_gate_has_a_run_and_a_champion",
            ),
            models.CheckConstraint(
                condition=~Q(kind="operator") | (~Q(by="") & ~Q(reason="") & Q(evidence__has_key="self_test")),
                name="decision_of_an_operator_says_who_and_why",
            ),
            models.CheckConstraint(
                condition=Q(passed=False) | Q(champion__isnull=True) | ~Q(champion=F("challenger")),
                name="decision_never_passes_the_champion_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.challenger_id[:8]} {'passed' if self.passed else 'refused'}"


class Approval(models.Model):
    """An operator's word on a decision that waits for one. Said once, never changed."""

    decision = models.OneToOneField(PromotionDecision, on_delete=models.PROTECT, related_name="approval")
    approved = models.BooleanField()
    by = models.CharField(max_length=150)
    comment = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    signature = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(by=""), name="approval_says_whose")]

    def __str__(self) -> str:
        return f"{'approved' if self.approved else 'declined'} by {self.by}"


class HoldoutLook(models.Model):
    """That a decision judged by a held-out group: a group that was asked often proves less. Never changed."""

    decision = models.ForeignKey(PromotionDecision, on_delete=models.PROTECT, related_name="looks")
    group = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["decision", "group"], name="holdout_look_once_per_decision")]

    def __str__(self) -> str:
        return f"decision {self.decision_id} at {self.group}"


class Benchmark(models.Model):
    """A folder of pictures with masks on which every challenger is judged, until it is removed."""

    name = models.SlugField(max_length=40)
    digest = models.CharField(max_length=64, help_text="Of its pictures and masks.")
    pictures = models.PositiveIntegerField()
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(removed_at=None), name="benchmark_name_once"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="benchmark_has_a_digest"),
        ]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """From this moment these weights serve, until the next deployment. The newest rightful one is the current one.

    Never changed. What is rightful only signed rows say (see `verification`); which decisions may deploy, and what a
    rollback goes back to, PostgreSQL holds to besides (`0010_signed_rows.py`).
    """

    weights = models.ForeignKey(Weights, on_delete=models.PROTECT, related_name="deployments")
    decision = models.ForeignKey(PromotionDecision, on_delete=models.PROTECT, related_name="deployments")
    passed = models.BooleanField(default=True, editable=False, help_text="Always true: the decision's, by foreign key.")
    rollback_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="rollbacks", help_text="Taken back."
    )
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    signature = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"deployment {self.id} of {self.weights_id[:8]}"


class Disowned(models.Model):
    """A deployment that may not serve (see `verification`), for PostgreSQL, which can't tell: it counts past it.

    Nothing that loads weights looks here. Written anew whenever somebody deploys.
    """

    deployment = models.OneToOneField(Deployment, on_delete=models.CASCADE, primary_key=True, related_name="disowned")

    class Meta:
        verbose_name_plural = "disowned"

    def __str__(self) -> str:
        return f"deployment {self.deployment_id} is disowned"


class RetrainPolicy(models.Model):
    """When to train without being asked, and how much evidence the gate wants. There is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    enabled = models.BooleanField(default=False, help_text="Train on schedule.")
    corrections_minimum = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1)], help_text="New approved corrections that make it worthwhile."
    )
    interval_hours = models.PositiveIntegerField(
        default=24, validators=[MinValueValidator(1)], help_text="At least so long between two scheduled runs."
    )
    hour = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(23)], help_text="Only in this hour (UTC). Empty: any."
    )
    minutes = models.FloatField(
        default=12, validators=[MinValueValidator(0.1), MaxValueValidator(60 * 24)], help_text="Budget of one training."
    )
    network = models.CharField(
        max_length=40, blank=True, default="", help_text="Network to train. Empty: the champion's."
    )
    shadow_share = models.FloatField(
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Share of live photos that a challenger answers silently before it serves. 0: none.",
    )
    shadow_hours = models.FloatField(
        default=24, validators=[MinValueValidator(0), MaxValueValidator(24 * 30)], help_text="How long it does."
    )
    canary_share = models.FloatField(
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(0.5)],
        help_text="Share of people whom a challenger serves before it serves all. 0: none.",
    )
    canary_hours = models.FloatField(
        default=24, validators=[MinValueValidator(0), MaxValueValidator(24 * 30)], help_text="How long it does."
    )
    heldout_minimum = models.PositiveIntegerField(
        default=20,
        validators=[MinValueValidator(2)],
        help_text="Held-out photos (near-duplicates counted once) without which nothing is promoted.",
    )
    manual_approval = models.BooleanField(
        default=False, help_text="What passes the gate serves only once an operator approves it."
    )

    class Meta:
        verbose_name_plural = "retrain policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="retrain_policy_is_one_row"),
            models.CheckConstraint(
                condition=Q(corrections_minimum__gte=1, interval_hours__gte=1, minutes__gt=0, heldout_minimum__gte=2),
                name="retrain_policy_within_bounds",
            ),
            models.CheckConstraint(condition=Q(hour__isnull=True) | Q(hour__lte=23), name="retrain_policy_hour_0_23"),
            models.CheckConstraint(
                condition=Q(
                    shadow_share__gte=0,
                    shadow_share__lte=1,
                    shadow_hours__gte=0,
                    canary_share__gte=0,
                    canary_share__lte=0.5,
                    canary_hours__gte=0,
                ),
                name="retrain_policy_trials_within_bounds",
            ),
        ]

    def __str__(self) -> str:
        return "on schedule" if self.enabled else "only when asked"
