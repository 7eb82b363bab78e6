"""Nothing painted is lost: a killed tab, a lost network, a restarted service, a full disk, a deleted photo."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect

from segmentation import mask as masks

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def kill(page: Any) -> None:
    """The tab's process is gone, without a goodbye."""
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash")


def test_a_killed_tab_loses_the_stroke_in_the_air_and_no_other(person, desk, api, shot, stored) -> None:
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

    back = first.on(context.new_page()).go()
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
        sitting = sitting.on(context.new_page()).go()
        for _ in range(count):
            expect(sitting.undo).to_be_enabled()
            sitting.undo.click()
        expect(sitting.undo).to_be_disabled()
        for _ in range(count):
            sitting.redo.click()


def test_by_touch_on_a_phone_after_a_reload(person, desk, api, shot, stored) -> None:
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


def test_by_keyboard_after_a_reload(person, desk, api, stored) -> None:
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


def test_what_is_saved_offline_is_sent_when_the_network_is_back(person, desk, api, shot, stored) -> None:
    context = person()
    sitting = desk(context.new_page())
    sitting.erase(100)
    painted = sitting.mask()
    context.set_offline(True)
    sitting.save("All my photos")
    tray = sitting.page.get_by_role("complementary", name="Fixes on their way")
    expect(sitting.page.get_by_text("1 fix waits for the network")).to_be_visible()
    shot(sitting.page, "waits")
    context.set_offline(False)
    expect(tray).to_have_count(0)
    expect(sitting.page.get_by_text(f"The fix of {CAT} is saved.").first).to_be_attached()
    there = api(sitting.page)
    assert (stored(there) == painted).all()
    assert there.photo(CAT)["correction"]["state"] == "waiting"
    sitting.go()
    expect(sitting.undo).to_be_disabled()  # the draft has gone with it


def test_what_is_saved_while_the_service_is_down_outlives_the_page(stack, person, desk, api, stored, write) -> None:
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


def test_a_full_disk_is_told_and_what_was_missing_is_written_once_there_is_room(stack, person, desk, shot) -> None:
    sitting = desk(person().new_page())
    session = sitting.page.context.new_cdp_session(sitting.page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": stack.url, "quotaSize": 1})
    alert = sitting.page.get_by_role("alert")
    for row in range(10, 250, 6):  # Chromium goes by the room that it found at most half a minute ago
        sitting.erase(row)
        sitting.page.wait_for_timeout(1000)
        if alert.is_visible():
            break
    expect(alert).to_contain_text("storage is full")
    expect(sitting.page.get_by_text("Not kept")).to_be_visible()
    shot(sitting.page, "full")
    sitting.erase(260)
    session.send("Storage.overrideQuotaForOrigin", {"origin": stack.url})
    sitting.erase(280)
    expect(alert).to_have_count(0)
    expect(sitting.page.get_by_text("Draft kept")).to_be_visible()
    painted = sitting.mask()
    sitting.page.reload()
    sitting.ready()
    assert (sitting.mask() == painted).all()


def test_a_fix_of_a_deleted_photo_is_refused_and_the_draft_stays(person, desk, api, shot, write) -> None:
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
    sitting.page.get_by_role("dialog", name="Discard this draft?").get_by_role("button", name="Discard").click()
    expect(sitting.page.get_by_role("button", name="Choose photos")).to_be_visible()
    sitting.page.go_back()
    expect(sitting.page.get_by_role("alert")).to_be_visible()
    expect(sitting.page.get_by_text("still on this device")).to_have_count(0)
