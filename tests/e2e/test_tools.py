"""The editor's tools in the real service: computed in the page's own worker, under its content security policy."""

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"


def test_every_tool_changes_the_mask_and_can_be_taken_back(page: Any, photographs, make_sticker, shot) -> None:
    make_sticker(page, photographs / CAT)
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
    canvas = page.get_by_role("application", name="Mask editor")
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    expect(undo).to_be_disabled()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def draw(tool: str) -> None:
        page.get_by_role("button", name=tool).click()
        erase = page.get_by_role("button", name="Erase", exact=True)
        if erase.count():
            erase.click()
        page.mouse.move(x - 60, y - 40)
        page.mouse.down()
        for point in ((x + 40, y - 50), (x + 60, y + 40), (x - 30, y + 50)):
            page.mouse.move(*point, steps=5)
        page.mouse.up()
        expect(undo).to_be_enabled()
        shot(page, tool)

    for tool in ("Smart stroke", "Edge brush", "Fill by colour", "Lasso"):
        draw(tool)
        undo.click()
        expect(undo).to_be_disabled()
        expect(redo).to_be_enabled()

    draw("Lasso")
    draw("Hair brush")  # along the edge that the lasso made
    expect(page.get_by_text("Working…")).to_have_count(0)
    undo.click()
    expect(undo).to_be_enabled()
    undo.click()
    expect(undo).to_be_disabled()

    page.keyboard.press("r")
    panel = page.get_by_role("region", name="Refine the mask")
    panel.get_by_role("button", name="Shrink").click()
    expect(undo).to_be_enabled()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.get_by_role("button", name="Before and after").click()
    expect(page.get_by_text("Before", exact=True).first).to_be_visible()
    page.keyboard.press("Control+z")
    expect(undo).to_be_disabled()


def test_on_a_phone_every_tool_can_be_reached(person: Any, photographs, make_sticker, shot) -> None:
    page = person(has_touch=True).new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/")
    make_sticker(page, photographs / CAT)
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
    tools = page.get_by_role("toolbar", name="Tools").get_by_role("button")
    expect(tools).to_have_count(9)
    for number in range(9):
        box = tools.nth(number).bounding_box()
        assert box["width"] >= 44, "too small for a finger"
        assert box["height"] >= 44, "too small for a finger"
    page.get_by_role("button", name="Polygon").tap()
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_visible()
    shot(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
