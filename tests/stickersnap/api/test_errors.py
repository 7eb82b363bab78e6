"""One shape for every error, whoever raises it."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/nowhere", 404, "not_found"),
        ("get", "/api/v1/nowhere/", 404, "not_found"),
        ("get", "/api/v1/photos/not-a-uuid/", 404, "not_found"),
        ("get", "/api/v1/photos/00000000-0000-0000-0000-000000000000/", 404, "not_found"),
        ("delete", "/api/v1/photos/", 405, "method_not_allowed"),
        ("get", "/api/v1/queue/review/", 401, "not_authenticated"),
        ("get", "/api/v1/photos/?page=999", 404, "not_found"),
    ],
)
def test_the_shape(client, method, address, status, code):
    answer = getattr(client, method)(address)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "detail"}


def test_a_person_who_mistyped_an_address_gets_a_page(client, settings, tmp_path):
    settings.FRONTEND = tmp_path
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client.get("/nowhere", headers=browser).json()["code"] == "not_found"  # the page is not built
    (tmp_path / "index.html").write_text("<title>StickerSnap</title>")
    answer = client.get("/nowhere", headers=browser)
    assert (answer.status_code, answer.content) == (404, b"<title>StickerSnap</title>")
    assert client.get("/api/v1/nowhere/", headers=browser).json()["code"] == "not_found"
    assert client.get("/nowhere", headers={"Accept": "*/*"}).json()["code"] == "not_found"


def test_a_body_that_is_no_json(client):
    answer = client.post("/api/v1/stickers/", "{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_body_of_another_type(client):
    answer = client.post("/api/v1/photos/", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_too_many_writes_are_throttled_with_a_time_to_wait(client, settings):
    settings.UPLOADS_PER_MINUTE = 2
    answers = [client.put("/api/v1/session/consent/", "{}", content_type="application/json") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_a_crash_is_told_in_the_same_shape_without_its_cause(monkeypatch):
    def crash():
        raise RuntimeError("secret")

    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", crash)
    from django.core.files.uploadedfile import SimpleUploadedFile

    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
        "53de0000000c49444154789c6360606000000004000127349e0a0000000049454e44ae426082"
    )
    answer = Client(raise_request_exception=False).post("/", {"data": SimpleUploadedFile("x.png", png)})
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "secret" not in answer.content.decode()


def test_pages_carry_a_strict_policy(client):
    answer = client.get("/api/docs/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "script-src 'self';" in answer["Content-Security-Policy"] + ";"
    assert answer["X-Frame-Options"] == "DENY"
    assert "/api/v1/photos/" in answer.content.decode()


def test_health(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    client.get("/nowhere")
    metrics = client.get("/metrics").content.decode()
    assert 'stickersnap_answers_total{address="healthz",method="GET",status="200"}' in metrics
    assert 'address="unknown",method="GET",status="404"' in metrics
    assert "nowhere" not in metrics
