"""Challengers are tried silently and on some people first, and a student follows a large champion: by law, too."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

ONLY_WHAT_PASSED = """
ALTER TABLE releases_{table}
    ALTER COLUMN passed SET DEFAULT true,
    ADD CONSTRAINT {table}_passed CHECK (passed),
    ADD CONSTRAINT {table}_of_a_passing_decision
        FOREIGN KEY (decision_id, weights_id, passed)
        REFERENCES releases_promotiondecision (id, challenger_id, passed)
        ON UPDATE NO ACTION ON DELETE NO ACTION;
"""
WHATEVER = """
ALTER TABLE releases_{table}
    DROP CONSTRAINT {table}_of_a_passing_decision,
    DROP CONSTRAINT {table}_passed,
    ALTER COLUMN passed DROP DEFAULT;
"""
ONE_AT_A_TIME = """
CREATE UNIQUE INDEX rollout_one_under_way ON releases_rollout ((true)) WHERE stage IN ('shadow', 'canary');
"""
# Of a decision that waits for approval the shadow alone may begin: nobody is served by it.
WHO_SERVES = """
CREATE FUNCTION releases_rollout_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided releases_promotiondecision%ROWTYPE;
BEGIN
    SELECT * INTO decided FROM releases_promotiondecision WHERE id = NEW.decision_id;
    IF decided.signature !~ '^[0-9a-f]{64}$' OR decided.kind = 'student' THEN
        RAISE EXCEPTION 'Decision % is not signed, or a student''s: nobody is served by it.', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.stage = 'canary' THEN
        IF decided.approval_needed
            AND NOT EXISTS (SELECT 1 FROM releases_approval WHERE decision_id = NEW.decision_id AND approved)
        THEN
            RAISE EXCEPTION 'Decision % waits for an operator''s approval.', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF decided.champion_id IS DISTINCT FROM (SELECT weights_id FROM releases_deployment ORDER BY id DESC LIMIT 1)
        THEN
            RAISE EXCEPTION 'Decision % is stale: its champion is not what serves.', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.stage IN ('full', 'ended')
        OR ROW(NEW.decision_id, NEW.weights_id) IS DISTINCT FROM ROW(OLD.decision_id, OLD.weights_id))
    THEN
        RAISE EXCEPTION 'A rollout that is over stays over, and is of one decision.'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rollout_allowed BEFORE INSERT OR UPDATE ON releases_rollout
    FOR EACH ROW EXECUTE FUNCTION releases_rollout_allowed();

CREATE FUNCTION releases_student_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM releases_promotiondecision
                   WHERE id = NEW.decision_id AND kind = 'student' AND signature ~ '^[0-9a-f]{64}$')
    THEN
        RAISE EXCEPTION 'Decision % is no signed one on a student.', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER student_allowed BEFORE INSERT ON releases_studentdeployment
    FOR EACH ROW EXECUTE FUNCTION releases_student_allowed();
CREATE TRIGGER student_kept BEFORE UPDATE OR DELETE ON releases_studentdeployment
    FOR EACH ROW EXECUTE FUNCTION releases_kept();

CREATE FUNCTION releases_no_student_as_champion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM releases_promotiondecision WHERE id = NEW.decision_id AND kind = 'student') THEN
        RAISE EXCEPTION 'Decision % let a student in, not a champion.', NEW.decision_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployment_of_no_student BEFORE INSERT ON releases_deployment
    FOR EACH ROW EXECUTE FUNCTION releases_no_student_as_champion();
