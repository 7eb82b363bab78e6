"""Whatever makes weights serve is signed, like decisions: approvals, deployments, rollouts, students, registered sets.

PostgreSQL's own order of deployments counts past those that were found not to be ours (`releases_disowned`), so that a
forged row stops nobody.
"""

import logging
import sys
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

log = logging.getLogger(__name__)
SIGNED = ("Approval", "Deployment", "Rollout", "StudentDeployment", "Weights")

ONLY_THE_SIGNATURE = """
CREATE FUNCTION releases_only_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'signature' IS DISTINCT FROM to_jsonb(OLD) - 'signature' OR NEW.signature = '' THEN
        RAISE EXCEPTION 'What is in % is kept as it was written.', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
KEEP = """
DROP TRIGGER {name}_kept ON releases_{table};
CREATE TRIGGER {name}_kept BEFORE DELETE ON releases_{table} FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER {name}_stays BEFORE UPDATE ON releases_{table} FOR EACH ROW EXECUTE FUNCTION releases_only_signature();
"""
KEEP_ALL = """
DROP TRIGGER {name}_stays ON releases_{table};
DROP TRIGGER {name}_kept ON releases_{table};
CREATE TRIGGER {name}_kept BEFORE UPDATE OR DELETE ON releases_{table} FOR EACH ROW EXECUTE FUNCTION releases_kept();
"""
TABLES = [("approval", "approval"), ("deployment", "deployment"), ("student", "studentdeployment")]
ROLLOUTS_ARE_KEPT = """
CREATE TRIGGER rollout_kept BEFORE DELETE ON releases_rollout FOR EACH ROW EXECUTE FUNCTION releases_kept();
CREATE TRIGGER rollout_kept_whole BEFORE TRUNCATE ON releases_rollout EXECUTE FUNCTION releases_kept();
CREATE TRIGGER student_kept_whole BEFORE TRUNCATE ON releases_studentdeployment EXECUTE FUNCTION releases_kept();
"""
ROLLOUTS_ARE_NOT = """
DROP TRIGGER student_kept_whole ON releases_studentdeployment;
DROP TRIGGER rollout_kept_whole ON releases_rollout;
DROP TRIGGER rollout_kept ON releases_rollout;
"""
WHAT_SERVES = """
CREATE FUNCTION releases_serving() RETURNS varchar LANGUAGE sql STABLE AS $$
    SELECT d.weights_id FROM releases_deployment d
    WHERE NOT EXISTS (SELECT 1 FROM releases_disowned x WHERE x.deployment_id = d.id) ORDER BY d.id DESC LIMIT 1
$$;
"""
AN_OPERATOR_NAMES_WHAT_SERVES = """
CREATE OR REPLACE FUNCTION releases_operator_names_what_serves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.champion_id IS DISTINCT FROM releases_serving() THEN
        RAISE EXCEPTION 'The champion of an operator''s decision is what serves at that moment.' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
