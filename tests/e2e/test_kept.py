"""Nothing is lost by a slip: uploads over a reload, a deleted photo, discarded strokes, a network that fails."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from scipy import ndimage

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"


@pytest.fixture
def many(photographs: Path, tmp_path: Path) -> list[Path]:
    """Six photos with names of their own."""
    files = []
    for number, source in enumerate(["astronaut.jpg", CAT, "coffee.jpg"] * 2):
        files.append(tmp_path / f"photo-{number}{Path(source).suffix}")
        files[-1].write_bytes((photographs / source).read_bytes())
    return files


def test_a_reload_in_the_middle_of_uploads_loses_no_photo(page, many, choose) -> None:
    held: list[Any] = []
    page.route("**/api/v1/photos/", lambda route: held.append(route) if len(held) > 2 else route.abort())
    choose(page, *many)
    expect(page.get_by_role("article")).to_have_count(6)
    warned: list[str] = []
    page.on("dialog", lambda dialog: (warned.append(dialog.type), dialog.accept()))
    page.unroute("**/api/v1/photos/")
    page.reload()
    assert warned == ["beforeunload"]
    for file in many:
        expect(page.get_by_alt_text(f"Sticker of {file.name}")).to_be_visible()
    page.reload()
    assert warned == ["beforeunload"], "nothing is on its way any more"
    expect(page.get_by_role("article")).to_have_count(6)


def test_a_deleted_photo_can_be_had_back(page, photographs, make_sticker, api, shot) -> None:
    card = make_sticker(page, photographs / CAT)
    photo = api(page).photo(CAT)
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    assert page.context.request.get(photo["image_url"]).status == 404
    shot(page, "deleted")
    page.get_by_role("complementary", name="Take back").get_by_role("button", name="Undo").click()
    expect(page.get_by_alt_text(f"Sticker of {CAT}")).to_be_visible()
    page.reload()
    expect(page.get_by_alt_text(f"Sticker of {CAT}")).to_be_visible()


def erase(page: Any) -> None:
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_escape_then_enter_keeps_every_stroke_and_what_is_discarded_comes_back(
    page, photographs, make_sticker, shot
) -> None:
    make_sticker(page, photographs / CAT)
    erase(page)
    page.keyboard.press("Escape")
    question = page.get_by_role("dialog", name="Leave without saving?")
    expect(question.get_by_role("button", name="Keep painting")).to_be_focused()
    shot(page, "leaving")
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()

    page.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Discard").click()
    offer = page.get_by_role("complementary", name="Take back")
    expect(offer).to_contain_text("can be had back for a day")
    page.reload()
    shot(page, "discarded")
    card = page.get_by_role("article", name=CAT)
    card.get_by_role("button", name="Bring back the fix you discarded").click()
    card.get_by_role("button", name="Continue fix").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_whatever_failed_without_a_network_goes_on_when_it_is_back(page, photographs, make_sticker, shot) -> None:
    card = make_sticker(page, photographs / CAT)
    before = card.get_by_alt_text(f"Sticker of {CAT}").get_attribute("src")
    page.context.set_offline(True)
    card.get_by_role("switch", name="White outline").click()
    expect(card.get_by_role("alert")).to_contain_text("can't be reached")
    assert card.get_by_alt_text(f"Sticker of {CAT}").get_attribute("src") == before, "the last good one stays"
    expect(page.get_by_text("It goes on by itself")).to_be_visible()
    shot(page, "offline")
    page.context.set_offline(False)
    expect(card.get_by_alt_text(f"Sticker of {CAT}")).not_to_have_attribute("src", str(before))
    expect(card.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("It goes on by itself")).to_have_count(0)


def test_a_visited_gallery_makes_no_sticker_anew_and_a_fix_returns_to_its_card(page, many, choose, shot) -> None:
    choose(page, *many)
    page.set_viewport_size({"width": 360, "height": 740})
    for file in many:
        card = page.get_by_role("article", name=file.name)
        card.evaluate("card => card.scrollIntoView()")
        expect(card.get_by_alt_text(f"Sticker of {file.name}")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.split('/api/v1/')[-1]}"))
    page.reload()
    expect(page.get_by_role("article")).to_have_count(len(many))
    first = page.get_by_role("article").first  # once it shows its sticker the cards no longer move
    expect(first.get_by_role("img", name=re.compile("Sticker of"))).to_be_visible()
    lowest = page.get_by_role("article").last
    lowest.evaluate("card => card.scrollIntoView()")
    expect(lowest.get_by_role("img", name=re.compile("Sticker of"))).to_be_visible()
    assert "POST stickers/" not in asked

    name = str(lowest.get_attribute("aria-label"))
    lowest.get_by_role("button", name="Fix").click()
    expect(page.get_by_role("application", name="Mask editor")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("article", name=name).get_by_role("button", name="Fix")).to_be_focused()
    expect(page.get_by_role("article", name=name)).to_be_in_viewport()
    shot(page, "returned")


def test_cards_that_are_out_of_view_wait(page, many, choose) -> None:
    page.set_viewport_size({"width": 360, "height": 400})
    busy = {"status": 503, "headers": {"Retry-After": "600"}, "json": {"code": "busy", "detail": "Busy."}}
    page.route("**/api/v1/stickers/", lambda route: route.fulfill(**busy))
    choose(page, *many)
    for file in many:
        expect(page.get_by_alt_text(f"Photo {file.name}")).to_be_attached()
    page.unroute("**/api/v1/stickers/")
    page.reload()
    stickers = page.get_by_role("img", name=re.compile("Sticker of"))
    expect(page.get_by_role("article").first.locator(stickers)).to_be_visible()
    expect(page.get_by_role("img", name="Cutting…")).to_have_count(0)
    assert 1 <= stickers.count() < len(many)
    lowest = page.get_by_role("article").last
    expect(lowest.locator(stickers)).to_have_count(0)
    lowest.evaluate("card => card.scrollIntoView()")
    expect(lowest.locator(stickers)).to_be_visible()


BACKDROPS = {"White": (255, 255, 255), "Dark": (0x1B, 0x20, 0x23), "Chat": (0xE5, 0xDE, 0xD3)}


def placed(file: Image.Image, side: int) -> np.ndarray:
    """The file's alpha in the middle of a square of `side` pixels, as large as it goes."""
    small = file.getchannel("A").resize([round(length * side / max(file.size)) for length in file.size])
    whole = Image.new("L", (side, side))
    whole.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return np.asarray(whole)


