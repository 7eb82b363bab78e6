"""Who leads a run is told by a token that only grows; a decision under an older one is refused, whoever writes it."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

TOKENS = "CREATE SEQUENCE releases_run_token AS bigint;"
OLD_RUNS_STARTED_FROM_THE_CHAMPION = "UPDATE releases_trainingrun SET base_id = champion_id;"
THE_NEWEST_HOLDER_DECIDES = """
CREATE FUNCTION releases_newest_holder_decides() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held bigint;
BEGIN
    SELECT token INTO held FROM releases_trainingrun WHERE id = NEW.run_id FOR UPDATE;
    IF NEW.token IS NULL OR held IS DISTINCT FROM NEW.token
        OR NEW.token <> (SELECT max(token) FROM releases_trainingrun)
    THEN
        RAISE EXCEPTION 'Only the newest holder of a run decides: token % is stale, % is held.', NEW.token, held
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decision_by_the_newest_holder BEFORE INSERT ON releases_promotiondecision
    FOR EACH ROW WHEN (NEW.run_id IS NOT NULL) EXECUTE FUNCTION releases_newest_holder_decides();

CREATE FUNCTION releases_token_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.token IS NULL OR NEW.token <= (SELECT max(token) FROM releases_trainingrun) THEN
        RAISE EXCEPTION 'A token is drawn anew each time a run is taken up, and only grows.'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_token_grows BEFORE UPDATE OF token ON releases_trainingrun
    FOR EACH ROW WHEN (NEW.token IS DISTINCT FROM OLD.token) EXECUTE FUNCTION releases_token_grows();
"""
AND_BACK = """
DROP TRIGGER run_token_grows ON releases_trainingrun;
DROP FUNCTION releases_token_grows();
DROP TRIGGER decision_by_the_newest_holder ON releases_promotiondecision;
DROP FUNCTION releases_newest_holder_decides();
"""


def share(default: float, most: float, text: str) -> models.FloatField:
    validators = [django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(most)]
    return models.FloatField(default=default, validators=validators, help_text=text)


class Migration(migrations.Migration):
    dependencies = [("releases", "0003_operator")]

    operations = [
        migrations.RunSQL(TOKENS, "DROP SEQUENCE releases_run_token;"),
        migrations.RenameField("trainingrun", "heartbeat_at", "lease_expires_at"),
        migrations.AlterField(
            model_name="trainingrun",
            name="lease_expires_at",
            field=models.DateTimeField(blank=True, null=True, help_text="Until when its holder counts as alive."),
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="token",
            field=models.BigIntegerField(
                blank=True,
                editable=False,
                help_text="Fencing token: grows each time it is taken up.",
                null=True,
                unique=True,
            ),
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0, help_text="How often it was taken up."),
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="kind",
            field=models.CharField(
                choices=[("champion", "Champion"), ("student", "Student")],
                default="champion",
                help_text="What it is to become.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="base",
            field=models.ForeignKey(
                blank=True,
                help_text="Started from.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="heirs",
                to="releases.weights",
            ),
        ),
        migrations.AddField(
            model_name="promotiondecision",
            name="token",
            field=models.BigIntegerField(blank=True, help_text="Fencing token under which the run decided.", null=True),
        ),
        migrations.AddField(
            model_name="retrainpolicy",
            name="network",
            field=models.CharField(
                blank=True, default="", help_text="Network to train. Empty: the champion's.", max_length=40
            ),
        ),
        migrations.AddField(
            "retrainpolicy",
            "shadow_share",
            share(0, 1, "Share of live photos that a challenger answers silently before it serves. 0: none."),
        ),
        migrations.AddField("retrainpolicy", "shadow_hours", share(24, 720, "How long it does.")),
        migrations.AddField(
            "retrainpolicy",
            "canary_share",
            share(0, 0.5, "Share of people whom a challenger serves before it serves all. 0: none."),
        ),
        migrations.AddField("retrainpolicy", "canary_hours", share(24, 720, "How long it does.")),
        migrations.AddConstraint(
            model_name="retrainpolicy",
            constraint=models.CheckConstraint(
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
        ),
        migrations.RunSQL(OLD_RUNS_STARTED_FROM_THE_CHAMPION, migrations.RunSQL.noop),
        migrations.RunSQL(THE_NEWEST_HOLDER_DECIDES, AND_BACK),
    ]
