"""Packs over HTTP: what is in them, in which order, whose they are, and what becomes of them with their photos."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django import app

from annotations import trash
from annotations.models import Photo
from stickersnap.packs import services
from stickersnap.packs.emojis import is_emoji
from stickersnap.packs.models import ALT, EMOJIS, NAME, Pack, PackSticker
from stickersnap.packs.tasks import packs_expire
from stickersnap.stickers.style import Style
from stickersnap.validate.limits import targets

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def photos_in(pack: dict) -> list[str]:
    return [sticker["photo"] for sticker in pack["stickers"]]


def ids_in(pack: dict) -> list[str]:
    return [sticker["id"] for sticker in pack["stickers"]]


def test_a_pack_keeps_stickers_in_order_with_their_look(client, photos):
    first, second, third = photos(client, 3)
    look = {"outline": 20, "shape": "circle"}
    given = {"name": " Cats ", "author": "Ada", "stickers": [{"photo": second, "style": look}, {"photo": first}]}
    pack = client.post("/api/v1/packs/", given, **JSON).json()
    assert (pack["name"], pack["author"], pack["count"]) == ("Cats", "Ada", 2)
    assert photos_in(pack) == [second, first]
    assert pack["stickers"][0]["style"] == Style(outline=20, shape="circle").as_dict()
    assert pack["stickers"][0]["emojis"] == ["🙂"]
    added = client.post(f"/api/v1/packs/{pack['id']}/stickers/", {"stickers": [{"photo": third}]}, **JSON)
    assert added.status_code == 201
    assert photos_in(added.json()) == photos_in(client.get(f"/api/v1/packs/{pack['id']}/").json())
    assert photos_in(added.json()) == [second, first, third]


def test_what_is_added_twice_is_there_once_and_each_look_is_one(client, photos):
    (photo,) = photos(client, 1)
    both = [{"photo": photo}, {"photo": photo, "style": {"flip": True}}, {"photo": photo}]
    pack = client.post("/api/v1/packs/", {"name": "Cats", "author": "Ada", "stickers": both}, **JSON).json()
    assert pack["count"] == 2
    again = client.post(f"/api/v1/packs/{pack['id']}/stickers/", {"stickers": both}, **JSON).json()
    assert ids_in(again) == ids_in(pack)


def test_the_list_shows_each_pack_with_its_tray(client, pack_of):
    assert client.get("/api/v1/packs/").json() == []
    pack = pack_of(client, 2)
    made = {"photo": pack["stickers"][0]["photo"], "target": "telegram"}
    sticker = client.post("/api/v1/stickers/", made, **JSON).json()
    (listed,) = client.get("/api/v1/packs/").json()
    assert (listed["tray"], listed["tray_url"], listed["count"]) == (ids_in(pack)[0], sticker["file_url"], 2)
    pack = client.patch(f"/api/v1/packs/{pack['id']}/", {"tray": ids_in(pack)[1], "name": "Dogs"}, **JSON).json()
    (listed,) = client.get("/api/v1/packs/").json()
    assert (listed["tray"], listed["tray_url"], listed["name"]) == (ids_in(pack)[1], None, "Dogs")


def test_a_sticker_tells_the_picture_that_is_there(client, pack_of):
    pack = pack_of(client, 1)
    address = f"/api/v1/packs/{pack['id']}/"
    photo = pack["stickers"][0]["photo"]
    assert pack["stickers"][0]["file_url"] is None
    client.post("/api/v1/stickers/", {"photo": photo, "target": "telegram", "style": {"flip": True}}, **JSON)
    assert client.get(address).json()["stickers"][0]["file_url"] is None
    made = client.post("/api/v1/stickers/", {"photo": photo, "target": "telegram"}, **JSON).json()
    assert client.get(address).json()["stickers"][0]["file_url"] == made["file_url"]


def test_emojis_and_accessibility_text(client, pack_of):
    pack = pack_of(client, 2)
    address = f"/api/v1/packs/{pack['id']}/stickers/{ids_in(pack)[1]}/"
    changed = client.patch(address, {"emojis": ["😂", "👩‍🚀", "😂"], "alt": "A cat in a helmet"}, **JSON).json()
    assert changed["stickers"][1]["emojis"] == ["😂", "👩‍🚀"]
    assert changed["stickers"][1]["alt"] == "A cat in a helmet"
    assert changed["stickers"][0] == pack["stickers"][0]
    for wrong in ({"emojis": []}, {"emojis": ["😂"] * 4}, {"emojis": ["lol"]}, {"alt": "a" * 126}, {"emoji": ["😂"]}):
        answer = client.patch(address, wrong, **JSON)
        assert answer.status_code == 400, wrong
        assert set(answer.json()) == {"code", "detail"}


@pytest.mark.parametrize("text", ["😂", "❤️", "👍🏽", "👨‍👩‍👧", "🇪🇸", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "3️⃣", "☺"])
def test_an_emoji(text):
    assert is_emoji(text)


@pytest.mark.parametrize("text", ["", "a", "😂😂", "3", "🇪", "<b>", "é", "\ufe0f", "😂 "])
def test_no_emoji(text):
    assert not is_emoji(text)


def test_the_order_is_all_of_its_stickers(client, pack_of):
    pack = pack_of(client, 3)
    address, (a, b, c) = f"/api/v1/packs/{pack['id']}/order/", ids_in(pack)
    assert ids_in(client.put(address, {"stickers": [c, a, b]}, **JSON).json()) == [c, a, b]
    for wrong in ([a, b], [a, b, c, c], [a, b, str(uuid.uuid4())]):
        answer = client.put(address, {"stickers": wrong}, **JSON)
        assert (answer.status_code, answer.json()["code"]) == (409, "pack_changed")
    assert ids_in(client.get(f"/api/v1/packs/{pack['id']}/").json()) == [c, a, b]


def test_a_sticker_is_taken_out_and_the_photo_stays(client, pack_of):
    pack = pack_of(client, 2)
    left = client.delete(f"/api/v1/packs/{pack['id']}/stickers/{ids_in(pack)[0]}/").json()
    assert ids_in(left) == ids_in(pack)[1:]
    assert left["tray"] == ids_in(pack)[1]
    assert client.delete(f"/api/v1/packs/{pack['id']}/").status_code == 204
    assert client.get("/api/v1/packs/").json() == []
    assert Photo.objects.count() == 2


def test_a_deleted_photo_takes_its_stickers_and_undo_brings_them_back(client, pack_of):
    pack = pack_of(client, 2)
    address, photo = f"/api/v1/packs/{pack['id']}/", pack["stickers"][0]["photo"]
    client.delete(f"/api/v1/photos/{photo}/?undo=1")
    assert ids_in(client.get(address).json()) == ids_in(pack)[1:]
    assert client.get("/api/v1/packs/").json()[0]["count"] == 1
    client.post(f"/api/v1/photos/{photo}/restore/")
    assert ids_in(client.get(address).json()) == ids_in(pack)
    client.delete(f"/api/v1/photos/{photo}/")
    assert ids_in(client.get(address).json()) == ids_in(pack)[1:]
    assert PackSticker.objects.count() == 1


def test_order_while_a_photo_is_in_the_trash(client, pack_of):
    pack = pack_of(client, 3)
    a, b, c = ids_in(pack)
    photo = Photo.objects.get(id=pack["stickers"][1]["photo"])
    owner = photo.owner
    trash.photo_trash(photo=photo)
    client.put(f"/api/v1/packs/{pack['id']}/order/", {"stickers": [c, a]}, **JSON)
    trash.photo_restore(photo_id=photo.id, owner=owner)
    assert ids_in(client.get(f"/api/v1/packs/{pack['id']}/").json()) == [c, a, b]


def test_a_pack_in_which_nothing_is_left_goes_as_its_photos_did(client, pack_of, settings):
    emptied, kept, young = pack_of(client, 1), pack_of(client, 1), pack_of(client, 1)
    old = timezone.now() - timedelta(hours=settings.RETENTION_HOURS + 1)
    Pack.objects.filter(id__in=[emptied["id"], kept["id"]]).update(created_at=old)
    Photo.objects.filter(id__in=[pack["stickers"][0]["photo"] for pack in (emptied, young)]).delete()
    assert packs_expire(timestamp=0) == 1
    assert {str(pack.id) for pack in Pack.objects.all()} == {kept["id"], young["id"]}
    assert packs_expire.name in app.tasks


def test_packs_follow_who_logs_in(client, pack_of, people):
    pack = pack_of(client, 1)
    login = {"username": "alice", "password": "alice-secret-10"}
    assert client.post("/api/v1/session/login/", login, **JSON).status_code == 200
    assert [one["id"] for one in client.get("/api/v1/packs/").json()] == [pack["id"]]
    assert Pack.objects.get().owner == people.alice.owner


def test_somebody_elses_pack_is_none(client, pack_of, photos):
    pack, other = pack_of(client, 2), Client()
    (mine,) = photos(other, 1)
    address = f"/api/v1/packs/{pack['id']}/"
    sticker = f"{address}stickers/{ids_in(pack)[0]}/"
    calls = [
        ("get", address, None),
        ("patch", address, {"name": "Mine"}),
        ("delete", address, None),
        ("post", f"{address}stickers/", {"stickers": [{"photo": mine}]}),
        ("put", f"{address}order/", {"stickers": ids_in(pack)}),
        ("patch", sticker, {"alt": "mine"}),
        ("delete", sticker, None),
        ("get", f"{address}export/?target=whatsapp", None),
    ]
    for method, where, body in calls:
        answers = [
            getattr(other, method)(one, body, **JSON) if body else getattr(other, method)(one)
            for one in (where, where.replace(pack["id"], str(uuid.uuid4())))
        ]
        assert {answer.status_code for answer in answers} == {404}, (method, where)
        assert answers[0].content == answers[1].content
    assert client.get(address).json() == pack


def test_somebody_elses_photo_goes_into_no_pack(client, pack_of, photos):
    pack, other = pack_of(client, 1), Client()
    (theirs,) = photos(other, 1)
    for photo in (theirs, str(uuid.uuid4())):
        wanted = {"stickers": [{"photo": photo}]}
        assert client.post(f"/api/v1/packs/{pack['id']}/stickers/", wanted, **JSON).status_code == 404
        new = client.post("/api/v1/packs/", {"name": "New", "author": "Ada", **wanted}, **JSON)
        assert (new.status_code, new.json()["code"]) == (404, "not_found")
    assert Pack.objects.count() == 1


def test_a_tray_of_another_pack_is_none(client, pack_of):
    pack, other = pack_of(client, 1), pack_of(client, 1)
    answer = client.patch(f"/api/v1/packs/{pack['id']}/", {"tray": ids_in(other)[0]}, **JSON)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"author": "Ada"},
        {"name": "", "author": "Ada"},
        {"name": "n" * 129, "author": "Ada"},
        {"name": "Cats", "author": " "},
        {"name": "Cats", "author": "Ada", "stickers": [{"photo": "x"}]},
        {"name": "Cats", "author": "Ada", "stickers": [{"photo": str(uuid.uuid4()), "style": {"outline": 99}}]},
        {"name": "Cats", "author": "Ada", "stickers": [{"photo": str(uuid.uuid4()), "subject": "left"}]},
        {"name": "Cats", "author": "Ada", "colour": "red"},
        {"name": "Cats", "author": "Ada", "stickers": [{"photo": str(uuid.uuid4())}] * 121},
    ],
)
def test_what_makes_no_sense_makes_no_pack(client, given):
    answer = client.post("/api/v1/packs/", given, **JSON)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail"}
    assert not Pack.objects.exists()


def test_nobody_has_more_than_so_many_packs_and_stickers(client, photos, monkeypatch):
    monkeypatch.setattr(services, "STICKERS", 2)
    monkeypatch.setattr(services, "PACKS", 2)
    given = {"name": "Cats", "author": "Ada", "stickers": [{"photo": photo} for photo in photos(client, 3)]}
    full = client.post("/api/v1/packs/", given, **JSON)
    assert (full.status_code, full.json()["code"]) == (409, "pack_full")
    assert not Pack.objects.exists()
    given["stickers"].pop()
    assert [client.post("/api/v1/packs/", given, **JSON).status_code for _ in range(2)] == [201, 201]
    many = client.post("/api/v1/packs/", given, **JSON)
    assert (many.status_code, many.json()["code"]) == (403, "quota_exceeded")


def test_what_is_kept_is_what_whatsapp_takes():
    limits = [target.pack for name, target in targets().items() if name.startswith("whatsapp") and target.pack]
    assert min(one.names for one in limits) == NAME
    assert min(one.alt for one in limits) == ALT
    assert {one.emojis for one in limits} == {(1, EMOJIS)}