WHAT_MAY_DEPLOY = """
CREATE OR REPLACE FUNCTION releases_deployment_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
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
        IF decided.champion_id IS DISTINCT FROM releases_serving() THEN
            RAISE EXCEPTION 'Decision % is stale: its champion is not what serves.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT array_agg(d.id ORDER BY d.id DESC) INTO standing FROM releases_deployment d
        WHERE d.rollback_of_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM releases_disowned x WHERE x.deployment_id = d.id)
        AND NOT EXISTS (SELECT 1 FROM releases_deployment r WHERE r.rollback_of_id = d.id
                        AND NOT EXISTS (SELECT 1 FROM releases_disowned x WHERE x.deployment_id = r.id));
    IF EXISTS (SELECT 1 FROM releases_disowned x WHERE x.deployment_id = NEW.rollback_of_id) THEN
        standing := array_prepend(NEW.rollback_of_id, standing);
    END IF;
    IF standing[1] IS DISTINCT FROM NEW.rollback_of_id OR NEW.decision_id IS DISTINCT FROM
        (SELECT decision_id FROM releases_deployment WHERE id = standing[2])
    THEN
        RAISE EXCEPTION 'A rollback takes back what serves, and goes to what served before.' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
WHO_SERVES = """
CREATE OR REPLACE FUNCTION releases_rollout_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided releases_promotiondecision%ROWTYPE;
BEGIN
    SELECT * INTO decided FROM releases_promotiondecision WHERE id = NEW.decision_id;
    IF NEW.stage <> 'ended' AND (decided.signature !~ '^[0-9a-f]{64}$' OR decided.kind = 'student') THEN
        RAISE EXCEPTION 'Decision % is not signed, or a student''s: nobody is served by it.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.stage = 'canary' THEN
        IF decided.approval_needed
            AND NOT EXISTS (SELECT 1 FROM releases_approval WHERE decision_id = NEW.decision_id AND approved)
        THEN
            RAISE EXCEPTION 'Decision % waits for an operator''s approval.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF decided.champion_id IS DISTINCT FROM releases_serving() THEN
            RAISE EXCEPTION 'Decision % is stale: its champion is not what serves.', NEW.decision_id USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND (
        OLD.stage IN ('full', 'ended') AND to_jsonb(NEW) - 'signature' IS DISTINCT FROM to_jsonb(OLD) - 'signature'
        OR ROW(NEW.decision_id, NEW.weights_id) IS DISTINCT FROM ROW(OLD.decision_id, OLD.weights_id))
    THEN
        RAISE EXCEPTION 'A rollout that is over stays over, and is of one decision.' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def sign(apps: Any, schema_editor: Any) -> None:
    """What was written before these rows had signatures is signed once, as it stands; whoever migrates is told."""
    from stickersnap.releases.signing import signature_of

    counts: dict[str, int] = {}
    for model in SIGNED:
        rows = apps.get_model("releases", model).objects
        for row in rows.filter(signature="").iterator():
            rows.filter(pk=row.pk).update(signature=signature_of(row))
            counts[model] = counts.get(model, 0) + 1
    if counts:
        told = ", ".join(f"{count} of {model}" for model, count in counts.items())
        said = (
            f"Rows from before there were signatures were signed once, as they stand: {told}. If anybody else could "
            "write to this database, look through *Deployments* on the operator's page."
        )
        log.warning(said)
        print(said, file=sys.stderr)  # noqa: T201 a migration has no other way to tell


def signature() -> models.CharField:
    return models.CharField(blank=True, db_default="", default="", editable=False, max_length=64)


class Migration(migrations.Migration):
    dependencies = [("releases", "0009_run_finished")]

    operations = [
        *(migrations.AddField(model.lower(), "signature", signature()) for model in SIGNED),
        migrations.CreateModel(
            name="Disowned",
            fields=[
                (
                    "deployment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="disowned",
                        serialize=False,
                        to="releases.deployment",
                    ),
                ),
            ],
            options={"verbose_name_plural": "disowned"},
        ),
        migrations.RunSQL(ONLY_THE_SIGNATURE, "DROP FUNCTION releases_only_signature();"),
        *(
            migrations.RunSQL(KEEP.format(name=name, table=table), KEEP_ALL.format(name=name, table=table))
            for name, table in TABLES
        ),
        migrations.RunSQL(ROLLOUTS_ARE_KEPT, ROLLOUTS_ARE_NOT),
        migrations.RunSQL(WHAT_SERVES, migrations.RunSQL.noop),
        migrations.RunSQL(AN_OPERATOR_NAMES_WHAT_SERVES, migrations.RunSQL.noop),
        migrations.RunSQL(WHAT_MAY_DEPLOY, migrations.RunSQL.noop),
        migrations.RunSQL(WHO_SERVES, migrations.RunSQL.noop),
        migrations.RunPython(sign, migrations.RunPython.noop),
    ]
