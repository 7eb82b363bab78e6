"""Packs: every part that may be missing, every number one below, at and above."""

import json

import pytest
from made_stickers import dot, moving, saved, wastickers, zipped

from stickersnap.validate import packs
from stickersnap.validate.limits import target_get
from stickersnap.validate.mend_pack import mend_pack
from stickersnap.validate.mending import CannotMendError


def refused(path, target="whatsapp"):
    return [finding.rule for finding in packs.check_pack(packs.read(path), target_get(target)) if finding.refused]


def contents(stickers=3, **changes):
    told = {
        "identifier": "dots",
        "name": "Dots",
        "publisher": "Ada",
        "tray_image_file": "tray.png",
        "animated_sticker_pack": False,
        "stickers": [{"image_file": f"{i}.webp", "emojis": ["🙂"]} for i in range(stickers)],
    }
    files = {f"{i}.webp": saved(dot(colour=(i, 0, 99))) for i in range(stickers)}
    files["tray.png"] = saved(dot((96, 96)), "PNG")
    files["contents.json"] = json.dumps({"sticker_packs": [told | changes]}).encode()
    return files


@pytest.mark.parametrize(("count", "rules"), [(2, ["count"]), (3, []), (30, []), (31, ["count"])])
def test_how_many_stickers(pack_file, count, rules):
    assert refused(pack_file(wastickers(count))) == rules


@pytest.mark.parametrize("part", ["title.txt", "author.txt", "cover.png"])
def test_each_part_that_is_missing_is_named(pack_file, part):
    parts = wastickers()
    del parts[part]
    found = packs.check_pack(packs.read(pack_file(parts)), target_get("whatsapp"))
    assert any(part in finding.detail for finding in found if finding.refused)


@pytest.mark.parametrize(("length", "rules"), [(127, []), (128, []), (129, ["text"])])
@pytest.mark.parametrize("part", ["title.txt", "author.txt"])
def test_lengths_of_texts(pack_file, part, length, rules):
    assert refused(pack_file(wastickers(**{part: b"a" * length}))) == rules


@pytest.mark.parametrize(("size", "rules"), [((95, 96), ["size"]), ((96, 96), []), ((97, 96), ["size"])])
def test_the_tray_s_size(pack_file, size, rules):
    assert refused(pack_file(wastickers(**{"cover.png": saved(dot(size), "PNG")}))) == rules


def test_still_and_moving_are_never_mixed(pack_file):
    path = pack_file(wastickers(**{"zz.webp": moving(3)}))
    assert refused(path) == ["mixed"]
    assert refused(pack_file({f"{i}.webp": moving(i + 2) for i in range(3)} | wastickers(0))) == []


@pytest.mark.parametrize(("emojis", "rules"), [(0, ["emojis"]), (1, []), (3, []), (4, ["emojis"])])
def test_emojis_of_each_sticker(pack_file, emojis, rules):
    files = contents()
    told = json.loads(files["contents.json"])
    told["sticker_packs"][0]["stickers"][0]["emojis"] = ["🙂"] * emojis
    files["contents.json"] = json.dumps(told).encode()
    assert refused(pack_file(files, "pack.zip")) == rules


@pytest.mark.parametrize(("length", "rules"), [(124, []), (125, []), (126, ["alt"])])
def test_accessibility_text(pack_file, length, rules):
    stickers = [
        {"image_file": f"{i}.webp", "emojis": ["🙂"], "accessibility_text": "a" * length * (i == 0)} for i in range(3)
    ]
    assert refused(pack_file(contents(stickers=3) | contents_with(stickers), "pack.zip")) == rules


def contents_with(stickers):
    files = contents(len(stickers))
    told = json.loads(files["contents.json"])
    told["sticker_packs"][0]["stickers"] = stickers
    return files | {"contents.json": json.dumps(told).encode()}


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"identifier": "a..b"}, ["identifier"]),
        ({"identifier": "a/b"}, ["identifier"]),
        ({"identifier": "Ada's dots_1.0"}, []),
        ({"animated_sticker_pack": True}, ["mixed"]),
        ({"tray_image_file": "gone.png"}, ["tray"]),
        ({"name": ""}, ["text"]),
    ],
)
def test_contents_json(pack_file, change, rules):
    assert refused(pack_file(contents(**change), "pack.zip")) == rules


@pytest.mark.parametrize(
    "told", [b"[]", b"{", b'{"sticker_packs": []}', b'{"sticker_packs": [{"stickers": 3}]}', b"[" * 99_999]
)
def test_contents_json_that_is_none(pack_file, told):
    with pytest.raises(packs.PackError, match=r"contents\.json"):
        packs.read(pack_file({"contents.json": told}, "pack.zip"))


def test_a_zip_that_leads_out_of_itself_is_not_opened(pack_file):
    with pytest.raises(packs.PackError, match="leads out"):
        packs.read(pack_file({"../evil.webp": b""}, "pack.zip"))


def test_line_takes_certain_numbers_only(tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(saved(dot((370, 320)), "PNG"))
    assert refused(tmp_path, "line") == []
    (tmp_path / "9.png").write_bytes(saved(dot((370, 320)), "PNG"))
    assert refused(tmp_path, "line") == ["count"]


def test_fix_makes_a_valid_pack_of_a_refused_one(pack_file):
    parts = wastickers(**{"big.webp": saved(dot((900, 700))), "old.png": saved(dot((512, 512)), "PNG")})
    parts["cover.png"] = saved(dot((200, 100)), "PNG")
    parts["title.txt"] = b"t" * 300
    path = pack_file(parts)
    assert refused(path)
    data, notes = mend_pack(packs.read(path), target_get("whatsapp"))
    path.write_bytes(data)
    assert refused(path) == []
    assert any("big.webp" in note for note in notes)


def test_fix_leaves_to_people_what_only_they_can_decide(pack_file):
    for parts in (wastickers(2), wastickers(31), wastickers(**{"zz.webp": moving(3)})):
        with pytest.raises(CannotMendError):
            mend_pack(packs.read(pack_file(parts)), target_get("whatsapp"))


def test_equal_packs_are_equal_files(pack_file):
    path = pack_file(wastickers(**{"title.txt": b""}))
    assert mend_pack(packs.read(path), target_get("whatsapp")) == mend_pack(packs.read(path), target_get("whatsapp"))


def test_a_pack_in_a_folder_reads_as_the_zip_does(tmp_path, pack_file):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in contents().items():
        (folder / name).write_bytes(data)
    assert refused(folder) == refused(pack_file(contents(), "pack.zip")) == []
    assert zipped({})[:2] == b"PK"
