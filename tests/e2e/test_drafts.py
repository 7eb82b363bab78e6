"""Nothing painted is lost: a killed tab, a lost network, a restarted service, another tab, another device."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error, expect

from segmentation import mask as masks

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
MARGIN = 16  # CSS pixels that the editor leaves around a photo that fits
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


class Desk:
    """A page with the editor open on the cat, and what a hand does there."""

    def __init__(self, page: Any, photo: dict[str, Any]) -> None:
        self.page, self.photo = page, photo

    def go(self) -> "Desk":
        self.page.goto(f"/fix/{self.photo['id']}")
        return self.ready()

    def ready(self) -> "Desk":
        expect(self.page.get_by_role("application", name="Mask editor")).to_be_visible()
        expect(self.undo).to_be_visible()
        return self

    @property
    def undo(self) -> Any:
        return self.page.get_by_role("button", name="Undo")

    @property
    def redo(self) -> Any:
        return self.page.get_by_role("button", name="Redo")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A photo's pixel as a place on the page, while the photo fits the editor."""
        box = self.page.get_by_role("application", name="Mask editor").bounding_box()
        width, height = self.photo["width"], self.photo["height"]
        scale = min((box["width"] - 2 * MARGIN) / width, (box["height"] - 2 * MARGIN) / height, 4)
        left = box["x"] + (box["width"] - width * scale) / 2
        return left + x * scale, box["y"] + (box["height"] - height * scale) / 2 + y * scale

    def erase(self, row: float, lift: bool = True) -> None:
        """A stroke of the eraser along a row, by mouse."""
        self.page.get_by_role("button", name="Eraser").click()
        self.page.mouse.move(*self.at(100, row))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(200, row), steps=6)
        if lift:
            self.page.mouse.up()

    def mask(self) -> np.ndarray:
        """What the editor shows now, by its own download: HxW uint8."""
        self.page.get_by_role("button", name="Mask files").click()
        with self.page.expect_download() as download:
            self.page.get_by_role("menuitem", name="Download mask").click()
        assert download.value.suggested_filename == "chelsea_mask.png"
        return masks.decode_png(Path(download.value.path()).read_bytes(), empty=True)

    def save(self, learn: str | None = "No thanks") -> None:
        self.page.get_by_role("button", name="Save").click()
        if learn:
            self.page.get_by_role("dialog").get_by_role("button", name=learn).click()

    def at_the_maker(self) -> None:
        expect(self.page.get_by_role("article", name=CAT)).to_be_visible()


@pytest.fixture
def desk(make_sticker, photographs, api) -> Callable[[Any], Desk]:
    """Uploads the cat on a page and opens its editor."""

    def sit(page: Any) -> Desk:
        page.goto("/")
        make_sticker(page, photographs / CAT)
        page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
        return Desk(page, api(page).photo(CAT)).ready()

    return sit


def stored(api: Any) -> np.ndarray:
    return np.asarray(api.picture(api.photo(CAT)["correction"]["mask_url"]))


def kill(page: Any) -> None:
    """The tab's process is gone, without a goodbye."""
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash")


def test_a_killed_tab_loses_the_stroke_in_the_air_and_no_other(person, desk, api, shot) -> None:
    context = person()
    first = desk(context.new_page())
    before = first.mask()
    for row in (80, 130, 180):
        first.erase(row)
    painted = first.mask()
    first.undo.click()
    expect(first.redo).to_be_enabled()
    undone = first.mask()
    first.erase(240, lift=False)
    kill(first.page)

    back = Desk(context.new_page(), first.photo).go()
    expect(back.undo).to_be_enabled()
    expect(back.redo).to_be_enabled()
    shot(back.page, "back")
    assert (back.mask() == undone).all()
    back.redo.click()
    expect(back.redo).to_be_disabled()
    assert (back.mask() == painted).all()
    for _ in range(3):
        back.undo.click()
    expect(back.undo).to_be_disabled()
    assert (back.mask() == before).all()
    for _ in range(3):
        back.redo.click()
    back.save()
    back.at_the_maker()
    there = api(back.page)
    assert (stored(there) == painted).all()
    correction = there.photo(CAT)["correction"]
    cutout = there.picture(f"/api/v1/corrections/{correction['id']}/cutout.png")
    assert (cutout[..., 3] == painted).all()
    told = there.json(f"/api/v1/corrections/{correction['id']}/")
    assert len(told["strokes"]) == 3
    assert told["prediction"] == first.photo["prediction"]["id"]


