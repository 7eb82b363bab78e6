"""Photos in, stickers out: in a real browser, by mouse, by keyboard, on a phone."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

DROP = """async ([name, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
    const target = document.querySelector("main");
    for (const type of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


def download(page: Any, card: Any, target: str) -> tuple[str, bytes]:
    """Download a card's sticker by the mouse; answers the file's name and bytes."""
    card.get_by_role("button", name="Download").click()
    with page.expect_download() as started:
        page.get_by_role("menuitem", name=target).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def alpha_of(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGBA").getchannel("A"))


def test_several_photos_become_stickers_and_a_bad_file_disturbs_none(page, photographs, choose, shot, tmp_path) -> None:
    bad = tmp_path / "holiday.jpg"
    bad.write_bytes(b"this is no picture at all")
    held: list[Any] = []
    holding = True

    def hold(route: Any) -> None:
        held.append(route) if holding and route.request.method == "POST" else route.continue_()

    page.route("**/api/v1/photos/", hold)
    choose(page, photographs / "astronaut.jpg", bad, photographs / "chelsea.png", photographs / "coffee.jpg")
    for name in ("astronaut.jpg", "holiday.jpg", "chelsea.png", "coffee.jpg"):
        expect(page.get_by_role("progressbar", name=f"Progress of {name}")).to_be_visible()
    shot(page, "on-the-way")
    holding = False
    for route in held:
        route.continue_()

    for name in ("astronaut.jpg", "chelsea.png", "coffee.jpg"):
        card = page.get_by_role("article", name=name)
        expect(card.get_by_alt_text(f"Sticker of {name}")).to_be_visible()
        expect(card.get_by_alt_text(f"Photo {name}")).to_be_visible()
    refused = page.get_by_role("article", name="holiday.jpg")
    expect(refused.get_by_role("alert")).to_contain_text(re.compile(r"JPEG|PNG|photo|picture", re.I))
    shot(page, "stickers")

    expect(refused.get_by_role("button", name="Retry")).to_have_count(0)
    refused.get_by_role("button", name="Delete").click()
    expect(refused).to_have_count(0)
    expect(page.get_by_role("article")).to_have_count(3)


def test_a_dropped_photo_becomes_a_sticker(page, photographs) -> None:
    page.evaluate(DROP, ["dropped.jpg", list((photographs / "coffee.jpg").read_bytes())])
    expect(page.get_by_alt_text("Sticker of dropped.jpg")).to_be_visible()


def test_the_files_are_what_the_messengers_take(page, photographs, make_sticker) -> None:
    card = make_sticker(page, photographs / "astronaut.jpg")

    name, data = download(page, card, "PNG")
    png = opened(data)
    assert (png.format, png.mode) == ("PNG", "RGBA")
    assert name.endswith(".png")

    name, data = download(page, card, "WhatsApp")
    whatsapp = opened(data)
    assert (whatsapp.format, whatsapp.size) == ("WEBP", (512, 512))
    assert len(data) <= 100_000
    assert name.endswith(".webp")
    alpha = alpha_of(whatsapp)
    assert not alpha[:8].any()
    assert not alpha[:, -8:].any()
    assert alpha.max() == 255

    name, data = download(page, card, "Telegram")
    telegram = opened(data)
    assert telegram.format == "WEBP"
    assert max(telegram.size) == 512
    assert len(data) <= 512_000
    assert alpha_of(telegram).min() == 0


def test_the_white_outline_is_on_or_off(page, photographs, make_sticker, shot) -> None:
    card = make_sticker(page, photographs / "chelsea.png")
    switch = card.get_by_role("switch", name="White outline")
    expect(switch).to_be_checked()
    sticker = card.get_by_alt_text("Sticker of chelsea.png")
    before = sticker.get_attribute("src")
    outlined = opened(download(page, card, "PNG")[1])
    shot(page, "outlined")

    switch.click()
    expect(sticker).not_to_have_attribute("src", str(before))
    plain = opened(download(page, card, "PNG")[1])
    shot(page, "plain")
    assert outlined.width > plain.width
    assert outlined.height > plain.height
    pixels = np.asarray(outlined)
    rim = pixels[np.flatnonzero(alpha_of(outlined).any(1))[0] + 3]  # just below the upper edge of what is seen
    assert (rim[rim[:, 3] == 255, :3] == 255).all()


def test_nothing_to_cut_is_said_and_not_sold(page, photographs, choose, shot) -> None:
    choose(page, photographs / "grey.png")
    card = page.get_by_role("article", name="grey.png")
    expect(card).to_contain_text("No subject found")
    expect(card.get_by_role("button", name="Download")).to_be_disabled()
    expect(card.get_by_role("button", name="Fix")).to_be_enabled()
    shot(page, "no-subject")


def test_it_is_all_there_after_a_reload_until_it_is_deleted(page, photographs, make_sticker, shot) -> None:
    for name in ("chelsea.png", "coffee.jpg"):
        make_sticker(page, photographs / name)
    page.reload()
    for name in ("chelsea.png", "coffee.jpg"):
        expect(page.get_by_alt_text(f"Sticker of {name}")).to_be_visible()

    page.get_by_role("article", name="coffee.jpg").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("article", name="coffee.jpg")).to_have_count(0)
    expect(page.get_by_role("article", name="chelsea.png")).to_be_visible()

    page.get_by_role("button", name="Start over").click()
    question = page.get_by_role("dialog")
    shot(page, "start-over")
    question.get_by_role("button", name="Keep them").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("button", name="Start over").click()
    question.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("article")).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Drop photos here")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def test_nobody_else_sees_them(page, person, photographs, make_sticker, api) -> None:
    make_sticker(page, photographs / "chelsea.png")
    photo = api(page).photo("chelsea.png")
    other = person().new_page()
    other.goto("/")
    expect(other.get_by_text("Drop photos here")).to_be_visible()
    expect(other.get_by_role("article")).to_have_count(0)
    for address in (photo["image_url"], photo["prediction"]["mask_url"], f"/api/v1/photos/{photo['id']}/"):
        answer = other.context.request.get(address)
        assert answer.status == 404
        assert answer.json()["code"] == "not_found"


def test_by_keyboard_alone(page, photographs, shot) -> None:
    focus(page, "input#choose-photos")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([photographs / "astronaut.jpg"])
    card = page.get_by_role("article", name="astronaut.jpg")
    sticker = card.get_by_alt_text("Sticker of astronaut.jpg")
    expect(sticker).to_be_visible()

    before = sticker.get_attribute("src")
    focus(page, "article [role=switch]")
    page.keyboard.press("Space")
    expect(sticker).not_to_have_attribute("src", str(before))

    focus(page, "article [aria-haspopup=menu]")
    shot(page, "focus-is-seen")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="PNG")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="WhatsApp")).to_be_focused()
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    assert opened(Path(started.value.path()).read_bytes()).size == (512, 512)

    focus(page, "article [aria-label=Delete]")
    page.keyboard.press("Enter")
    expect(card).to_have_count(0)


