"""Requests that another site makes a browser send, answers that nobody else may keep, and who reads the figures."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from stickersnap.api import clients

pytestmark = pytest.mark.django_db
ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://testserver:8080"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.testserver"},
]
HERE = [{}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://testserver"}]


@pytest.mark.parametrize("said", ELSEWHERE, ids=str)
def test_nothing_unsafe_is_done_for_another_site_and_no_session_comes_of_it(client, addresses, said):
    for address in ["/", "/admin/login/", *addresses.values()]:
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(client, method)(address, headers=said)
            told = answer.json()
            (line,) = told.get("errors", [told])  # remove.bg's form under its addresses
            assert (answer.status_code, line["code"]) == (403, "foreign_origin"), (method, address)
            assert not answer.cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize("said", HERE, ids=str)
def test_ones_own_page_and_programs_are_heard(client, said):
    answer = client.put("/api/v1/session/consent/", {"consent": True}, content_type="application/json", headers=said)
    assert answer.status_code == 200


def test_a_page_elsewhere_may_be_let_in_by_name(client, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://stickers.example"]
    said = {"Origin": "https://stickers.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.put("/api/v1/session/consent/", {"consent": True}, content_type="application/json", headers=said)
    assert answer.status_code == 200


def test_nobody_is_logged_out_without_a_token_not_even_who_is_nobody():
    client = Client(enforce_csrf_checks=True)
    client.put("/api/v1/session/consent/", {"consent": True}, content_type="application/json")
    before = client.cookies["sessionid"].value
    answer = client.post("/api/v1/session/logout/")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert client.cookies["sessionid"].value == before


@pytest.mark.parametrize("address", ["/api/v1/photos/%00", "/api/v1/photos/?page=%00", "/admin/accounts/user/?q=%00"])
def test_a_text_that_no_database_can_hold_is_a_bad_request(client, address):
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("role", ["anyone", "operator"])
def test_no_answer_in_json_is_kept_by_anyone(client, people, addresses, role):
    if role == "operator":
        client.force_login(people.olga)
    for name, address in addresses.items():
        for method in ("get", "delete"):
            answer = getattr(client, method)(address)
            if answer.get("Content-Type", "").startswith("application/json"):
                assert answer["Cache-Control"] == "private, no-store", (method, name)


@pytest.mark.parametrize(
    ("remote", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 404),
        ("", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("203.0.113.9", {"X-Forwarded-For": "127.0.0.1"}, 404),
    ],
)
def test_figures_are_for_this_machine_alone(client, remote, headers, status):
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=remote).status_code == status


def test_and_for_operators_and_networks_that_are_named(client, people, settings):
    for person, status in ((people.rita, 404), (people.olga, 200)):
        client.force_login(person)
        assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == status
    settings.METRICS_NETWORKS = ["203.0.113.0/24"]
    assert Client().get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 200


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "expected"),
    [
        ("203.0.113.9", None, 0, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", 0, "203.0.113.9"),
        ("10.0.0.2", "6.6.6.6, 198.51.100.1", 1, "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", None, 0, "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", None, 0, "203.0.113.9"),
        ("10.0.0.2", "x" * 900, 1, "x" * 64),
    ],
)
def test_whose_address_counts(rf, settings, remote, forwarded, proxies, expected):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert clients.address(rf.get("/", headers=headers, REMOTE_ADDR=remote)) == expected
