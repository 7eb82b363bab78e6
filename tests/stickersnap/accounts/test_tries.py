"""Guessing passwords: bounded by name and by address, by every way in, whatever others send meanwhile."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import get_hasher
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from stickersnap.accounts import tries
from stickersnap.accounts.models import Tries

pytestmark = pytest.mark.django_db
PASSWORD = "alice-secret-10"


def by_api(client, name, password, address):
    body = json.dumps({"username": name, "password": password})
    return client.post("/api/v1/session/login/", body, content_type="application/json", REMOTE_ADDR=address)


def by_admin(client, name, password, address):
    return client.post("/admin/login/", {"username": name, "password": password}, REMOTE_ADDR=address)


WAYS = [by_api, by_admin]


def guessed(way, count: int, name="alice", address="203.0.113.9") -> list[int]:
    return [way(Client(), name, f"wrong-{i}", address).status_code for i in range(count)]


@pytest.mark.parametrize("way", WAYS)
def test_ten_guesses_at_a_name_from_anywhere_then_a_wait_even_for_the_right_one(people, way):
    statuses = [way(Client(), "alice", "wrong", f"203.0.113.{i}").status_code for i in range(12)]
    assert 429 not in statuses[:10]
    assert statuses[10:] == [429, 429]
    for other in WAYS:
        answer = other(Client(), "alice", PASSWORD, "198.51.100.7")
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 901
    assert by_api(Client(), "bob", "bob-secret-10", "198.51.100.7").status_code == 200


@pytest.mark.parametrize("way", WAYS)
def test_thirty_guesses_from_an_address_at_any_names(people, way):
    statuses = [way(Client(), f"name-{i}", "wrong", "203.0.113.9").status_code for i in range(31)]
    assert statuses.count(429) == 1
    assert statuses[-1] == 429
    assert by_api(Client(), "alice", PASSWORD, "203.0.113.10").status_code == 200


def test_both_ways_share_one_count(people):
    assert 429 not in guessed(by_api, 5) + guessed(by_admin, 5)
    assert guessed(by_api, 1) + guessed(by_admin, 1) == [429, 429]


def test_what_others_send_pushes_nothing_out(people):
    guessed(by_api, 11)
    cache.clear()  # whatever a flood does to what is kept in memory
    assert guessed(by_api, 1) == [429]
    assert by_admin(Client(), "alice", PASSWORD, "198.51.100.7").status_code == 429


def test_the_admin_says_how_long_to_wait_on_its_own_page(people):
    guessed(by_admin, 10)
    answer = by_admin(Client(), "alice", PASSWORD, "203.0.113.9")
    assert answer.status_code == 429
    assert "Wait 15 min" in answer.content.decode()
    assert 'name="password"' in answer.content.decode()


def test_a_browser_that_logged_in_before_is_not_shut_out_by_guesses_elsewhere(people):
    known = Client()
    assert by_api(known, "alice", PASSWORD, "198.51.100.7").status_code == 200
    known.post("/api/v1/session/logout/")
    guessed(by_api, 11)
    assert by_api(known, "bob", "wrong", "203.0.113.9").status_code == 400, "the mark is for one name"
    assert by_api(Client(), "alice", PASSWORD, "198.51.100.7").status_code == 429
    assert [by_api(known, "alice", "wrong", "203.0.113.9").status_code for _ in range(11)] == [400] * 10 + [429]


def test_a_forged_mark_is_none(people):
    client = Client()
    client.cookies[tries.COOKIE] = "WyJhbGljZSIsIjEiXQ:1:forged"
    assert [by_api(client, "alice", "wrong", "203.0.113.9").status_code for _ in range(11)][-1] == 429


def test_success_frees_the_name_and_gives_the_address_back_only_its_own_try(people):
    guessed(by_api, 9)
    assert by_api(Client(), "alice", PASSWORD, "203.0.113.9").status_code == 200
    assert 429 not in guessed(by_api, 10)
    assert guessed(by_api, 12, name="bob")[-1] == 429
    assert by_api(Client(), "rita", "rita-secret-10", "203.0.113.9").status_code == 429, "31 guesses came from there"


def test_after_a_quarter_of_an_hour_it_is_forgotten_and_nothing_stays(people, monkeypatch):
    guessed(by_api, 11)
    later = timezone.now() + tries.WINDOW + timedelta(seconds=1)
    monkeypatch.setattr(tries.timezone, "now", lambda: later)
    assert by_api(Client(), "alice", PASSWORD, "203.0.113.9").status_code == 200
    assert Tries.objects.filter(since__lt=later).count() == 0


def test_spellings_that_look_alike_count_together_and_no_name_is_kept(people):
    for name in ("alice", " alice", "ａlice"):
        guessed(by_api, 4, name=name)
    assert guessed(by_api, 1) == [429]
    assert all(len(row.key) == 64 and "alice" not in row.key for row in Tries.objects.all())


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password(people, way, monkeypatch):
    hasher, hashed = type(get_hasher()), []
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda self, *args: hashed.append(1) or encode(self, *args))
    people.bob.is_active = False
    people.bob.save()
    people.rita.set_unusable_password()
    people.rita.save()
    costs = []
    for name in ("alice", "nobody", "bob", "rita"):
        hashed.clear()
        way(Client(), name, "wrong", "203.0.113.9")
        costs.append(len(hashed))
    assert costs == [1, 1, 1, 1]
