"""A run is finished with its verdict: the wait for an approval had been counted in."""

from django.db import migrations, models

SQL = """
UPDATE releases_trainingrun AS run SET finished_at = decision.created_at
FROM releases_promotiondecision AS decision
WHERE decision.run_id = run.id AND decision.approval_needed AND run.finished_at > decision.created_at
"""


class Migration(migrations.Migration):
    dependencies = [("releases", "0008_budget")]

    operations = [
        migrations.AlterField(
            model_name="trainingrun",
            name="finished_at",
            field=models.DateTimeField(
                blank=True, help_text="When it came to its verdict; an approval may come later.", null=True
            ),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
