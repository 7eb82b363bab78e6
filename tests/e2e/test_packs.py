"""From dropped photos to a pack that the phone takes: on a phone and on a desktop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from stickersnap.validate import packs
from stickersnap.validate.limits import target_get

pytestmark = pytest.mark.e2e

NAMES = ("astronaut.jpg", "chelsea.png", "coffee.jpg")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
DROP = """async files => {
    const transfer = new DataTransfer();
    for (const [name, bytes] of files) {
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
    }
    const target = document.querySelector("main");
    for (const type of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


@pytest.fixture
def looks(barriers: Callable[[Any], list[str]], shot: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Looks at a page by day and by night: nothing is cut off at the side, nothing keeps anybody out."""

    def look(page: Any, name: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            # a phone's innerWidth would grow with what is too wide
            assert page.evaluate("document.documentElement.scrollWidth <= screen.width"), name
            assert barriers(page) == [], (name, scheme)
            shot(page, f"{name}-{scheme}")

    return look


def names_in(page: Any) -> list[str]:
    """The stickers' names, from the first to the last."""
    buttons = page.get_by_role("list", name="Stickers in order").get_by_role("button", name="Edit")
    return [one.get_attribute("aria-label").split()[1] for one in buttons.all()]


@pytest.mark.parametrize("device", ["phone", "desktop"])
def test_from_dropped_photos_to_a_file_that_the_validator_accepts(
    person: Any, photographs: Path, looks: Callable[[Any, str], None], tmp_path: Path, device: str
) -> None:
    page = person(**(PHONE if device == "phone" else DESKTOP)).new_page()
    page.goto("/packs")
    expect(page.get_by_text("No packs yet")).to_be_visible()
    looks(page, "empty")
    page.goto("/")
    expect(page.get_by_text("Choose photos")).to_be_visible()
    page.evaluate(DROP, [[name, list((photographs / name).read_bytes())] for name in NAMES])
    for name in NAMES:  # from then on no card is drawn anew
        expect(page.get_by_role("article", name=name).get_by_role("button", name="Fix")).to_be_visible()
    for name in NAMES:
        page.get_by_role("article", name=name).scroll_into_view_if_needed()
        expect(page.get_by_alt_text(f"Sticker of {name}")).to_be_visible()

    page.get_by_role("button", name="Make a pack").click()
    page.get_by_role("checkbox", name="Choose the sticker of coffee.jpg").check()
    looks(page, "choosing")
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Add to pack").click()
    dialog = page.get_by_role("dialog", name="Put 3 stickers into a pack")
    dialog.get_by_label("Name of the new pack").fill("Party 🎉")
    looks(page, "adding")
    dialog.get_by_role("button", name="Make the pack").click()

    expect(page.get_by_role("heading", name="Party 🎉")).to_be_visible()
    before = names_in(page)
    assert sorted(before) == sorted(NAMES)
    with page.expect_response("**/order/"):
        if device == "phone":
            page.get_by_role("button", name=f"Move {before[2]} 3 up").press("Enter")
        else:
            handles = page.get_by_title("Drag to another place")
            handles.nth(2).hover()
            page.mouse.down()
            handles.nth(1).hover()
            page.mouse.up()
    assert names_in(page) == [before[0], before[2], before[1]]
    page.get_by_role("button", name=f"Edit {before[2]} 2").click()
    sticker = page.get_by_role("dialog", name=before[2])
    sticker.get_by_role("button", name="😂").click()
    sticker.get_by_label("What does it show?").fill("Somebody laughs")
    looks(page, "saying")
    with page.expect_response("**/stickers/*/"):
        sticker.get_by_role("button", name="Done").click()
    page.reload()
    expect(page.get_by_text("Somebody laughs")).to_be_visible()
    assert names_in(page) == [before[0], before[2], before[1]]

    page.get_by_role("button", name="Get the pack").click()
    looks(page, "places")
    with page.expect_download() as started:
        page.get_by_role("menuitem", name="WhatsApp").click()
    assert started.value.suggested_filename == "Party.wastickers"
    expect(page.get_by_text("What now?")).to_be_visible()
    looks(page, "ready")
    file = tmp_path / "Party.wastickers"
    file.write_bytes(Path(started.value.path()).read_bytes())
    pack = packs.read(file)
    assert [str(finding) for finding in packs.check_pack(pack, target_get("whatsapp"))] == []
    assert (len(pack.entries), pack.texts) == (3, {"title": "Party 🎉", "author": "Me"})
    page.goto("/packs")
    expect(page.get_by_role("link", name="Party 🎉 3 stickers")).to_be_visible()
    looks(page, "packs")


def test_a_pack_that_a_target_does_not_take_says_why_and_a_photo_leaves_with_its_deletion(
    page: Any, photographs: Path, make_sticker: Callable[..., Any]
) -> None:
    card = make_sticker(page, photographs / "chelsea.png")
    page.get_by_role("button", name="Make a pack").click()
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Add to pack").click()
    page.get_by_role("button", name="Make the pack").click()
    page.get_by_role("button", name="Get the pack").press("ArrowDown")
    page.get_by_role("menuitem", name="WhatsApp").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("It holds 1 sticker; WhatsApp takes 3 to 30. Add some.")
    address = page.url
    page.get_by_role("link", name="Add stickers").click()
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    page.goto(address)
    expect(page.get_by_text("This pack is empty")).to_be_visible()
    page.get_by_role("button", name="Delete the pack").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the pack").click()
    expect(page.get_by_text("No packs yet")).to_be_visible()
