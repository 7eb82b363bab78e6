"""The look of a sticker is data; what was made until now had the usual outline, or none."""

import hashlib
import json
from typing import Any

from django.db import migrations, models

import stickersnap.stickers.models

USUAL = {
    "version": 1, "outline": 8.0, "colour": "#ffffff", "shadow": 0.0, "shape": "none", "rotate": 0.0, "flip": False,
    "scale": 1.0, "x": 0.0, "y": 0.0, "background": "none",
}  # fmt: skip


def style_the_plain(apps: Any, schema_editor: Any) -> None:
    plain = {**USUAL, "outline": 0.0}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    stickers = apps.get_model("stickers", "Sticker").objects
    stickers.filter(outline=False).update(style=plain, style_digest=digest)
    stickers.filter(outline=True).update(style=USUAL)


class Migration(migrations.Migration):
    dependencies = [("stickers", "0003_files_as_they_are")]
    operations = [
        migrations.RemoveConstraint(model_name="sticker", name="sticker_rendered_once"),
        migrations.AlterField(
            model_name="sticker",
            name="target",
            field=models.CharField(help_text="A row of stickersnap.validate's targets.toml.", max_length=40),
        ),
        migrations.AddField(
            model_name="sticker",
            name="style",
            field=models.JSONField(
                default=stickersnap.stickers.models.usual_style,
                help_text="How it looks, as stickersnap.stickers.style says it.",
            ),
        ),
        migrations.AddField(
            model_name="sticker",
            name="style_digest",
            field=models.CharField(
                default=stickersnap.stickers.models.usual_digest, help_text="The style's sha256.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="sticker",
            name="quality",
            field=models.PositiveSmallIntegerField(
                help_text="1 to 100 where it was compressed to fit the target; null where not.", null=True
            ),
        ),
        migrations.AddField(
            model_name="sticker",
            name="ssim",
            field=models.FloatField(
                default=1.0,
                help_text="How alike it is to what was rendered (structural similarity): 1 where nothing was lost.",
            ),
        ),
        migrations.RunPython(style_the_plain, migrations.RunPython.noop),
        migrations.AlterField("sticker", "outline", models.BooleanField(default=True)),  # so that there is a way back
        migrations.RemoveField(model_name="sticker", name="outline"),
        migrations.AddConstraint(
            model_name="sticker",
            constraint=models.UniqueConstraint(
                fields=["photo", "prediction", "correction", "correction_version", "target", "style_digest", "subject"],
                name="sticker_rendered_once",
                nulls_distinct=False,
            ),
        ),
    ]
