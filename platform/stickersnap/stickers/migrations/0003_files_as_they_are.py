"""WebPs and PNGs are compressed already: PostgreSQL need not try for as long as it takes to write them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stickers", "0002_subject")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE stickers_sticker ALTER COLUMN file SET STORAGE EXTERNAL",
            "ALTER TABLE stickers_sticker ALTER COLUMN file SET STORAGE EXTENDED",
        )
    ]
