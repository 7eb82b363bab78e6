"""Every pack that is built is one that the validator accepts; what is refused is refused in its own words."""

import io
import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_stickers import dot

from stickersnap.packs import building
from stickersnap.packs.building import Piece, RefusedError, Told, build
from stickersnap.stickers.targets import makeable
from stickersnap.validate import packs
from stickersnap.validate.checking import valid
from stickersnap.validate.encoding import encode
from stickersnap.validate.limits import PackLimits, target_get, targets

PACKED = [name for name, target in makeable().items() if target.pack]
TOLD = Told("8f6c0a4e", "Cats", "Ada")


@cache
def piece(target: str, shade: int = 0) -> Piece:
    row = target_get(target)
    made = encode(dot(row.box, (shade, 90, 200)), row)
    return Piece(made.data, made.format, "cat", ("🙂", "😂", "❤️"), "A red dot")


def pieces(target: str, count: int) -> list[Piece]:
    return [piece(target, number % 8) for number in range(count)]


def opened(export: building.Export) -> dict[str, bytes]:
    """The packs in an export, by their names."""
    if export.parts == 1:
        return {export.filename: export.data}
    with zipfile.ZipFile(io.BytesIO(export.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read(data: bytes, name: str) -> packs.Pack:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        return packs.read(file)


def read_all(export: building.Export) -> list[packs.Pack]:
    return [read(data, name) for name, data in opened(export).items()]


def test_every_target_with_packs_is_made_but_those_that_move():
    assert {name for name, target in targets().items() if target.pack and not target.moving} == set(PACKED)


@pytest.mark.parametrize("target", [*makeable()])
def test_what_is_exported_is_what_the_validator_accepts(target):
    row = target_get(target)
    some = row.pack.counts[0] if row.pack and row.pack.counts else 3
    export = build(TOLD, pieces(target, some), row)
    (pack,) = read_all(export)
    findings = packs.check_pack(pack, row)
    assert valid(findings), [str(finding) for finding in findings]
    assert len(pack.entries) == some
    assert (pack.texts["title"], pack.texts["author"]) == ("Cats", "Ada")


def test_whatsapp_gets_what_sticker_apps_open():
    export = build(TOLD, pieces("whatsapp", 3), target_get("whatsapp"))
    assert export.filename == "Cats.wastickers"
    with zipfile.ZipFile(io.BytesIO(export.data)) as archive:
        assert archive.namelist() == [
            *("001-cat.webp", "002-cat.webp", "003-cat.webp"),
            *("cover.png", "title.txt", "author.txt"),
        ]
        assert archive.read("title.txt") == b"Cats"
        assert archive.testzip() is None


def test_developers_get_a_folder_with_contents_json():
    export = build(TOLD, pieces("whatsapp", 3), target_get("whatsapp"), contents=True)
    assert export.filename == "Cats-whatsapp.zip"
    (pack,) = read_all(export)
    assert valid(packs.check_pack(pack, target_get("whatsapp")))
    assert pack.texts == {"title": "Cats", "author": "Ada", "identifier": "8f6c0a4e"}
    assert pack.entries[0] == packs.Entry("001-cat.webp", ("🙂", "😂", "❤️"), "A red dot", told=True)


def test_others_get_a_manifest_with_as_many_emojis_as_they_take():
    export = build(TOLD, pieces("signal", 1), target_get("signal"))
    with zipfile.ZipFile(io.BytesIO(export.data)) as archive:
        told = json.loads(archive.read("manifest.json"))
    assert told["stickers"] == [{"file": "001-cat.webp", "emojis": ["🙂"], "alt": "A red dot"}]
    assert (told["target"], told["tray"]) == ("signal", None)


def test_the_chosen_sticker_stands_for_the_pack():
    first = build(TOLD, pieces("whatsapp", 3), target_get("whatsapp"))
    last = build(Told("8f6c0a4e", "Cats", "Ada", tray=2), pieces("whatsapp", 3), target_get("whatsapp"))
    covers = [pack.files["cover.png"] for export in (first, last) for pack in read_all(export)]
    assert covers[0] != covers[1]


def test_a_large_pack_is_split_and_every_part_is_valid():
    export = build(TOLD, pieces("whatsapp", 61), target_get("whatsapp"))
    assert (export.parts, export.filename) == (3, "Cats.zip")
    parts = opened(export)
    assert list(parts) == ["Cats-1.wastickers", "Cats-2.wastickers", "Cats-3.wastickers"]
    read_parts = read_all(export)
    assert [len(pack.entries) for pack in read_parts] == [21, 20, 20]
    assert [pack.texts["title"] for pack in read_parts] == ["Cats 1 of 3", "Cats 2 of 3", "Cats 3 of 3"]
    assert all(valid(packs.check_pack(pack, target_get("whatsapp"))) for pack in read_parts)


def test_a_numbered_title_still_fits():
    long = Told("8f6c0a4e", "n" * 128, "Ada")
    titles = [pack.texts["title"] for pack in read_all(build(long, pieces("whatsapp", 31), target_get("whatsapp")))]
    assert [len(title) for title in titles] == [128, 128]
    assert titles[0].endswith("n 1 of 2")


@pytest.mark.parametrize(
    ("target", "count", "told", "words"),
    [
        ("whatsapp", 0, TOLD, "It holds 0 stickers; WhatsApp takes 3 to 30. Add some."),
        ("whatsapp", 1, TOLD, "It holds 1 sticker; WhatsApp takes 3 to 30. Add some."),
        ("line", 9, TOLD, "It holds 9 stickers; LINE takes 8, 16, 24, 32, 40. Change the number."),
        ("telegram", 3, Told("x", "n" * 65, "Ada"), "The title has 65 characters, 64 are allowed. Shorten it."),
        ("whatsapp", 3, Told("x", "Cats", ""), "The author is empty. Write one."),
        ("whatsapp", 3, Told("x", " \n", "Ada"), "The title is empty. Write one."),
    ],
)
def test_a_refusal_says_what_is_wrong_and_the_mend(target, count, told, words):
    with pytest.raises(RefusedError) as refused:
        build(told, pieces(target, count), target_get(target))
    assert str(refused.value) == words


def test_a_file_that_is_refused_is_named():
    broken = [*pieces("whatsapp", 2), Piece(b"RIFF", "webp", "dog", ("🙂",))]
    with pytest.raises(RefusedError, match=r"^003-dog\.webp: "):
        build(TOLD, broken, target_get("whatsapp"))


@pytest.mark.parametrize(
    ("count", "limits", "parts"),
    [
        (5, None, [5]),
        (30, PackLimits(least=3, most=30), [30]),
        (31, PackLimits(least=3, most=30), [16, 15]),
        (0, PackLimits(least=3, most=30), [0]),
        (48, PackLimits(counts=(8, 16, 24, 32, 40)), [40, 8]),
        (47, PackLimits(counts=(8, 16, 24, 32, 40)), [47]),
        (64, PackLimits(counts=(32,)), [32, 32]),
    ],
)
def test_as_few_parts_as_may_be(count, limits, parts):
    made = building.split(count, limits)
    assert (sum(made), sorted(made, reverse=True)) == (count, parts)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=150)
said = st.lists(st.sampled_from(["🙂", "😂", "❤️", "🇪🇸"]), min_size=0, max_size=4).map(tuple)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_pack_is_accepted_or_refused_in_the_validators_words(data):
    """Any count, names, emojis, texts, for any target: what comes out is valid, what does not is refused for a reason
    that the validator itself gives for the whole."""
    target = data.draw(st.sampled_from(PACKED))
    row, count = target_get(target), data.draw(st.integers(0, 70))
    told = Told("id-1", data.draw(texts), data.draw(texts), data.draw(st.integers(0, max(0, count - 1))))
    emojis, alts = data.draw(said), data.draw(st.text(max_size=130))
    given_pieces = [
        Piece(one.data, one.extension, one.name, emojis, alts if number == 1 else "")
        for number, one in enumerate(pieces(target, count))
    ]
    contents = data.draw(st.booleans())
    wrong = (
        (count < row.pack.least, " takes "),
        (bool(row.pack.counts) and building.split(count, row.pack) == [count], " takes "),
        (not told.title.strip(), "title is empty"),
        (not told.author.strip(), "author is empty"),
        (len(told.title.strip()) > row.pack.names, "The title has"),
        (len(told.author.strip()) > row.pack.names, "The author has"),
        (len(emojis) < row.pack.emojis[0], "emojis; "),
        (bool(row.pack.alt) and len(alts) > row.pack.alt, "accessibility text has"),
    )
    found, refusal = [], ""
    try:
        found = read_all(build(told, given_pieces, row, contents=contents))
    except RefusedError as error:
        refusal = str(error)
    assert bool(found) != bool([words for so, words in wrong if so and words in refusal]), refusal
    assert not found or sum(len(pack.entries) for pack in found) == count
    for pack in found:
        assert valid(packs.check_pack(pack, row)), [str(finding) for finding in packs.check_pack(pack, row)]
