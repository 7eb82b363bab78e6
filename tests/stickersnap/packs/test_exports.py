"""Packs as files over HTTP, read back by the validator that anybody may ask."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from annotations.models import Photo, Prediction
from stickersnap.packs import exports
from stickersnap.stickers import services as stickers
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.targets import makeable

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def export(client, pack: dict, target: str = "whatsapp", **more):
    return client.get(f"/api/v1/packs/{pack['id']}/export/", {"target": target, **more})


def verdict(client, name: str, data: bytes, target: str) -> dict:
    told = {"file": SimpleUploadedFile(name, data), "target": target}
    return client.post("/api/v1/validate/", told).json()


def test_a_pack_for_whatsapp_is_one_that_the_validator_accepts(client, pack_of):
    pack = pack_of(client, 3, "Cats & Co", "Ada")
    file = export(client, pack)
    assert file.status_code == 200
    assert file["Content-Disposition"] == 'attachment; filename="Cats-Co.wastickers"'
    assert file["Cache-Control"] == "private, no-store"
    assert verdict(client, "cats.wastickers", file.content, "whatsapp")["findings"] == []
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        assert archive.read("title.txt").decode() == "Cats & Co"
        assert "001-my-cat-0.webp" in archive.namelist()


@pytest.mark.parametrize("target", [name for name in makeable() if name not in ("line", "kakao")])
def test_a_pack_for_every_other_target_too(client, pack_of, target):
    file = export(client, pack_of(client, 3), target)
    assert file.status_code == 200, file.content
    assert verdict(client, "cats.zip", file.content, target)["valid"], target


def test_what_is_said_of_a_sticker_is_in_the_file(client, pack_of):
    pack = pack_of(client, 3)
    sticker = f"/api/v1/packs/{pack['id']}/stickers/{pack['stickers'][1]['id']}/"
    client.patch(sticker, {"emojis": ["😂", "🐈"], "alt": "A cat laughs"}, **JSON)
    with zipfile.ZipFile(io.BytesIO(export(client, pack, contents=1).content)) as archive:
        told = json.loads(archive.read("contents.json"))["sticker_packs"][0]
    assert told["stickers"][1]["emojis"] == ["😂", "🐈"]
    assert told["stickers"][1]["accessibility_text"] == "A cat laughs"
    assert told["identifier"] == pack["id"]


def test_a_pack_that_is_too_small_is_refused_in_words(client, pack_of):
    answer = export(client, pack_of(client, 1))
    assert answer.status_code == 422
    assert answer.json() == {"code": "pack_refused", "detail": "It holds 1 sticker; WhatsApp takes 3 to 30. Add some."}


def test_line_takes_certain_numbers_only(client, pack_of):
    answer = export(client, pack_of(client, 3), "line")
    assert (answer.status_code, answer.json()["code"]) == (422, "pack_refused")
    assert "8, 16, 24" in answer.json()["detail"]


@pytest.mark.parametrize("target", ["", "icq", "telegram-moving"])
def test_a_target_that_is_none(client, pack_of, target):
    answer = export(client, pack_of(client, 1), target)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail"}


def test_a_second_export_makes_no_sticker_anew(client, pack_of):
    pack = pack_of(client, 3)
    first = export(client, pack)
    made = set(Sticker.objects.values_list("id", flat=True))
    assert export(client, pack).content == first.content
    assert set(Sticker.objects.values_list("id", flat=True)) == made


def test_a_sticker_that_cannot_be_made_is_named(client, pack_of):
    pack = pack_of(client, 3)
    Prediction.objects.filter(photo=pack["stickers"][1]["photo"]).update(subject_found=False)
    answer = export(client, pack)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Sticker 2, my cat 1.png, cannot be made: No subject was found")


def test_a_photo_that_is_deleted_while_its_pack_is_exported(client, pack_of, monkeypatch):
    pack, render = pack_of(client, 3), stickers.sticker_render

    def delete_first(*, photo, **others):
        Photo.objects.filter(id=pack["stickers"][2]["photo"]).delete()
        return render(photo=photo, **others)

    monkeypatch.setattr(stickers, "sticker_render", delete_first)
    answer = export(client, pack)
    assert (answer.status_code, answer.json()["code"]) == (409, "pack_changed")
    assert export(client, pack, "telegram").status_code == 200


def test_too_many_bytes_are_refused(client, pack_of, monkeypatch):
    monkeypatch.setattr(exports, "MOST_BYTES", 1000)
    answer = export(client, pack_of(client, 3))
    assert (answer.status_code, answer.json()["code"]) == (422, "pack_refused")
    assert "1,000 bytes" in answer.json()["detail"]


def test_who_keeps_all_they_may_exports_nothing_new(client, pack_of, settings):
    pack = pack_of(client, 3)
    settings.MEGABYTES_PER_PERSON = 1
    Photo.objects.filter(id=pack["stickers"][0]["photo"]).update(image=bytes(1_000_000))
    assert export(client, pack).json()["code"] == "quota_exceeded"
