"""JPEGs and PNGs are compressed already: PostgreSQL need not try for as long as it takes to write them."""

from django.db import migrations

COLUMNS = [
    ("annotations_photo", "image"),
    ("annotations_prediction", "mask"),
    ("annotations_refinedmask", "mask"),
    ("annotations_correction", "mask"),
]


class Migration(migrations.Migration):
    dependencies = [("annotations", "0007_shown_iou")]
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL",
            f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTENDED",
        )
        for table, column in COLUMNS
    ]
