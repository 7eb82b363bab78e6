"""Photos whose stickers are soft discs, and packs of them over HTTP."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from predictors import DiscPredictor


@pytest.fixture(autouse=True)
def served(monkeypatch, disc):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: DiscPredictor(disc))


@pytest.fixture
def photos(as_png, cat):
    """Uploads so many photos, each another: photos(client, 3) → their ids."""

    def make(client, count: int) -> list[str]:
        pictures = [cat[:60, offset : offset + 80] for offset in range(count)]
        uploads = [SimpleUploadedFile(f"my cat {number}.png", as_png(one)) for number, one in enumerate(pictures)]
        return [client.post("/api/v1/photos/", {"image": upload}).json()["id"] for upload in uploads]

    return make


@pytest.fixture
def pack_of(photos):
    """A pack of so many photos: pack_of(client, 3) → what the API tells of it."""

    def make(client, count: int, name: str = "Cats", author: str = "Ada") -> dict:
        stickers = [{"photo": photo} for photo in photos(client, count)]
        told = {"name": name, "author": author, "stickers": stickers}
        answer = client.post("/api/v1/packs/", told, content_type="application/json")
        assert answer.status_code == 201, answer.content
        return answer.json()

    return make