"""
ANYBODY = """
DROP TRIGGER deployment_of_no_student ON releases_deployment;
DROP FUNCTION releases_no_student_as_champion();
DROP TRIGGER student_kept ON releases_studentdeployment;
DROP TRIGGER student_allowed ON releases_studentdeployment;
DROP FUNCTION releases_student_allowed();
DROP TRIGGER rollout_allowed ON releases_rollout;
DROP FUNCTION releases_rollout_allowed();
"""


def law(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(ONLY_WHAT_PASSED.format(table=table), WHATEVER.format(table=table))


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0006_split_law"),
        ("releases", "0006_sign"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rollout",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "passed",
                    models.BooleanField(
                        default=True, editable=False, help_text="Always true: the decision's, by foreign key."
                    ),
                ),
                (
                    "stage",
                    models.CharField(
                        choices=[("shadow", "Shadow"), ("canary", "Canary"), ("full", "Full"), ("ended", "Ended")],
                        max_length=6,
                    ),
                ),
                ("stage_at", models.DateTimeField(help_text="When this stage began.")),
                ("shadow_share", models.FloatField(default=0, help_text="Of live photos.")),
                ("shadow_hours", models.FloatField(default=0)),
                ("canary_share", models.FloatField(default=0, help_text="Of people.")),
                ("canary_hours", models.FloatField(default=0)),
                ("figures", models.JSONField(default=dict, help_text="The canary's, at the last look.")),
                ("message", models.TextField(blank=True)),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ShadowAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agreement", models.FloatField(help_text="Soft IoU with what was served, 0 to 1.")),
                ("problem", models.CharField(blank=True, help_text="Why there was no answer.", max_length=300)),
                (
                    "mask",
                    models.BinaryField(
                        help_text="8-bit greyscale PNG, kept of the most different answers alone.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["agreement", "id"],
            },
        ),
        migrations.CreateModel(
            name="StudentDeployment",
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
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="promotiondecision",
            name="decision_of_the_gate_has_a_run_and_a_champion",
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="teacher",
            field=models.ForeignKey(
                blank=True,
                help_text="Of a student.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pupils",
                to="releases.weights",
            ),
        ),
        migrations.AlterField(
            model_name="promotiondecision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("gate", "gate"),
                    ("starter", "shipped"),
                    ("operator", "operator's choice"),
                    ("student", "gate, for a student"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="promotiondecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("champion__isnull", True), ("kind", "starter"), ("run__isnull", True)),
                    models.Q(("champion__isnull", False), ("kind__in", ["gate", "student"]), ("run__isnull", False)),
                    models.Q(("kind", "operator"), ("run__isnull", True)),
                    _connector="OR",
                ),
                name="decision_of_the_gate_has_a_run_and_a_champion",
            ),
        ),
        migrations.AddField(
            model_name="rollout",
            name="decision",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="rollout", to="releases.promotiondecision"
            ),
        ),
        migrations.AddField(
            model_name="rollout",
            name="weights",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="rollouts", to="releases.weights"
            ),
        ),
        migrations.AddField(
            model_name="shadowanswer",
            name="photo",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="shadow_answers", to="annotations.photo"
            ),
        ),
        migrations.AddField(
            model_name="shadowanswer",
            name="prediction",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="shadow_answers", to="annotations.prediction"
            ),
        ),
        migrations.AddField(
            model_name="shadowanswer",
            name="rollout",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="releases.rollout"
            ),
        ),
        migrations.AddField(
            model_name="studentdeployment",
            name="champion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="students", to="releases.weights"
            ),
        ),
        migrations.AddField(
            model_name="studentdeployment",
            name="decision",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="student_deployment",
                to="releases.promotiondecision",
            ),
        ),
        migrations.AddField(
            model_name="studentdeployment",
            name="weights",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="student_deployments", to="releases.weights"
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("canary_share__gte", 0),
                    ("canary_share__lte", 0.5),
                    ("shadow_share__gte", 0),
                    ("shadow_share__lte", 1),
                ),
                name="rollout_shares_within_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="shadowanswer",
            constraint=models.UniqueConstraint(fields=("rollout", "photo"), name="shadow_answer_once_per_photo"),
        ),
        migrations.AddConstraint(
            model_name="shadowanswer",
            constraint=models.CheckConstraint(
                condition=models.Q(("agreement__gte", 0), ("agreement__lte", 1)), name="shadow_agreement_0_1"
            ),
        ),
        law("rollout"),
        law("studentdeployment"),
        migrations.RunSQL(ONE_AT_A_TIME, "DROP INDEX rollout_one_under_way;"),
        migrations.RunSQL(WHO_SERVES, ANYBODY),
    ]
