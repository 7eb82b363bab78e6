"""The fix: brush and eraser over the photo, and a sticker that is pixel for pixel the mask that was painted."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from segmentation import mask as masks

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
MARGIN = 16  # CSS pixels that the editor leaves around a photo that fits


@dataclass
class Canvas:
    """Where a photo lies on the editor's canvas while it fits the screen."""

    left: float
    top: float
    scale: float  # CSS pixels per photo pixel

    @classmethod
    def of(cls, page: Any, photo: dict[str, Any]) -> "Canvas":
        box = page.get_by_role("application", name="Mask editor").bounding_box()
        room = (box["width"] - 2 * MARGIN, box["height"] - 2 * MARGIN)
        scale = min(room[0] / photo["width"], room[1] / photo["height"], 4)
        left = box["x"] + (box["width"] - photo["width"] * scale) / 2
        return cls(left, box["y"] + (box["height"] - photo["height"] * scale) / 2, scale)

    def screen(self, x: float, y: float) -> tuple[float, float]:
        """A photo's pixel as a place on the page."""
        return self.left + x * self.scale, self.top + y * self.scale


def open_editor(page: Any, name: str) -> None:
    page.get_by_role("article", name=name).get_by_role("button", name=re.compile("^(Continue fix|Fix)$")).click()
    expect(page.get_by_role("application", name="Mask editor")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def drag(page: Any, canvas: Canvas, *points: tuple[float, float]) -> None:
    """A stroke by the mouse along points of the photo."""
    page.mouse.move(*canvas.screen(*points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*canvas.screen(*point), steps=8)
    page.mouse.up()


def answer_consent(page: Any, answer: str) -> None:
    dialog = page.get_by_role("dialog", name="May we learn from your fix?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=answer).click()


def stickers_alpha(page: Any, name: str) -> np.ndarray:
    """The alpha of the sticker as it is downloaded at full size, HxW uint8."""
    page.get_by_role("article", name=name).get_by_role("button", name="Download").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name="PNG").click()
    sticker = Image.open(started.value.path())
    return np.asarray(sticker.convert("RGBA").getchannel("A"))


def cropped(alpha: np.ndarray) -> np.ndarray:
    left, top, right, bottom = masks.crop_box(alpha, margin=2)
    part = alpha[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def distance_to_line(shape: tuple[int, ...], y: float, x_from: float, x_to: float) -> np.ndarray:
    """HxW: how far each pixel's centre lies from a horizontal line."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.hypot(rows - y, columns - np.clip(columns, x_from, x_to))


@pytest.fixture
def outline_off():
    """Switches the outline off and waits for the plain sticker."""

    def switch(page: Any, name: str) -> None:
        card = page.get_by_role("article", name=name)
        before = str(card.get_by_alt_text(f"Sticker of {name}").get_attribute("src"))
        card.get_by_role("switch", name="White outline").click()
        expect(card.get_by_alt_text(f"Sticker of {name}")).not_to_have_attribute("src", before)

    return switch


def test_what_is_painted_is_the_sticker_pixel_for_pixel(
    stack, page, photographs, make_sticker, outline_off, api, shot
) -> None:
    make_sticker(page, photographs / CAT)
    outline_off(page, CAT)
    photo = api(page).photo(CAT)
    predicted = api(page).picture(photo["prediction"]["mask_url"])
    open_editor(page, CAT)
    canvas = Canvas.of(page, photo)
    shot(page, "opened")

    radius = 18 / canvas.scale  # of the brush the editor starts with, in photo pixels
    page.get_by_role("button", name="Brush", exact=True).click()
    drag(page, canvas, (300, 40), (400, 40))
    page.get_by_role("button", name="Eraser").click()
    drag(page, canvas, (100, 150), (250, 150))
    shot(page, "painted")
    page.get_by_role("button", name="Save").click()
    shot(page, "consent")
    answer_consent(page, "All my photos")
    expect(page).to_have_url(stack.url + "/")
    card = page.get_by_role("article", name=CAT)
    expect(card.get_by_alt_text(f"Sticker of {CAT}")).to_be_visible()
    shot(page, "fixed")

    photo = api(page).photo(CAT)
    assert photo["correction"]["state"] == "waiting"
    painted = api(page).picture(photo["correction"]["mask_url"])
    assert painted.dtype == np.uint8
    assert painted.shape == (photo["height"], photo["width"])
    brushed = distance_to_line(painted.shape, 40, 300, 400)
    erased = distance_to_line(painted.shape, 150, 100, 250)
    assert (painted[brushed < 0.7 * radius] == 255).all()
    assert (painted[erased < 0.7 * radius] == 0).all()
    untouched = (brushed > radius + 2) & (erased > radius + 2)
    assert (painted[untouched] == predicted[untouched]).all()

    expected = cropped(painted)
    shown = stickers_alpha(page, CAT)
    assert shown.shape == expected.shape
    assert (shown == expected).all()


def test_undo_and_redo_are_exact(page, photographs, make_sticker, api) -> None:
    make_sticker(page, photographs / CAT)
    photo = api(page).photo(CAT)
    predicted = api(page).picture(photo["prediction"]["mask_url"])
    open_editor(page, CAT)
    canvas = Canvas.of(page, photo)
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    expect(undo).to_be_disabled()
    page.get_by_role("button", name="Eraser").click()
    drag(page, canvas, (100, 100), (250, 200))
    drag(page, canvas, (250, 100), (100, 200))
    expect(redo).to_be_disabled()
    undo.click()
    undo.click()
    expect(undo).to_be_disabled()
    redo.click()
    undo.click()
    # One speck, far from what was taken back, so that there is something to save.
    page.get_by_role("slider", name="Brush size").fill("4")
    drag(page, canvas, (20, 280), (21, 280))
    page.get_by_role("button", name="Save").click()
    answer_consent(page, "No thanks")
    expect(page.get_by_role("article", name=CAT)).to_be_visible()

    corrected = api(page).photo(CAT)["correction"]
    assert corrected["state"] == "private"
    away = distance_to_line(predicted.shape, 280, 20, 21) > 10
    assert (api(page).picture(corrected["mask_url"])[away] == predicted[away]).all()


def test_consent_is_asked_once_and_can_be_taken_back(page, photographs, make_sticker, api, shot) -> None:
    make_sticker(page, photographs / CAT)
    for version, consent in ((1, "All my photos"), (2, None)):
        fix(page, api(page), row=60 + 40 * version)
        if consent:
            answer_consent(page, consent)
        expect(page.get_by_role("article", name=CAT)).to_be_visible()
        assert api(page).photo(CAT)["correction"]["version"] == version
    assert api(page).photo(CAT)["correction"]["state"] == "waiting"

    page.get_by_role("button", name="Privacy").click()
    switch = page.get_by_role("switch", name="Learn from my")
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    shot(page, "privacy")
    page.get_by_role("button", name="Done").click()
    assert api(page).json("/api/v1/session/")["consent"] is False
    assert api(page).photo(CAT)["correction"]["state"] == "private"


def test_by_keyboard_alone(page, photographs, make_sticker, outline_off, api, shot) -> None:
    make_sticker(page, photographs / CAT)
    outline_off(page, CAT)
    photo = api(page).photo(CAT)
    predicted = api(page).picture(photo["prediction"]["mask_url"])
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").press("Enter")
    expect(page.get_by_role("application", name="Mask editor")).to_be_focused()
    expect(page.locator(".room .cursor")).to_be_visible()

    keys = page.keyboard
    keys.press("?")
    help_dialog = page.get_by_role("dialog", name="Keys")
    expect(help_dialog).to_contain_text("Paint a dab")
    keys.press("Escape")
    expect(help_dialog).to_have_count(0)
    keys.press("e")
    expect(page.get_by_role("button", name="Eraser")).to_have_attribute("aria-pressed", "true")
    keys.press("]")
    keys.press("Enter")  # a dab in the middle, where the brush begins
    keys.press("ArrowUp")
    keys.down("Space")
    for _ in range(12):
        keys.press("ArrowRight")
    keys.up("Space")
    shot(page, "painted")
    keys.press("Control+z")
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    keys.press("Control+Shift+Z")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    keys.press("Control+s")
    dialog = page.get_by_role("dialog", name="May we learn from your fix?")
    expect(dialog).to_be_visible()
    no_thanks = dialog.get_by_role("button", name="No thanks")
    for _ in range(4):
        if no_thanks.evaluate("button => button === document.activeElement"):
            break
        keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("article", name=CAT)).to_be_visible()

    painted = api(page).picture(api(page).photo(CAT)["correction"]["mask_url"])
    middle = (photo["height"] // 2, photo["width"] // 2)
    assert painted[middle] == 0
    assert predicted[middle] > 200
    assert (painted == predicted).mean() > 0.5
    assert (stickers_alpha(page, CAT) == cropped(painted)).all()


def test_zooming_in_paints_finer_and_changes_no_mask(page, photographs, make_sticker, api) -> None:
    make_sticker(page, photographs / CAT)
    photo = api(page).photo(CAT)
    predicted = api(page).picture(photo["prediction"]["mask_url"])
    open_editor(page, CAT)
    canvas = Canvas.of(page, photo)
    page.get_by_role("button", name="Sticker view").click()
    page.get_by_role("button", name="Sticker view").click()
    page.get_by_role("button", name="Eraser").click()
    x, y = canvas.screen(225, 150)
    page.mouse.move(x, y)
    for _ in range(6):
        page.mouse.wheel(0, -400)
    page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name="Fit").click()
    page.get_by_role("button", name="Save").click()
    answer_consent(page, "No thanks")
    expect(page.get_by_role("article", name=CAT)).to_be_visible()
    painted = api(page).picture(api(page).photo(CAT)["correction"]["mask_url"])
    changed = np.argwhere(painted != predicted)
    assert 0 < len(changed) < np.pi * (18 / canvas.scale) ** 2
    assert np.abs(changed - (150, 225)).max() < 18 / canvas.scale


def test_work_is_not_thrown_away_by_a_slip(page, photographs, make_sticker, api, shot) -> None:
    make_sticker(page, photographs / CAT)
    open_editor(page, CAT)
    canvas = Canvas.of(page, api(page).photo(CAT))
    page.get_by_role("button", name="Eraser").click()
    drag(page, canvas, (100, 100), (200, 100))
    page.get_by_role("button", name="Cancel").click()
    question = page.get_by_role("dialog", name="Leave without saving?")
    shot(page, "question")
    question.get_by_role("button", name="Keep painting").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Leave, keep draft").click()
    expect(page.get_by_role("article", name=CAT).get_by_role("button", name="Continue fix")).to_be_visible()

    open_editor(page, CAT)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("article", name=CAT)).to_be_visible()
    open_editor(page, CAT)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert api(page).photo(CAT)["correction"] is None


def erase(page: Any, api: Any, row: int) -> None:
    """One stroke of the eraser along a row of the photo, in an open editor."""
    page.get_by_role("button", name="Eraser").click()
    drag(page, Canvas.of(page, api.photo(CAT)), (100, row), (200, row))


def fix(page: Any, api: Any, row: int) -> None:
    open_editor(page, CAT)
    erase(page, api, row)
    page.get_by_role("button", name="Save").click()
