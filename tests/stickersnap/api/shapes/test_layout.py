"""Where a subject comes to lie, by remove.bg's words."""

import pytest
from PIL import Image

from stickersnap.api.shapes import layout
from stickersnap.api.shapes.composing import colour
from stickersnap.api.shapes.subject import Subject, canvas_of, scaled_box

SUBJECT = Subject(Image.new("RGBA", (100, 50), "red"), 20, 10, (400, 200), (800, 400))


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0% 0% 100% 100%", (0, 0, 400, 200)),
        ("100px 0% 50% 150px", (100, 0, 200, 150)),
        ("50% 50% 0% 0%", (0, 0, 200, 100)),
        ("0 0 9999px 200", (0, 0, 400, 200)),
    ],
)
def test_a_region_is_two_corners(text, box):
    assert layout.region(text, (400, 200)) == box


@pytest.mark.parametrize("text", ["", "10%", "0% 0% 0% 100%", "500px 0 600px 10", "a b c d", "-1px 0 1 1", "9" * 90])
def test_what_is_no_region_says_how_one_looks(text):
    with pytest.raises(layout.LayoutError, match="x1 y1 x2 y2"):
        layout.region(text, (400, 200))


@pytest.mark.parametrize(
    ("text", "canvas", "at"),
    [("0", (100, 50), (0, 0)), ("10px", (120, 70), (10, 10)), ("10% 20px", (140, 60), (20, 5)),
     ("1px 2px 3px 4px", (106, 54), (4, 1))],
)  # fmt: skip
def test_margins_go_around_a_cropped_subject(text, canvas, at):
    made = layout.laid_out(SUBJECT, layout.Wish(crop=True, margins=layout.margins(text)))
    assert (made.canvas, made.size, (made.left, made.top)) == (canvas, (100, 50), at)


def test_margins_never_make_more_than_a_photo_may_have():
    wide = Subject(Image.new("RGBA", (16_000, 2)), 0, 0, (16_000, 2), (16_000, 2))
    tall = layout.Wish(crop=True, margins=layout.margins("500px 0"))
    assert layout.laid_out(wide, tall).canvas == (16_000, 1002)
    wider = Subject(Image.new("RGBA", (16_000, 2_000)), 0, 0, (16_000, 2_000), (16_000, 2_000))
    with pytest.raises(layout.LayoutError, match="50 megapixels"):
        layout.laid_out(wider, layout.Wish(crop=True, margins=layout.margins("50%")))


@pytest.mark.parametrize("text", ["501px", "51%", "1 2 3", "1em", ""])
def test_margins_are_bounded(text):
    with pytest.raises(layout.LayoutError, match="500px"):
        layout.margins(text)


@pytest.mark.parametrize(
    ("scale", "position", "size", "at"),
    [
        ("original", "original", (100, 50), (20, 10)),
        ("original", "center", (100, 50), (150, 75)),
        ("original", "100%", (100, 50), (300, 150)),
        ("original", "0% 100%", (100, 50), (0, 150)),
        ("50%", "center", (200, 100), (100, 50)),
        ("100%", "original", (400, 200), (0, 0)),
        ("10%", "original", (40, 20), (50, 25)),
    ],
)
def test_a_subject_is_scaled_and_placed_on_the_photos_own_canvas(scale, position, size, at):
    wish = layout.Wish(scale=layout.scale(scale), position=layout.position(position))
    made = layout.laid_out(SUBJECT, wish)
    assert (made.canvas, made.size, (made.left, made.top)) == ((400, 200), size, at)


@pytest.mark.parametrize("text", ["9%", "101%", "50px", "50% 50%", "", "big"])
def test_a_scale_is_bounded(text):
    with pytest.raises(layout.LayoutError):
        layout.scale(text)


@pytest.mark.parametrize("text", ["101%", "5px", "1% 2% 3%", "", "left"])
def test_a_position_is_bounded(text):
    with pytest.raises(layout.LayoutError):
        layout.position(text)


def test_a_canvas_keeps_proportions_and_is_never_enlarged():
    assert canvas_of((4000, 1000), 250_000) == (1000, 250)
    assert canvas_of((300, 200), 250_000) == (300, 200)
    assert canvas_of((16_000, 1), 100) == (1264, 1)
    assert scaled_box((3999, 999, 4000, 1000), (4000, 1000), (400, 100)) == (399, 99, 400, 100)
    assert SUBJECT.in_photo() == (40, 20, 200, 100)


def test_colours_have_names_or_digits():
    assert colour("81d4fa") == colour("#81d4fa") == (0x81, 0xD4, 0xFA, 255)
    assert colour("f00") == colour("red") == (255, 0, 0, 255)
    assert colour("81d4fa77")[3] == 0x77
    for text in ("", "12345", "nocolour", "x" * 40):
        with pytest.raises(ValueError):
            colour(text)
