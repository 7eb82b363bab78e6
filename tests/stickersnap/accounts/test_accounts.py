"""Who people are: sessions, roles, consent, operators."""

import io
import uuid

import pytest
from django.conf import global_settings
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from annotations.owners import SESSION_KEY
from stickersnap import settings as shipped
from stickersnap.accounts.models import Consent, User
from stickersnap.accounts.selectors import consent_of
from stickersnap.accounts.services import consent_answer, operator_create

pytestmark = pytest.mark.django_db
PASSWORD = "alice-secret-10"


def login(client: Client, username: str = "alice", password: str = PASSWORD):
    token = client.get("/api/v1/session/").cookies["csrftoken"].value
    return client.post(
        "/api/v1/session/login/",
        {"username": username, "password": password},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )


def test_roles_build_on_each_other(people):
    assert [p.is_reviewer for p in (people.alice, people.rita, people.olga)] == [False, True, True]
    assert [p.is_operator for p in (people.alice, people.rita, people.olga)] == [False, False, True]
    people.olga.is_active = False
    assert not people.olga.is_operator


def test_logging_in_and_out(people):
    client = Client(enforce_csrf_checks=True)
    assert login(client).json()["user"] == {"username": "alice", "role": "person"}
    token = client.get("/api/v1/session/").cookies["csrftoken"].value
    out = client.post("/api/v1/session/logout/", {}, content_type="application/json", headers={"X-CSRFToken": token})
    assert out.json()["user"] is None


def test_a_wrong_password_is_refused(people):
    answer = login(Client(), password="wrong")
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_password")


def test_login_without_a_csrf_token_is_refused(people):
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/api/v1/session/login/", {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


def test_what_a_session_made_belongs_to_the_person_who_logs_in(client, people, django_assert_max_num_queries):
    client.get("/api/v1/session/")
    client.put("/api/v1/session/consent/", {"consent": True}, content_type="application/json")
    session_owner = uuid.UUID(client.session[SESSION_KEY])
    assert consent_of(session_owner)
    login(client)
    assert consent_of(people.alice.owner)


def test_the_persons_own_answer_outweighs_the_sessions(client, people):
    consent_answer(owner=people.alice.owner, given=False)
    client.put("/api/v1/session/consent/", {"consent": True}, content_type="application/json")
    login(client)
    assert not consent_of(people.alice.owner)


def test_every_answer_about_consent_is_kept():
    owner = uuid.uuid4()
    assert not consent_of(owner)
    for given in (True, False, True):
        consent_answer(owner=owner, given=given)
    assert consent_of(owner)
    assert Consent.objects.filter(owner=owner).count() == 3


def test_manage_operator_makes_an_operator(monkeypatch):
    monkeypatch.setenv("STICKERSNAP_OPERATOR_PASSWORD", "a-long-secret-phrase")
    out = io.StringIO()
    call_command("operator", "olga", stdout=out)
    olga = User.objects.get(username="olga")
    assert olga.is_operator
    assert olga.is_staff
    assert olga.check_password("a-long-secret-phrase")
    assert "/login" in out.getvalue()


def test_manage_operator_refuses_a_weak_password(monkeypatch):
    monkeypatch.setenv("STICKERSNAP_OPERATOR_PASSWORD", "password")
    with pytest.raises(CommandError, match="too"):
        call_command("operator", "olga")
    assert not User.objects.exists()


def test_manage_operator_says_what_to_do_where_it_cannot_ask(monkeypatch):
    def nobody_there(prompt: str) -> str:
        raise EOFError

    monkeypatch.delenv("STICKERSNAP_OPERATOR_PASSWORD", raising=False)
    monkeypatch.setattr("getpass.getpass", nobody_there)
    with pytest.raises(CommandError, match="STICKERSNAP_OPERATOR_PASSWORD"):
        call_command("operator", "olga")
    with pytest.raises(CommandError, match="blank"):
        call_command("operator", "")
    assert not User.objects.exists()


def test_only_superusers_see_people_in_the_admin(client, people):
    people.rita.is_staff = True
    people.rita.save()
    client.force_login(people.rita)
    assert client.get("/admin/accounts/user/").status_code == 403
    client.force_login(operator_create(username="root", password="a-long-secret-phrase"))
    assert client.get("/admin/accounts/user/").status_code == 200


def test_passwords_are_kept_by_a_slow_hasher():
    """By the settings that ship; the tests' own are quick."""
    hashers = getattr(shipped, "PASSWORD_HASHERS", global_settings.PASSWORD_HASHERS)
    with override_settings(PASSWORD_HASHERS=hashers):
        algorithm, iterations = make_password(PASSWORD).split("$")[:2]
    assert algorithm == "pbkdf2_sha256"
    assert int(iterations) >= 600_000, "what OWASP asks of PBKDF2 with SHA-256"
    assert make_password(PASSWORD).startswith("md5$"), "and in tests time is not spent on that"


@pytest.fixture
def two_photos(client, monkeypatch, starter, as_png, cat, coffee) -> list[str]:
    """The ids of two photos of this browser session."""
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)
    files = [SimpleUploadedFile("photo.png", as_png(picture)) for picture in (cat, coffee)]
    return [client.post("/api/v1/photos/", {"image": file}).json()["id"] for file in files]


def allow(client, path: str, given: bool = True):
    return client.put(f"/api/v1/{path}/consent/", {"consent": given}, content_type="application/json")


def test_one_photo_is_allowed_without_the_others(client, two_photos):
    one, other = two_photos
    told = allow(client, f"photos/{one}").json()
    assert (told["consent"], told["consent_asked"]) == (False, False), "the next photo is asked about again"
    assert (told["photos"], told["photos_consented"], told["retention_hours"]) == (2, 1, 168)
    assert [client.get(f"/api/v1/photos/{photo}/").json()["consent"] for photo in two_photos] == [True, False]
    assert allow(client, f"photos/{one}", given=False).json()["photos_consented"] == 0
    assert allow(Client(), f"photos/{other}").status_code == 404


def test_a_no_for_all_takes_back_what_single_photos_were_allowed(client, two_photos):
    allow(client, f"photos/{two_photos[0]}")
    assert allow(client, "session", given=False).json()["photos_consented"] == 0
    assert allow(client, "session").json()["photos_consented"] == 2
