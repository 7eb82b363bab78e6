"""The look of a sticker: what it may be, and that the pixels are what it says."""

import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from stickersnap.stickers import render, style
from stickersnap.stickers.style import Style, StyleError, parse
from stickersnap.stickers.targets import makeable, sticker_file
from stickersnap.validate import limits
from stickersnap.validate.checking import check, valid
from stickersnap.validate.limits import target_get

WHATSAPP = target_get("whatsapp")
LOOKS = [
    Style(),
    Style(outline=0),
    Style(outline=32, colour="#ff8800", shadow=32),
    Style(shape="circle", shadow=10),
    Style(shape="rounded", outline=32),
    Style(shape="stamp", outline=0, scale=0.2, x=1, y=-1),
    Style(rotate=33.3, flip=True, scale=0.5, x=-1, y=1),
]


@pytest.fixture
def bar():
    """A red bar, 300 by 100 pixels, whose left third is green: colours and mask."""
    rgb = np.zeros((300, 500, 3), np.uint8)
    rgb[..., 0] = 255
    rgb[:, :200] = (0, 200, 0)
    alpha = np.zeros((300, 500), np.uint8)
    alpha[100:200, 100:400] = 255
    return rgb, alpha


@pytest.mark.parametrize(("wrong", "named"), [
    ({"outline": 33}, "outline is from 0 to 32"), ({"outline": -0.1}, "outline"), ({"outline": True}, "outline"),
    ({"outline": float("nan")}, "outline"), ({"outline": float("inf")}, "outline"), ({"outline": "8"}, "outline"),
    ({"outline": 10**400}, "outline"), ({"shadow": 40}, "shadow"), ({"rotate": 181}, "rotate"),
    ({"scale": 0}, "scale"), ({"x": 1.01}, "x is"), ({"y": None}, "y is"), ({"flip": 1}, "flip is true or false"),
    ({"colour": "red"}, "colour"), ({"colour": "#ffffff\n"}, "colour"), ({"colour": 7}, "colour"),
    ({"shape": "heart"}, "none, rounded, circle, stamp"), ({"shape": []}, "shape"), ({"background": "sky"}, "none"),
    ({"version": 2}, "version is 1"), ({"version": True}, "version"), ({"blink": 1}, "no blink"), ([1], "object"),
    (None, "object"), ("{", "JSON"), ("[" * 100_000, "JSON"),
])  # fmt: skip
def test_a_style_out_of_bounds_is_refused_by_the_fields_name(wrong, named):
    with pytest.raises(StyleError, match=named) as refused:
        parse(wrong)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("field", [field for field in dataclasses.fields(Style) if "least" in field.metadata])
def test_every_number_is_taken_at_its_bounds_and_not_beyond(field):
    for bound, beyond in ((field.metadata["least"], -0.01), (field.metadata["most"], 0.01)):
        assert getattr(parse({field.name: bound}), field.name) == bound
        with pytest.raises(StyleError):
            parse({field.name: bound + beyond})


def test_styles_that_look_alike_have_one_digest_and_survive_json():
    given = parse('{"outline": 12, "colour": "#FFCC00", "x": -0.0}')
    assert given == Style(outline=12.0, colour="#ffcc00", x=0)
    assert given.digest == Style(outline=12, colour="#ffcc00").digest != Style().digest
    assert parse(json.loads(json.dumps(given.as_dict()))).digest == given.digest
    assert parse({}) == style.outlined(True) == Style()
    assert parse({"outline": 0}) == style.outlined(False)


@pytest.mark.parametrize("name", [*makeable()])
def test_every_target_takes_what_is_made_for_it_however_it_looks(name, bar):
    for look in LOOKS:
        for upright in (False, True):
            rgb, alpha = (np.rot90(plane).copy() if upright else plane for plane in bar)
            made = sticker_file(rgb, alpha, name, look)
            findings = check(made.data, target_get(name))
            assert valid(findings), (look, [finding.detail for finding in findings])
            picture = Image.open(io.BytesIO(made.data)).convert("RGBA")
            assert (made.width, made.height) == picture.size
            left, top, right, bottom = picture.getchannel("A").getbbox()
            least = min(left, top, picture.width - right, picture.height - bottom)
            assert least >= target_get(name).margin


def test_a_new_row_is_all_that_a_target_takes(bar, tmp_path, monkeypatch):
    file = tmp_path / "targets.toml"
    shutil.copy(limits.FILE, file)
    with file.open("a") as rows:
        rows.write(
            '[fax]\ntitle = "Fax"\nformats = ["png"]\nwithin = [77, 50]\neven = true\nbytes = 4_000\nmargin = 3\n'
        )
        rows.write('source = "nobody"\nchecked = 2026-11-30\n')
    known = limits.targets(file)
    monkeypatch.setattr(limits, "targets", lambda: known)
    made = sticker_file(*bar, "fax", Style(shadow=8))
    assert valid(check(made.data, known["fax"]))
    assert made.width <= 77
    assert made.width % 2 == made.height % 2 == 0


