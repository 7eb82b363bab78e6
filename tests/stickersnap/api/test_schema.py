"""The published description of the API is the code's own."""

import io
from pathlib import Path

from django.core.management import call_command

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.yaml"


def test_the_document_is_current():
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert DOCUMENT.read_text().strip() == out.getvalue().strip(), "run `make openapi` and commit what changes"
