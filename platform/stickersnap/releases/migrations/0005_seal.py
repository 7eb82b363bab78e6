"""Decisions are signed, may wait for approval, and tell what they looked at; deployments keep to them, by law."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

RAISE = "USING ERRCODE = 'integrity_constraint_violation'"
ONLY_A_SIGNATURE_CHANGES = f"""
CREATE OR REPLACE FUNCTION releases_decision_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'signature' IS DISTINCT FROM to_jsonb(OLD) - 'signature' OR NEW.signature = '' THEN
        RAISE EXCEPTION 'A decision is never changed; make another one.' {RAISE};
    END IF;
    RETURN NEW;
END $$;
"""
NOTHING_CHANGES = f"""
CREATE OR REPLACE FUNCTION releases_decision_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A decision is never changed; make another one.' {RAISE};
END $$;
"""
KEPT = f"""
CREATE FUNCTION releases_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What is in % is kept as it was written.', TG_TABLE_NAME {RAISE};
END $$;
CREATE TRIGGER decision_kept BEFORE DELETE ON releases_promotiondecision
    FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER decision_kept_whole BEFORE TRUNCATE ON releases_promotiondecision EXECUTE FUNCTION releases_kept();
CREATE TRIGGER deployment_kept BEFORE UPDATE OR DELETE ON releases_deployment
    FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER deployment_kept_whole BEFORE TRUNCATE ON releases_deployment EXECUTE FUNCTION releases_kept();
CREATE TRIGGER approval_kept BEFORE UPDATE OR DELETE ON releases_approval
    FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER approval_kept_whole BEFORE TRUNCATE ON releases_approval EXECUTE FUNCTION releases_kept();
CREATE TRIGGER look_kept BEFORE UPDATE OR DELETE ON releases_holdoutlook
    FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER look_kept_whole BEFORE TRUNCATE ON releases_holdoutlook EXECUTE FUNCTION releases_kept();
"""
NOT_KEPT = """
DROP TRIGGER look_kept_whole ON releases_holdoutlook;
DROP TRIGGER look_kept ON releases_holdoutlook;
DROP TRIGGER approval_kept_whole ON releases_approval;
DROP TRIGGER approval_kept ON releases_approval;
DROP TRIGGER deployment_kept_whole ON releases_deployment;
DROP TRIGGER deployment_kept ON releases_deployment;
DROP TRIGGER decision_kept_whole ON releases_promotiondecision;
DROP TRIGGER decision_kept ON releases_promotiondecision;
DROP FUNCTION releases_kept();
"""
# The lock is the one of `deployments.DEPLOYMENT_LOCK`: whoever deploys, by whatever means, does so alone.
WHAT_MAY_DEPLOY = """
CREATE FUNCTION releases_deployment_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided releases_promotiondecision%ROWTYPE;
    standing bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(1145393228);
    SELECT * INTO decided FROM releases_promotiondecision WHERE id = NEW.decision_id;
    IF decided.signature !~ '^[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'Decision % is not signed: it deploys nothing.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF decided.approval_needed
        AND NOT EXISTS (SELECT 1 FROM releases_approval WHERE decision_id = NEW.decision_id AND approved)
    THEN
        RAISE EXCEPTION 'Decision % waits for an operator''s approval.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.rollback_of_id IS NULL THEN
        IF decided.champion_id IS DISTINCT FROM (SELECT weights_id FROM releases_deployment ORDER BY id DESC LIMIT 1)
        THEN
            RAISE EXCEPTION 'Decision % is stale: its champion is not what serves.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSE
        SELECT array_agg(d.id ORDER BY d.id DESC) INTO standing FROM releases_deployment d
            WHERE d.rollback_of_id IS NULL
            AND NOT EXISTS (SELECT 1 FROM releases_deployment r WHERE r.rollback_of_id = d.id);
        IF standing[1] IS DISTINCT FROM NEW.rollback_of_id OR NEW.decision_id IS DISTINCT FROM
            (SELECT decision_id FROM releases_deployment WHERE id = standing[2])
        THEN
            RAISE EXCEPTION 'A rollback takes back what serves, and goes to what served before.' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deployment_allowed BEFORE INSERT ON releases_deployment
    FOR EACH ROW EXECUTE FUNCTION releases_deployment_allowed();

CREATE FUNCTION releases_approval_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM releases_promotiondecision
                   WHERE id = NEW.decision_id AND passed AND approval_needed)
    THEN
        RAISE EXCEPTION 'Decision % does not wait for approval.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_allowed BEFORE INSERT ON releases_approval
    FOR EACH ROW EXECUTE FUNCTION releases_approval_allowed();
"""
ANYTHING_MAY = """
DROP TRIGGER approval_allowed ON releases_approval;
DROP FUNCTION releases_approval_allowed();
DROP TRIGGER deployment_allowed ON releases_deployment;
DROP FUNCTION releases_deployment_allowed();
"""


class Migration(migrations.Migration):
    dependencies = [("releases", "0004_fencing")]

    operations = [
        migrations.AddField(
            model_name="promotiondecision",
            name="approval_needed",
            field=models.BooleanField(default=False, help_text="Passed, but serves only once it is approved."),
        ),
        migrations.AddField(
            model_name="promotiondecision",
            name="signature",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="retrainpolicy",
            name="manual_approval",
            field=models.BooleanField(
                default=False, help_text="What passes the gate serves only once an operator approves it."
            ),
        ),
        migrations.AlterField(
            model_name="retrainpolicy",
            name="heldout_minimum",
            field=models.PositiveIntegerField(
                default=20,
                help_text="Held-out photos (near-duplicates counted once) without which nothing is promoted.",
                validators=[django.core.validators.MinValueValidator(2)],
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("freezing", "Freezing"),
                    ("training", "Training"),
                    ("deciding", "Deciding"),
                    ("waiting", "Waiting"),
                    ("promoted", "Promoted"),
                    ("refused", "Refused"),
                    ("failed", "Failed"),
                ],
                default="queued",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("approved", models.BooleanField()),
                ("by", models.CharField(max_length=150)),
                ("comment", models.CharField(blank=True, default="", max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval",
                        to="releases.promotiondecision",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [models.CheckConstraint(condition=~Q(by=""), name="approval_says_whose")],
            },
        ),
        migrations.CreateModel(
            name="HoldoutLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("group", models.CharField(db_index=True, max_length=64)),
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="looks",
                        to="releases.promotiondecision",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["decision", "group"], name="holdout_look_once_per_decision")
                ],
            },
        ),
        migrations.CreateModel(
            name="Benchmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=40)),
                ("digest", models.CharField(help_text="Of its pictures and masks.", max_length=64)),
                ("pictures", models.PositiveIntegerField()),
                ("by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["name", "-id"],
                "constraints": [
                    models.UniqueConstraint(condition=Q(removed_at=None), fields=["name"], name="benchmark_name_once"),
                    models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="benchmark_has_a_digest"),
                ],
            },
        ),
        migrations.RunSQL(ONLY_A_SIGNATURE_CHANGES, NOTHING_CHANGES),
        migrations.RunSQL(KEPT, NOT_KEPT),
        migrations.RunSQL(WHAT_MAY_DEPLOY, ANYTHING_MAY),
    ]