def test_the_subject_is_flipped_then_turned(bar):
    def middles(look):
        picture = np.asarray(render.rendered(*bar, look, WHATSAPP)).astype(int)
        green, red = picture[..., 1] > picture[..., 0] + 50, picture[..., 0] > picture[..., 1] + 50
        return [np.argwhere(colour).mean(0)[::-1] for colour in (green, red)]  # x, y

    (green, red) = middles(Style())
    assert green[0] < red[0]
    (green, red) = middles(Style(flip=True))
    assert green[0] > red[0]
    (green, red) = middles(Style(rotate=90))
    assert green[1] < red[1]
    (green, red) = middles(Style(rotate=90, flip=True))
    assert green[1] > red[1]
    (green, red) = middles(Style(rotate=45))
    assert green[0] < red[0]
    assert green[1] < red[1]


@pytest.mark.parametrize(("x", "y"), [(-1, -1), (1, 1), (0, 0), (-1, 1)])
def test_a_smaller_sticker_moves_to_the_edges_of_the_safe_area(bar, x, y):
    picture = render.rendered(*bar, Style(scale=0.5, x=x, y=y), WHATSAPP)
    left, top, right, bottom = picture.getchannel("A").getbbox()
    assert abs((right - left) - (232 + 16)) <= 2  # the outline stays as wide
    gaps = {-1: 16, 1: 512 - 16}
    if x:
        assert abs((left if x < 0 else right) - gaps[x]) <= 1
    else:
        assert abs(left + right - 512) <= 1
    if y:
        assert abs((top if y < 0 else bottom) - gaps[y]) <= 1


@pytest.mark.parametrize("outline", [4, 12, 32])
def test_an_outline_has_its_width_and_its_colour(bar, outline):
    picture = np.asarray(render.rendered(*bar, Style(outline=outline, colour="#2040ff"), WHATSAPP)).astype(int)
    middle = picture[256]
    blue = (np.abs(middle[:, :3] - (0x20, 0x40, 0xFF)).max(1) < 8) * middle[:, 3] / 255
    assert abs(blue[:256].sum() - outline) < 0.5
    assert abs(blue[256:].sum() - outline) < 0.5


def test_a_circle_is_a_circle_to_a_part_of_a_pixel(bar):
    alpha = np.asarray(render.rendered(*bar, Style(shape="circle"), WHATSAPP))[..., 3] / 255
    rows, columns = np.mgrid[:512, :512] + 0.5 - 256
    away = np.hypot(rows, columns)
    assert np.abs(alpha - np.clip(240.5 - away, 0, 1)).max() < 0.01


@pytest.mark.parametrize("shape", ["rounded", "circle", "stamp"])
def test_no_shape_cuts_the_subject(shape, bar):
    for outline in (0, 8):
        picture = np.asarray(render.rendered(*bar, Style(shape=shape, outline=outline), WHATSAPP)).astype(int)
        rows, columns = np.nonzero((picture[..., :3].min(2) < 100) & (picture[..., 3] > 0))
        ends = slice(columns.min(), columns.max() + 1), slice(rows.min(), rows.max() + 1)
        subject = picture[ends[1], ends[0], 3]
        assert abs(subject.shape[1] / subject.shape[0] - 3) < 0.1
        assert subject[1:-1, 1:-1].min() == 255
        assert subject.min() > 180  # at the very corners the edge may run through the pixel


def test_a_stamp_has_holes_along_its_edge(bar):
    alpha = np.asarray(render.rendered(*bar, Style(shape="stamp"), WHATSAPP))[..., 3]
    left = np.flatnonzero(alpha.max(0))[0]
    edge = alpha[:, left + 2] > 128
    holes = np.count_nonzero(np.diff(edge.astype(int)) == 1)
    assert holes >= 3


def test_a_shadow_falls_below_and_is_soft(bar):
    plain, shaded = (np.asarray(render.rendered(*bar, Style(shadow=s), WHATSAPP)).astype(int) for s in (0, 24))
    assert set(np.unique(plain[256 - 30 : 256 + 30, 256, 3])) == {255}
    column = shaded[:, 256]
    solid = np.flatnonzero(column[:, 3] == 255)
    above, below = column[solid[0] - 24 : solid[0], 3], column[solid[-1] + 1 : solid[-1] + 25, 3]
    assert below.sum() > 1.5 * above.sum() > 0
    assert (np.diff(below[1:]) <= 0).all()
    assert below.max() < 128
    assert column[solid[-1] + 4, :3].max() == 0
