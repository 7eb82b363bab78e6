"""One photo fixed in several places: another tab, another device, another day, another program."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def devices(person, olgas_cookies, desk, api, write) -> tuple[Any, Any]:
    """The same photo open on two devices of one person, who has answered about learning."""
    page = person(storage_state=olgas_cookies).new_page()
    page.goto("/")
    for photo in api(page).json("/api/v1/photos/")["results"]:
        write(page, "delete", f"/api/v1/photos/{photo['id']}/")
    write(page, "put", "/api/v1/session/consent/", data={"consent": False})
    first = desk(page)
    second = first.on(person(storage_state=olgas_cookies).new_page()).go()
    return first, second


def test_a_second_tab_may_take_over_and_no_stroke_is_lost(person, desk, shot) -> None:
    context = person()
    first = desk(context.new_page())
    first.erase(100)
    page = context.new_page()
    page.goto(f"/fix/{first.photo['id']}")
    expect(page.get_by_role("alert")).to_contain_text("being fixed in another tab")
    shot(page, "elsewhere")
    page.get_by_role("button", name="Go on here").click()
    second = first.on(page).ready()
    expect(second.undo).to_be_enabled()
    expect(first.page.get_by_role("alert")).to_contain_text("Another tab has taken over")
    second.erase(150)
    painted = second.mask()
    first.page.get_by_role("button", name="Go on here").click()
    first.ready()
    assert (first.mask() == painted).all()
    expect(page.get_by_role("alert")).to_contain_text("Another tab has taken over")


def test_what_two_devices_changed_in_different_parts_can_both_be_kept(devices, api, shot, stored) -> None:
    first, second = devices
    first.page.get_by_role("slider", name="Brush size").fill("20")
    first.erase(40)
    left = first.mask()
    first.save(learn=None)
    first.at_the_maker()
    second.page.get_by_role("slider", name="Brush size").fill("20")
    second.erase(280)
    right = second.mask()
    second.save(learn=None)
    question = second.page.get_by_role("dialog", name="This fix was changed elsewhere")
    expect(question).to_be_visible()
    shot(second.page, "question")
    wide = second.page.viewport_size
    second.page.set_viewport_size(PHONE)
    shot(second.page, "question-phone")
    second.page.set_viewport_size(wide)
    assert (stored(api(first.page)) == left).all()
    question.get_by_role("button", name="Keep both").click()
    second.at_the_maker()
    correction = api(second.page).photo(CAT)["correction"]
    assert (stored(api(second.page)) == np.minimum(left, right)).all()
    told = api(second.page).json(f"/api/v1/corrections/{correction['id']}/")
    assert [stroke["tool"] for stroke in told["strokes"]][-1] == "merge"


def test_a_draft_that_fell_behind_says_so_when_it_is_opened(devices, api, stored) -> None:
    first, second = devices
    second.erase(110)
    mine = second.mask()
    first.erase(100)
    first.save(learn=None)
    first.at_the_maker()
    second.page.reload()
    question = second.page.get_by_role("dialog", name="This fix was changed elsewhere")
    expect(question).to_be_visible()
    expect(question.get_by_role("button", name="Keep both")).to_have_count(0)  # they overlap
    question.get_by_role("button", name="Keep mine").click()
    second.save(learn=None)
    second.at_the_maker()
    assert (stored(api(second.page)) == mine).all()
    assert api(second.page).photo(CAT)["correction"]["version"] == 2

    first.go()
    first.erase(200)
    second.go()
    second.erase(240)
    theirs = second.mask()
    second.save(learn=None)
    second.at_the_maker()
    first.page.reload()
    question = first.page.get_by_role("dialog", name="This fix was changed elsewhere")
    question.get_by_role("button", name="Take theirs").click()
    expect(first.undo).to_be_disabled()
    assert (first.mask() == theirs).all()


def test_a_second_edit_goes_on_from_the_first_with_its_whole_log(person, desk, api) -> None:
    sitting = desk(person().new_page())
    sitting.erase(100)
    first = sitting.mask()
    sitting.save()
    sitting.at_the_maker()
    address = f"/api/v1/corrections/{api(sitting.page).photo(CAT)['correction']['id']}/"
    told = api(sitting.page).json(address)
    sitting.go()
    assert (sitting.mask() == first).all()
    sitting.erase(200)
    sitting.save(learn=None)
    sitting.at_the_maker()
    again = api(sitting.page).json(address)
    assert again["version"] == 2
    assert again["strokes"][:1] == told["strokes"]
    assert [stroke["tool"] for stroke in again["strokes"]] == ["eraser", "eraser"]
    assert again["seconds"] > told["seconds"]


def test_a_mask_made_elsewhere_is_uploaded_and_can_be_undone(person, desk, api, tmp_path, shot, stored) -> None:
    sitting = desk(person().new_page())
    page, before = sitting.page, sitting.mask()
    soft = np.random.default_rng(2).integers(0, 256, before.shape, dtype=np.uint8)
    files = {
        "grey.png": Image.fromarray(soft),
        "alpha.png": Image.fromarray(np.dstack([soft, soft, soft, soft])),
        "small.png": Image.fromarray(soft[:-1]),
        "colour.png": Image.fromarray(np.dstack([soft, soft // 2, soft])),
        "empty.png": Image.fromarray(soft * 0),
    }
    for name, image in files.items():
        image.save(tmp_path / name)
    picker = page.locator("input[type=file]")
    for name in ("grey.png", "alpha.png"):
        picker.set_input_files(tmp_path / name)
        expect(sitting.undo).to_be_enabled()
        assert (sitting.mask() == soft).all()
        sitting.undo.click()
        expect(sitting.undo).to_be_disabled()
        assert (sitting.mask() == before).all()
    for name, said in (("small.png", "the photo"), ("colour.png", "colours"), ("empty.png", "empty")):
        picker.set_input_files(tmp_path / name)
        expect(page.locator(".toast").filter(has_text=said)).to_be_visible()
    shot(page, "refused")
    page.get_by_role("button", name="Mask files").click()
    shot(page, "menu")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download cut-out").click()
    assert download.value.suggested_filename == "chelsea_cutout.png"
    cutout = np.asarray(Image.open(io.BytesIO(Path(download.value.path()).read_bytes())))
    assert (cutout[..., 3] == before).all()
    picker.set_input_files(tmp_path / "grey.png")
    expect(sitting.undo).to_be_enabled()
    sitting.save()
    sitting.at_the_maker()
    assert (stored(api(page)) == soft).all()
    told = api(page).json(f"/api/v1/corrections/{api(page).photo(CAT)['correction']['id']}/")
    assert json.dumps(told["strokes"][0]).count("grey.png") == 1
