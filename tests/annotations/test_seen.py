"""What one person may see of another's: nothing, and not even that it is there."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stickersnap.stickers.services import Wish, sticker_render
from stickersnap.stickers.style import Style

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", ["photos", "predictions", "corrections", "stickers"])
def test_what_is_somebody_elses_takes_the_road_of_what_is_not_there(client, people, photo_of, submit, fill, cat, kind):
    """The same queries, counted, for both, and the same words."""
    photo = photo_of(people.alice.owner, cat)
    correction, _ = submit(photo, photo.owner, fill(photo))
    sticker = sticker_render(photo=photo, author=photo.owner, wish=Wish(target="png", style=Style(), subject="all"))
    prediction = photo.predictions.get()
    foreign, form = {
        "photos": (photo.id, "photos/{}/"),
        "predictions": (prediction.id, "predictions/{}/mask.png"),
        "corrections": (correction.id, "corrections/{}/"),
        "stickers": (sticker.id, "stickers/{}/file/"),
    }[kind]
    client.force_login(people.bob)
    answers = []
    for name in (foreign, uuid.uuid4()):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get("/api/v1/" + form.format(name))
        asked = [query["sql"] for query in queries if "django_session" not in query["sql"]]
        asked = [sql.replace(name.hex, "ID").replace(str(name), "ID") for sql in asked]
        answers.append((answer.status_code, answer.content, asked))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_a_private_run_length_and_a_correction_are_not_kept_either(client, people, photo_of, submit, fill, cat):
    photo = photo_of(people.alice.owner, cat)
    correction, _ = submit(photo, photo.owner, fill(photo))
    client.force_login(people.alice)
    for address in (f"corrections/{correction.id}/", f"corrections/{correction.id}/mask.json?version=1"):
        assert client.get(f"/api/v1/{address}")["Cache-Control"] == "private, no-store"
    assert "max-age" in client.get(f"/api/v1/corrections/{correction.id}/mask.png?version=1")["Cache-Control"]
