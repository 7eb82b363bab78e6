"""A plain folder of pictures with masks says what is wrong with it, and is named by what is in it."""

import numpy as np
import pytest

from segmentation import folders
from segmentation.manifest import ManifestError


@pytest.fixture
def folder(tmp_path, as_png, cat, disc):
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for name, picture in (("cat", cat), ("dark", cat // 4)):
        (tmp_path / "images" / f"{name}.png").write_bytes(as_png(picture))
        (tmp_path / "masks" / f"{name}.png").write_bytes(as_png(disc(*cat.shape[:2])))
    return tmp_path


def test_pairs_are_counted_and_the_digest_names_them(folder, as_png):
    before = folders.digest(folder)
    assert folders.check(folder) == 2
    assert folders.digest(folder) == before
    (folder / "masks" / "cat.png").write_bytes(as_png(np.zeros((300, 451), np.uint8)))
    assert folders.digest(folder) != before


def spoil(folder, how, as_png):
    if how == "no mask":
        (folder / "masks" / "cat.png").unlink()
    elif how == "no picture":
        (folder / "images" / "cat.png").unlink()
    elif how == "nothing":
        for path in (folder / "images").iterdir():
            path.unlink()
    elif how == "torn":
        file = folder / "images" / "cat.png"
        file.write_bytes(file.read_bytes()[:500])
    else:
        (folder / "masks" / "cat.png").write_bytes(as_png(np.zeros((30, 45), np.uint8)))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no mask", "without a mask"),
        ("no picture", "without a picture"),
        ("nothing", "holds no pictures"),
        ("torn", "can't be read"),
        ("smaller mask", "must have one size"),
    ],
)
def test_what_is_wrong_is_said(folder, how, said, as_png):
    spoil(folder, how, as_png)
    with pytest.raises(ManifestError, match=said):
        folders.check(folder)


def test_every_picture_and_mask_is_told_of_and_names_meet_whatever_their_case_and_accents(folder):
    (folder / "masks" / "cat.png").rename(folder / "masks" / "cat.PNG")
    (folder / "images" / "caf\u00e9.jpg").write_bytes(b"")
    (folder / "masks" / "cafe\u0301.png").write_bytes(b"")
    for name in ("images/alone.webp", "images/note.txt", "masks/extra.png", "masks/dark.jpg", "images/dark.jpg"):
        (folder / name).write_bytes(b"")
    (folder / "images" / ".hidden").write_bytes(b"")
    told = {one.name: one.wrong for one in folders.found(folder)}
    assert {name for name, wrong in told.items() if not wrong} == {"cat.png", "caf\u00e9.jpg"}
    assert "without a mask" in told["alone.webp"]
    assert "without a picture" in told["masks/extra.png"]
    assert "no file of a kind" in told["images/note.txt"]
    assert "is a PNG" in told["masks/dark.jpg"]
    assert "have one name" in told["dark.jpg"]
    assert len(told) == 7
