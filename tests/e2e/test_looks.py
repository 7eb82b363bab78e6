"""Every page of people without an account fits a phone and a desktop, by day and by night, and shuts nobody out."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
WIDTHS = (1280, 360)


@pytest.fixture
def looks(barriers: Callable[[Any], list[str]], shot: Callable[[Any, str], None]) -> Callable[..., None]:
    """Looks at a page at both widths: nothing is cut off at the side, nothing keeps anybody out."""

    def look(page: Any, name: str) -> None:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            assert barriers(page) == [], (name, width)
            shot(page, f"{name}-{width}")

    return look


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_maker_editor_and_login(person, photographs, make_sticker, looks, scheme) -> None:
    page = person(color_scheme=scheme).new_page()
    page.goto("/login")
    expect(page.get_by_label("Username")).to_be_visible()
    looks(page, "login")
    page.goto("/")
    expect(page.get_by_role("button", name="Choose photos")).to_be_visible()
    page.get_by_text("Choose photos").hover()  # a label: the input that it opens lies hidden
    looks(page, "empty")
    make_sticker(page, photographs / CAT)
    make_sticker(page, photographs / "astronaut.jpg")
    looks(page, "maker")
    page.get_by_role("button", name="Privacy").click()
    looks(page, "privacy")
    page.keyboard.press("Escape")
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    looks(page, "editor")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog", name="Leave without saving?")).to_be_visible()
    looks(page, "leaving")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save").click()
    consent = page.get_by_role("dialog", name="May we learn from your fix?")
    expect(consent).to_be_visible()
    looks(page, "consent")
    consent.get_by_role("button", name="All my photos").click()
    expect(page.get_by_text("Your fix waits for a reviewer")).to_be_visible()
    looks(page, "fixed")
    page.get_by_role("article", name="astronaut.jpg").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("complementary", name="Take back")).to_be_visible()
    looks(page, "deleted")
