"""What is made of a photo by GET waits for the same places as stickers."""

import uuid

import pytest

from annotations import admission
from annotations.owners import SESSION_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses(client, photo_of, submit, fill, cat) -> list[str]:
    """All that a photo of this browser session can be asked for and that is made on the spot."""
    owner = uuid.uuid4()
    session = client.session
    session[SESSION_KEY] = str(owner)
    session.save()
    photo = photo_of(owner, cat)
    correction, _ = submit(photo, owner, fill(photo))
    prediction, correction = photo.predictions.get().id, correction.id
    return [
        f"/api/v1/predictions/{prediction}/mask.png",
        f"/api/v1/predictions/{prediction}/mask.png?refined=1",
        f"/api/v1/predictions/{prediction}/cutout.png",
        f"/api/v1/predictions/{prediction}/mask.json",
        f"/api/v1/corrections/{correction}/cutout.png",
        f"/api/v1/corrections/{correction}/mask.json",
    ]


def test_without_a_place_there_is_a_time_to_wait(client, addresses, settings, monkeypatch):
    monkeypatch.setattr(admission, "PATIENCE", 0.0)
    settings.STICKERS_AT_WORK = 0
    for address in addresses:
        answer = client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy"), address
        assert int(answer["Retry-After"]) > 0


def test_those_of_a_large_photo_are_made_one_at_a_time(client, addresses, monkeypatch):
    monkeypatch.setattr(admission, "PATIENCE", 0.0)
    monkeypatch.setattr(admission, "LARGE_PIXELS", 1_000)
    with admission.large.place():
        assert {client.get(address).status_code for address in addresses} == {503}
    assert {client.get(address).status_code for address in addresses} == {200}
    assert (admission.large.taken, admission.stickers.taken) == (0, 0)
