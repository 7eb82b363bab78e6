"""The published description of the API is the code's own."""

import io
from pathlib import Path

import yaml
from django.core.management import call_command

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.yaml"


def test_the_document_is_current():
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert DOCUMENT.read_text().strip() == out.getvalue().strip(), "run `make openapi` and commit what changes"


def test_its_page_names_every_call(client):
    page = client.get("/api/docs/").content.decode()
    calls = {
        f"{method.upper()} {path}<"
        for path, operations in yaml.safe_load(DOCUMENT.read_text())["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert "PATCH /api/v1/releases/policy/<" in calls
    assert [call for call in calls if call not in page] == []
