"""Twelve minutes of training by default: what is approved is to serve within twenty, all of it."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0007_trials")]

    operations = [
        migrations.AlterField(
            model_name="retrainpolicy",
            name="minutes",
            field=models.FloatField(
                default=12,
                help_text="Budget of one training.",
                validators=[
                    django.core.validators.MinValueValidator(0.1),
                    django.core.validators.MaxValueValidator(1440),
                ],
            ),
        )
    ]
