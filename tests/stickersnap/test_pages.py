"""Every address of the page is answered by the service, so that a reload and a link work everywhere."""

import json
import re

import pytest

from stickersnap import pages

ROUTES = json.loads(pages.ROUTES.read_text())


@pytest.fixture(autouse=True)
def built(settings, tmp_path):
    (tmp_path / "index.html").write_text("<title>the page</title>")
    settings.FRONTEND = tmp_path


def example(route: str) -> str:
    """An address that the route stands for."""
    return re.sub(r":\w+(\([^)]*\))?", lambda found: "7" if found[1] else "3f2504e0-4f89-41d3-9a0c-0305e82c3301", route)


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES.values())
def test_a_reload_answers_the_page(client, route):
    for address in {example(route), example(route).rstrip("/") + "/"}:
        answer = client.get(address, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.content) == (200, b"<title>the page</title>"), address
    assert client.post(example(route)).status_code in ({405} if route != "/" else {400, 413, 415, 422})


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/nowhere", "/fix", "/fix/a/b", "/releases/decisions/abc", "/releases/nowhere"])
def test_what_is_no_route_is_not_found(client, address):
    assert client.get(address, headers={"Accept": "text/html"}).status_code == 404


def test_routes_are_read_as_the_router_reads_them():
    assert pages.pattern("/runs/:id(\\d+)") == r"^runs/(?P<id>\d+)/?$"
    assert pages.pattern("/fix/:photo") == r"^fix/(?P<photo>[^/]+)/?$"
    assert pages.pattern("/a.b") == r"^a\.b/?$"