def test_the_stroke_that_has_just_ended_is_never_lost(person, desk) -> None:
    context = person()
    sitting = desk(context.new_page())
    for count in (1, 2):
        sitting.erase(60 + 40 * count)
        kill(sitting.page)
        sitting = Desk(context.new_page(), sitting.photo).go()
        for _ in range(count):
            expect(sitting.undo).to_be_enabled()
            sitting.undo.click()
        expect(sitting.undo).to_be_disabled()
        for _ in range(count):
            sitting.redo.click()


def test_by_touch_on_a_phone_after_a_reload(person, desk, api, shot) -> None:
    sitting = desk(person(**PHONE).new_page())
    page = sitting.page
    before = sitting.mask()
    page.get_by_role("button", name="Eraser").click()
    touch(page, sitting.at(120, 120), sitting.at(200, 120))
    expect(sitting.undo).to_be_enabled()
    shot(page, "painted")
    painted = sitting.mask()
    assert (painted[120, 130:190] == 0).all()
    page.reload()
    sitting.ready()
    assert (sitting.mask() == painted).all()
    sitting.undo.click()
    assert (sitting.mask() == before).all()
    sitting.redo.click()
    sitting.save()
    sitting.at_the_maker()
    assert (stored(api(page)) == painted).all()


def touch(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    session = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    send("touchStart", start)
    for step in range(1, 7):
        send("touchMove", tuple(a + (b - a) * step / 6 for a, b in zip(start, end, strict=True)))
    send("touchEnd")


def test_by_keyboard_after_a_reload(person, desk, api) -> None:
    sitting = desk(person().new_page())
    keys = sitting.page.keyboard
    expect(sitting.page.get_by_role("application", name="Mask editor")).to_be_focused()
    keys.press("e")
    keys.press("Enter")
    expect(sitting.undo).to_be_enabled()
    sitting.page.reload()
    sitting.ready()
    keys.press("Control+z")
    expect(sitting.redo).to_be_enabled()
    keys.press("Control+Shift+Z")
    expect(sitting.redo).to_be_disabled()
    keys.press("Control+s")
    sitting.page.get_by_role("dialog").get_by_role("button", name="No thanks").press("Enter")
    sitting.at_the_maker()
    middle = (sitting.photo["height"] // 2, sitting.photo["width"] // 2)
    assert stored(api(sitting.page))[middle] == 0


def test_what_is_saved_offline_is_sent_when_the_network_is_back(person, desk, api, shot) -> None:
    context = person()
    sitting = desk(context.new_page())
    sitting.erase(100)
    painted = sitting.mask()
    context.set_offline(True)
    sitting.save("Yes, learn from it")
    tray = sitting.page.get_by_role("complementary", name="Fixes on their way")
    expect(sitting.page.get_by_text("1 fix waits for the network")).to_be_visible()
    shot(sitting.page, "waits")
    context.set_offline(False)
    expect(tray).to_have_count(0)
    expect(sitting.page.get_by_text(f"The fix of {CAT} is saved.").first).to_be_attached()
    there = api(sitting.page)
    assert (stored(there) == painted).all()
    assert there.photo(CAT)["correction"]["state"] == "waiting"
    Desk(sitting.page, sitting.photo).go()
    expect(sitting.undo).to_be_disabled()  # the draft has gone with it


def test_what_is_saved_while_the_service_is_down_outlives_the_page(stack, person, desk, api) -> None:
    context = person()
    sitting = desk(context.new_page())
    write(sitting.page, "put", "/api/v1/session/consent/", data={"consent": False})
    sitting.page.reload()
    sitting.ready().erase(100)
    painted = sitting.mask()
    stack.stop()
    sitting.erase(150)
    sitting.undo.click()
    sitting.save(learn=None)
    expect(sitting.page.get_by_text("1 fix waits for the network")).to_be_visible()
    sitting.page.close()
    stack.ensure()
    page = context.new_page()
    page.goto("/")
    expect(page.get_by_text(f"The fix of {CAT} is saved.").first).to_be_attached()
    assert (stored(api(page)) == painted).all()


def test_a_second_tab_may_take_over_and_no_stroke_is_lost(person, desk, shot) -> None:
    context = person()
    first = desk(context.new_page())
    first.erase(100)
    page = context.new_page()
    page.goto(f"/fix/{first.photo['id']}")
    expect(page.get_by_role("alert")).to_contain_text("being fixed in another tab")
    shot(page, "elsewhere")
    page.get_by_role("button", name="Go on here").click()
    second = Desk(page, first.photo).ready()
    expect(second.undo).to_be_enabled()
    expect(first.page.get_by_role("alert")).to_contain_text("Another tab has taken over")
    second.erase(150)
    painted = second.mask()
    first.page.get_by_role("button", name="Go on here").click()
    first.ready()
    assert (first.mask() == painted).all()
    expect(page.get_by_role("alert")).to_contain_text("Another tab has taken over")


def test_a_full_disk_is_told_and_what_was_missing_is_written_once_there_is_room(stack, person, desk, shot) -> None:
    sitting = desk(person().new_page())
    session = sitting.page.context.new_cdp_session(sitting.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": stack.url, "quotaSize": 1})
    sitting.erase(80)
    alert = sitting.page.get_by_role("alert")
    expect(alert).to_contain_text("storage is full")
    expect(sitting.page.get_by_text("Not kept")).to_be_visible()
    shot(sitting.page, "full")
    sitting.erase(120)
    session.send("Storage.overrideQuotaForOrigin", {"origin": stack.url})
    sitting.erase(160)
    expect(alert).to_have_count(0)
    expect(sitting.page.get_by_text("Draft kept")).to_be_visible()
    painted = sitting.mask()
    sitting.page.reload()
    sitting.ready()
    assert (sitting.mask() == painted).all()


@pytest.fixture
def devices(person, olgas_cookies, desk, api) -> tuple[Desk, Desk]:
    """The same photo open on two devices of one person, who has answered about learning."""
    page = person(storage_state=olgas_cookies).new_page()
    page.goto("/")
    for photo in api(page).json("/api/v1/photos/")["results"]:
        write(page, "delete", f"/api/v1/photos/{photo['id']}/")
    write(page, "put", "/api/v1/session/consent/", data={"consent": False})
    first = desk(page)
    second = Desk(person(storage_state=olgas_cookies).new_page(), first.photo).go()
    return first, second


def write(page: Any, method: str, address: str, **options: Any) -> None:
    """A writing call of the API as the page's person."""
    token = next(c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")
    answer = getattr(page.context.request, method)(address, headers={"X-CSRFToken": token}, **options)
    assert answer.ok, answer.text()


def test_what_two_devices_changed_in_different_parts_can_both_be_kept(devices, api, shot) -> None:
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
    second.page.set_viewport_size(PHONE["viewport"])
    shot(second.page, "question-phone")
    second.page.set_viewport_size(wide)
    assert (stored(api(first.page)) == left).all()
    question.get_by_role("button", name="Keep both").click()
    second.at_the_maker()
    correction = api(second.page).photo(CAT)["correction"]
    assert (stored(api(second.page)) == np.minimum(left, right)).all()
    told = api(second.page).json(f"/api/v1/corrections/{correction['id']}/")
    assert [stroke["tool"] for stroke in told["strokes"]][-1] == "merge"


def test_a_draft_that_fell_behind_says_so_when_it_is_opened(devices, api) -> None:
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


def test_a_mask_made_elsewhere_is_uploaded_and_can_be_undone(person, desk, api, tmp_path, shot) -> None:
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


def test_a_fix_of_a_deleted_photo_is_refused_and_the_draft_stays(person, desk, api, shot) -> None:
    context = person()
    sitting = desk(context.new_page())
    sitting.erase(100)
    write(sitting.page, "delete", f"/api/v1/photos/{sitting.photo['id']}/")
    painted = sitting.mask()
    sitting.save()
    alert = sitting.page.get_by_role("alert")
    expect(alert).to_contain_text("This photo was deleted")
    expect(alert).to_contain_text("Your work is still here")
    sitting.page.reload()
    expect(sitting.page.get_by_text("still on this device")).to_be_visible()
    shot(sitting.page, "orphan")
    with sitting.page.expect_download() as download:
        sitting.page.get_by_role("button", name="Download mask").click()
    assert (masks.decode_png(Path(download.value.path()).read_bytes()) == painted).all()
    sitting.page.get_by_role("button", name="Discard draft").click()
    expect(sitting.page.get_by_role("button", name="Choose photos")).to_be_visible()
    sitting.page.go_back()
    expect(sitting.page.get_by_role("alert")).to_be_visible()
    expect(sitting.page.get_by_text("still on this device")).to_have_count(0)
