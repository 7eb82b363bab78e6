"""The API's documentation as a plain page: no script from elsewhere, no inline script."""

from django.http import HttpRequest, HttpResponse
from django.utils.html import escape
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

METHODS = ("get", "post", "put", "patch", "delete")
STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{font-weight:600;overflow-wrap:anywhere}dd{margin:0 0 1rem 1.5rem}"
)


class DocsView(APIView):
    """Every call of the API, with what it means."""

    permission_classes = [AllowAny]
    schema = None

    def get(self, request: HttpRequest) -> HttpResponse:
        paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
        calls = "".join(
            f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{escape(operation.get('description', ''))}</dd>"
            for path, operations in paths.items()
            for method, operation in operations.items()
            if method in METHODS
        )
        return HttpResponse(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>StickerSnap API</title>'
            f'<meta name="viewport" content="width=device-width"><link rel="icon" href="/static/favicon.svg">'
            f'<style>{STYLE}</style><h1>StickerSnap API</h1><p><a href="/">To the stickers</a>. '
            f'The machine-readable description is at <a href="/api/schema/">/api/schema/</a>.</p><dl>{calls}</dl>'
        )
