"""What a reviewer may see of another's photo ends with that person's consent, at every address there is."""

from collections.abc import Iterator

import numpy as np
import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from annotations import services
from stickersnap.stickers.services import Wish, sticker_render
from stickersnap.stickers.style import Style

pytestmark = pytest.mark.django_db

IDS = {"photo_id", "prediction_id", "correction_id", "sticker_id"}
WRITES_ALONE = {"correction-review", "photo-consent", "photo-restore"}
PAGES = {"fix"}  # the front end's document, the same for everyone


def patterns(resolver) -> Iterator[URLPattern]:
    for part in resolver.url_patterns:
        if isinstance(part, URLPattern):
            yield part
        elif part.app_name != "admin":
            yield from patterns(part)


def addresses(ids: dict[str, object]) -> list[str]:
    """Every address that names a photo, or what was made of one, and answers GET."""
    found = []
    for pattern in patterns(get_resolver()):
        names = set(pattern.pattern.converters)
        if names and names <= IDS and pattern.name not in WRITES_ALONE | PAGES:
            found.append(reverse(pattern.name, kwargs={name: ids[name] for name in names}))
    return found


@pytest.fixture
def shown(photo_of, submit, people, cat):
    """Alice's photo, and what Rita made of it: a mask of everything, which is the photo."""
    photo = photo_of(people.alice.owner, cat, consented_at=timezone.now())
    correction, _ = submit(photo, people.rita.owner, np.full(cat.shape[:2], 255, np.uint8))
    sticker = sticker_render(
        photo=photo, author=people.rita.owner, wish=Wish(target="png", style=Style(), subject="all")
    )
    return {
        "photo_id": photo.id,
        "prediction_id": photo.predictions.get().id,
        "correction_id": correction.id,
        "sticker_id": sticker.id,
    }


@pytest.fixture
def browser():
    def make(user) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


def test_every_address_is_shut_to_reviewers_once_consent_is_taken_back(shown, people, browser):
    found = addresses(shown)
    assert len(found) >= 11
    reviewers, owner = [browser(people.rita), browser(people.olga)], browser(people.alice)
    for address in found:
        assert {client.get(address).status_code for client in reviewers} == {200}, address

    services.consent_apply(owner=people.alice.owner, consented_at=None)

    for address in found:
        assert {client.get(address).status_code for client in reviewers} == {404}, address
        assert owner.get(address).status_code == (403 if "difference" in address else 200), address
    for client in reviewers:
        for queue in ("queue-correct", "queue-review", "trust"):
            answer = client.get(reverse(queue))
            assert answer.status_code == 403 or answer.json()["count"] == 0
    sticker = {"photo": str(shown["photo_id"])}
    assert reviewers[0].post("/api/v1/stickers/", sticker, content_type="application/json").status_code == 404
    verdict = {"verdict": "approve", "version": 1}
    address = reverse("correction-review", args=[shown["correction_id"]])
    assert reviewers[1].post(address, verdict, content_type="application/json").status_code == 404


def test_no_browser_keeps_a_picture_that_was_lent(shown, people, browser):
    rita, alice = browser(people.rita), browser(people.alice)
    for address in addresses(shown):
        lent = rita.get(address)
        if lent["Content-Type"] == "application/json" and not address.endswith(".json"):
            continue
        for suffix in ("", "?version=1"):
            assert rita.get(address + suffix)["Cache-Control"] == "private, no-store", address
        if "difference" not in address and not address.endswith(".json"):  # private JSON is kept by nobody
            assert alice.get(f"{address}?version=1")["Cache-Control"] == "private, max-age=31536000, immutable"
