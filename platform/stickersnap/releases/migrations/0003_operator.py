"""An operator may choose weights, in their own name; what was decided stays as it was decided."""

from django.db import migrations, models
from django.db.models import Q

DECISIONS_STAY = """
CREATE FUNCTION releases_decision_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A decision is never changed; make another one.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER decision_stays BEFORE UPDATE ON releases_promotiondecision
    FOR EACH ROW EXECUTE FUNCTION releases_decision_stays();
"""
DECISIONS_MAY_CHANGE = """
DROP TRIGGER decision_stays ON releases_promotiondecision;
DROP FUNCTION releases_decision_stays();
"""
AN_OPERATOR_NAMES_WHAT_SERVES = """
CREATE FUNCTION releases_operator_names_what_serves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.champion_id IS DISTINCT FROM (SELECT weights_id FROM releases_deployment ORDER BY id DESC LIMIT 1) THEN
        RAISE EXCEPTION 'The champion of an operator''s decision is what serves at that moment.'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER decision_of_an_operator_names_what_serves BEFORE INSERT ON releases_promotiondecision
    FOR EACH ROW WHEN (NEW.kind = 'operator') EXECUTE FUNCTION releases_operator_names_what_serves();
"""
AND_BACK = """
DROP TRIGGER decision_of_an_operator_names_what_serves ON releases_promotiondecision;
DROP FUNCTION releases_operator_names_what_serves();
"""


class Migration(migrations.Migration):
    dependencies = [("releases", "0002_law")]

    operations = [
        migrations.AddField(
            model_name="promotiondecision",
            name="by",
            field=models.CharField(
                blank=True, default="", help_text="The operator whose choice it was.", max_length=150
            ),
        ),
        migrations.AlterField(
            model_name="promotiondecision",
            name="kind",
            field=models.CharField(
                choices=[("gate", "gate"), ("starter", "shipped"), ("operator", "operator's choice")], max_length=8
            ),
        ),
        migrations.RemoveConstraint(
            model_name="promotiondecision", name="decision_of_the_gate_has_a_run_and_a_champion"
        ),
        migrations.AddConstraint(
            model_name="promotiondecision",
            constraint=models.CheckConstraint(
                condition=Q(kind="starter", run__isnull=True, champion__isnull=True)
                | Q(kind="gate", run__isnull=False, champion__isnull=False)
                | Q(kind="operator", run__isnull=True),
                name="decision_of_the_gate_has_a_run_and_a_champion",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotiondecision",
            constraint=models.CheckConstraint(
                condition=~Q(kind="operator") | (~Q(by="") & ~Q(reason="") & Q(evidence__has_key="self_test")),
                name="decision_of_an_operator_says_who_and_why",
            ),
        ),
        migrations.RunSQL(DECISIONS_STAY, DECISIONS_MAY_CHANGE),
        migrations.RunSQL(AN_OPERATOR_NAMES_WHAT_SERVES, AND_BACK),
    ]
