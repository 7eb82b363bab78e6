"""Who only looks costs no row; who writes is one owner, however many first writes there are at once."""

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotations.models import Photo

pytestmark = pytest.mark.django_db
LOOKING = ("/api/v1/session/", "/api/v1/photos/", "/api/v1/stickers/?photo=2b7a1c1e-0000-4000-8000-000000000000")


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


@pytest.fixture
def bring(as_png, cat):
    def post(client: Client) -> int:
        return client.post("/api/v1/photos/", {"image": SimpleUploadedFile("cat.png", as_png(cat))}).status_code

    return post


@pytest.mark.parametrize("address", LOOKING)
def test_looking_begins_no_session(client, address):
    for _ in range(2):
        assert client.get(address).status_code in (200, 400)
    assert "sessionid" not in client.cookies
    assert not Session.objects.exists()


def test_a_browser_is_told_its_id_once(client):
    assert client.get(LOOKING[0]).cookies["visitor"]["httponly"]
    assert "visitor" not in client.get(LOOKING[0]).cookies


def test_first_writes_at_once_are_one_owners(client, bring):
    client.get(LOOKING[0])
    beside = Client()
    beside.cookies["visitor"] = client.cookies["visitor"].value
    assert [bring(client), bring(beside)] == [201, 201]
    assert Session.objects.count() == 2
    assert Photo.objects.values("owner").distinct().count() == 1
    assert client.get("/api/v1/photos/").json()["count"] == 2


def test_the_page_asks_first_and_its_first_writes_are_one_owners(client, bring):
    """What asking brings lasts no longer than what says who the browser is: without the one the page asks anew."""
    cookies = client.get(LOOKING[0]).cookies
    assert int(cookies["csrftoken"]["max-age"]) < int(cookies["visitor"]["max-age"])


def test_who_sends_no_cookie_is_another_one_each_time(bring):
    assert [bring(Client()), bring(Client())] == [201, 201]
    assert Photo.objects.values("owner").distinct().count() == 2


def test_a_forged_or_foreign_cookie_is_none(client, bring):
    bring(client)
    owner = Photo.objects.get().owner
    for forged in (str(owner), f"{owner}:1abcde:{'x' * 43}", "", "é"):
        stranger = Client()
        stranger.cookies["visitor"] = forged
        assert stranger.get("/api/v1/photos/").json()["count"] == 0


def test_after_logging_out_the_browser_is_nobody_known(client, bring, people):
    bring(client)
    before = client.cookies["visitor"].value
    client.force_login(people.paul if hasattr(people, "paul") else people.olga)
    assert client.post("/api/v1/session/logout/").status_code == 200
    assert client.cookies["visitor"].value != before
    assert client.get("/api/v1/photos/").json()["count"] == 0
