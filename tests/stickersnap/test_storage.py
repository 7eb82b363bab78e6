"""How PostgreSQL keeps what is compressed already."""

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import BinaryField

pytestmark = pytest.mark.django_db
SMALL = {("annotations_correction", "sketch")}


def test_pictures_are_written_without_a_try_to_compress_them_again() -> None:
    wanted = {
        (model._meta.db_table, field.column)
        for app in ("annotations", "stickers")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.local_fields
        if isinstance(field, BinaryField)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid "
            "WHERE attstorage = 'e' AND relkind = 'r'"
        )
        found = set(cursor.fetchall())
    assert wanted - SMALL <= found
