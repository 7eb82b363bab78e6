"""What no code path, and no SQL typed by hand, may get round."""

from django.db import migrations

ONLY_A_PASSING_DECISION_DEPLOYS = """
ALTER TABLE releases_promotiondecision
    ADD CONSTRAINT decision_verdict_on_challenger UNIQUE (id, challenger_id, passed);
ALTER TABLE releases_deployment
    ALTER COLUMN passed SET DEFAULT true,
    ADD CONSTRAINT deployment_passed CHECK (passed),
    ADD CONSTRAINT deployment_of_a_passing_decision
        FOREIGN KEY (decision_id, weights_id, passed)
        REFERENCES releases_promotiondecision (id, challenger_id, passed)
        ON UPDATE NO ACTION ON DELETE NO ACTION;
"""
AND_BACK = """
ALTER TABLE releases_deployment
    DROP CONSTRAINT deployment_of_a_passing_decision,
    DROP CONSTRAINT deployment_passed,
    ALTER COLUMN passed DROP DEFAULT;
ALTER TABLE releases_promotiondecision DROP CONSTRAINT decision_verdict_on_challenger;
"""
ONE_ACTIVE_RUN = """
CREATE UNIQUE INDEX run_one_active ON releases_trainingrun ((true))
    WHERE state IN ('queued', 'freezing', 'training', 'deciding');
"""


class Migration(migrations.Migration):
    dependencies = [("releases", "0001_initial")]

    operations = [
        migrations.RunSQL(ONLY_A_PASSING_DECISION_DEPLOYS, AND_BACK),
        migrations.RunSQL(ONE_ACTIVE_RUN, "DROP INDEX run_one_active;"),
    ]
