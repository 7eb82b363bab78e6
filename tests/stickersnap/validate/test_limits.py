"""The file of limits: a row is all that a new target takes, and a wrong row is named."""

import shutil

import pytest

from stickersnap.validate import limits

ROW = """
[made-up]
title = "Made up"
formats = ["png"]
exact = [64, 64]
bytes = 9_000
source = "nobody"
checked = 2026-11-30
"""


@pytest.fixture
def file(tmp_path):
    copy = tmp_path / "targets.toml"
    shutil.copy(limits.FILE, copy)
    return copy


def test_every_row_has_a_source_and_a_date():
    for target in limits.targets().values():
        assert len(target.source) > 10
        assert target.checked.year >= 2026


def test_a_new_target_is_one_row(file):
    file.write_text(file.read_text() + ROW)
    assert limits.targets(file)["made-up"].exact == (64, 64)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (ROW.replace("bytes", "byts"), "made-up: there is no limit byts"),
        (ROW.replace('source = "nobody"', ""), "made-up: source is missing"),
        (ROW.replace("exact = [64, 64]", ""), "made-up: give exactly one of exact, longer, within"),
        (ROW.replace("bytes", "longer = 3\nbytes"), "made-up: give exactly one of"),
        (ROW.replace('"png"', '"bmp"'), "made-up: formats are"),
        (ROW.replace("9_000", "0"), "made-up: bytes, pixels"),
        (ROW.replace("2026-11-30", '"today"'), "made-up: checked is a date"),
        ("pack = 3", "pack is no table"),
        ("[x", "cannot be read"),
    ],
)
def test_a_wrong_row_is_named(file, wrong, said):
    file.write_text((file.read_text() if not wrong.startswith("pack") else "") + wrong)
    with pytest.raises(limits.TargetsError, match=said):
        limits.targets(file)


def test_an_unknown_target_is_told_the_known_ones():
    with pytest.raises(limits.UnknownTargetError, match="whatsapp"):
        limits.target_get("icq")