def extent(inside: np.ndarray) -> np.ndarray:
    """First and last row and column of what is true."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return np.array([rows[0], rows[-1], columns[0], columns[-1]])


def pixels(locator: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_backdrop_is_behind_the_sticker_and_the_file_is_all_that_lies_on_it(
    person, photographs, make_sticker, scheme, shot
) -> None:
    page = person(color_scheme=scheme).new_page()
    page.goto("/")
    card = make_sticker(page, photographs / "astronaut.jpg")
    sticker = card.get_by_alt_text("Sticker of astronaut.jpg")
    pane = card.locator(".pane.sticker")
    address = str(sticker.get_attribute("src"))
    file = Image.open(io.BytesIO(page.context.request.get(address).body())).convert("RGBA")
    for name, colour in BACKDROPS.items():
        page.get_by_role("radio", name=name).check(force=True)
        page.evaluate("Promise.all(document.getAnimations().map(each => each.finished.catch(() => {})))")
        shown = pixels(pane)
        corner = shown[2:8, 2:8].reshape(-1, 3)
        assert (abs(np.median(corner, axis=0) - colour) <= 2).all(), f"{name}: {np.median(corner, axis=0)}"
        shot(page, f"{scheme}-{name}")
        if name == "Chat":
            continue  # it has a pattern
        alpha = placed(file, min(shown.shape[:2]))
        shown = shown[: len(alpha), : len(alpha)]
        seen = (abs(shown - colour).max(axis=2) > 12)[2:-2, 2:-2]
        outside = ndimage.binary_dilation(alpha > 0, iterations=3)[2:-2, 2:-2]
        assert not (seen & ~outside).any(), f"{name}: something shows beside the file, as a shadow would"
        if name == "Dark":  # a white outline shows how far the file goes
            assert abs(extent(seen) - extent((alpha > 128)[2:-2, 2:-2])).max() <= 3, "a margin that no file has"
    page.reload()
    expect(page.get_by_role("radio", name="Chat")).to_be_checked()
