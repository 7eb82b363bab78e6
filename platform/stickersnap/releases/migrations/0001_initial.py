import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("annotations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="RetrainPolicy",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("enabled", models.BooleanField(default=False, help_text="Train on schedule.")),
                (
                    "corrections_minimum",
                    models.PositiveIntegerField(
                        default=20,
                        help_text="New approved corrections that make it worthwhile.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "interval_hours",
                    models.PositiveIntegerField(
                        default=24,
                        help_text="At least so long between two scheduled runs.",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "hour",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Only in this hour (UTC). Empty: any.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(23)],
                    ),
                ),
                (
                    "minutes",
                    models.FloatField(
                        default=20,
                        help_text="Budget of one training.",
                        validators=[
                            django.core.validators.MinValueValidator(0.1),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                    ),
                ),
                (
                    "heldout_minimum",
                    models.PositiveIntegerField(
                        default=4,
                        help_text="Held-out photos (near-duplicates counted once) without which nothing is promoted.",
                        validators=[django.core.validators.MinValueValidator(2)],
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "retrain policy",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="retrain_policy_is_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("corrections_minimum__gte", 1),
                            ("heldout_minimum__gte", 2),
                            ("interval_hours__gte", 1),
                            ("minutes__gt", 0),
                        ),
                        name="retrain_policy_within_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hour__isnull", True), ("hour__lte", 23), _connector="OR"),
                        name="retrain_policy_hour_0_23",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrainingRun",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("freezing", "Freezing"),
                            ("training", "Training"),
                            ("deciding", "Deciding"),
                            ("promoted", "Promoted"),
                            ("refused", "Refused"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("network", models.CharField(max_length=40)),
                ("minutes", models.FloatField(help_text="Budget of the training stage.")),
                (
                    "epochs",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: as many as the minutes allow.", null=True
                    ),
                ),
                ("mlflow_run_id", models.CharField(blank=True, max_length=40)),
                (
                    "pid",
                    models.PositiveIntegerField(
                        blank=True, help_text="Of the training process while it runs.", null=True
                    ),
                ),
                (
                    "metrics",
                    models.JSONField(
                        default=list, help_text="One object per epoch, as the training process printed it."
                    ),
                ),
                ("requested_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="annotations.datasetversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Weights",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("network", models.CharField(max_length=40)),
                ("card", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        help_text="Made by.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="weights",
                        to="releases.trainingrun",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "weights",
                "ordering": ["-created_at"],
            },
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="champion",
            field=models.ForeignKey(
                blank=True,
                help_text="To be beaten.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="challenges",
                to="releases.weights",
            ),
        ),
        migrations.CreateModel(
            name="PromotionDecision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("gate", "Gate"), ("starter", "Starter")], max_length=8)),
                ("passed", models.BooleanField()),
                ("reason", models.TextField()),
                (
                    "evidence",
                    models.JSONField(default=dict, help_text="Figures and the scores of every held-out picture."),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "run",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decision",
                        to="releases.trainingrun",
                    ),
                ),
                (
                    "challenger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="decisions", to="releases.weights"
                    ),
                ),
                (
                    "champion",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions_as_champion",
                        to="releases.weights",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Deployment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "passed",
                    models.BooleanField(
                        default=True, editable=False, help_text="Always true: the decision's, by foreign key."
                    ),
                ),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "rollback_of",
                    models.ForeignKey(
                        blank=True,
                        help_text="Taken back.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rollbacks",
                        to="releases.deployment",
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deployments",
                        to="releases.promotiondecision",
                    ),
                ),
                (
                    "weights",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="deployments", to="releases.weights"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="weights",
            constraint=models.CheckConstraint(
                condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="weights_named_by_sha256"
            ),
        ),
        migrations.AddConstraint(
            model_name="trainingrun",
            constraint=models.CheckConstraint(condition=models.Q(("minutes__gt", 0)), name="run_has_minutes"),
        ),
        migrations.AddConstraint(
            model_name="promotiondecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("champion__isnull", True), ("kind", "starter"), ("run__isnull", True)),
                    models.Q(("champion__isnull", False), ("kind", "gate"), ("run__isnull", False)),
                    _connector="OR",
                ),
                name="decision_of_the_gate_has_a_run_and_a_champion",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotiondecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("passed", False),
                    ("champion__isnull", True),
                    models.Q(("champion", models.F("challenger")), _negated=True),
                    _connector="OR",
                ),
                name="decision_never_passes_the_champion_itself",
            ),
        ),
    ]