def focus(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus, going round at most once."""
    page.evaluate("document.activeElement?.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_on_a_phone_nothing_is_cut_off(person, photographs, shot) -> None:
    phone = person(has_touch=True, is_mobile=True, device_scale_factor=2)
    page = phone.new_page()
    page.set_viewport_size({"width": 375, "height": 740})
    page.goto("/")
    shot(page, "empty")
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Choose photos").tap()
    chooser.value.set_files([photographs / "astronaut.jpg"])
    expect(page.get_by_alt_text("Sticker of astronaut.jpg")).to_be_visible()
    shot(page, "sticker")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for name in ("Fix", "Download"):
        box = page.get_by_role("article").get_by_role("button", name=name).bounding_box()
        assert box["height"] >= 40, f"{name} is too small for a finger"


def test_the_status_panel_names_what_serves(page, stack, shot) -> None:
    ready = page.context.request.get("/readyz").json()
    panel = page.get_by_role("contentinfo")
    expect(panel).to_contain_text(ready["weights"][:8])
    panel.get_by_text(ready["network"]).first.click()
    expect(panel).to_contain_text(ready["weights"][:16])
    expect(panel).to_contain_text(ready["device"])
    shot(page, "open")


@pytest.fixture
def two_balls(tmp_path: Path) -> Path:
    """A large red ball on the left, a smaller blue one on the right, on a plain wall."""
    y, x = np.mgrid[:480, :720].astype(float)
    picture = np.full((480, 720, 3), (205.0, 210.0, 200.0)) - 25 * (y / 480)[..., None]
    for left, top, radius, colour in ((200, 250, 120, (200, 40, 40)), (530, 270, 80, (40, 70, 190))):
        light = np.clip(1.15 - np.hypot(x - left + radius * 0.3, y - top + radius * 0.3) / (1.6 * radius), 0.3, 1)
        inside = np.clip(radius - np.hypot(x - left, y - top) + 0.5, 0, 1)[..., None]
        picture = picture * (1 - inside) + inside * light[..., None] * np.array(colour)
    path = tmp_path / "balls.png"
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_of_two_subjects_one_is_chosen_by_a_click_or_by_the_keyboard(page, two_balls, make_sticker, shot) -> None:
    card = make_sticker(page, two_balls)
    choice = card.get_by_role("group", name="Which subject of balls.png")
    expect(choice.get_by_role("radio", name="All")).to_be_checked()
    sticker = card.get_by_alt_text("Sticker of balls.png")
    both = sticker.get_attribute("src")

    choice.get_by_role("radio", name="Subject 2 of 2, right").click()
    expect(sticker).not_to_have_attribute("src", both or "")
    expect(choice.get_by_role("radio", name="Subject 2 of 2, right")).to_be_checked()
    shot(page, "one-of-two")
    name, data = download(page, card, "Telegram")
    assert name == "balls-telegram.webp"
    red, _, blue, alpha = np.asarray(opened(data).convert("RGBA"), int).reshape(-1, 4)[::7].T
    assert (blue - red)[(alpha == 255) & (red < 240)].mean() > 20

    choice.get_by_role("radio", name="Subject 2 of 2, right").press("ArrowRight")
    expect(choice.get_by_role("radio", name="All")).to_be_checked()
    expect(sticker).to_have_attribute("src", both or "")

    box = choice.locator(".box").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.6 * box["height"])
    expect(choice.get_by_role("radio", name="Subject 1 of 2, left")).to_be_checked()

    with page.expect_request(re.compile(r"mask\.png\?refined=1&subject=0\.\d+%2C0\.\d+")):
        card.get_by_role("button", name="Fix").click()
