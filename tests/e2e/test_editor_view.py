"""What the editor shows, and that it stays where it is: bars, loupe, preview, and the file itself."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

CAT = "chelsea.png"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
TOOLS = ["Brush", "Eraser", "Smart stroke", "Edge brush", "Hair brush", "Lasso", "Polygon", "Fill by colour"]


def open_editor(page: Any) -> Any:
    page.get_by_role("article", name=CAT).get_by_role("button", name="Fix").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    return page.get_by_role("application", name="Mask editor")


def fingers(page: Any) -> Callable[..., None]:
    """Lays fingers on the page, moves them, lifts them: `touch("touchMove", (x, y), …)`, in CSS pixels."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    return touch


@pytest.mark.parametrize("width", [360, 1280, 1600])
def test_no_tool_moves_the_photo(page, photographs, make_sticker, shot, width) -> None:
    make_sticker(page, photographs / CAT)
    page.set_viewport_size({"width": width, "height": 740})
    canvas = open_editor(page)
    places = {}
    for tool in TOOLS:
        page.get_by_role("button", name=tool, exact=True).click()
        places[tool] = canvas.bounding_box()
        shot(page, f"{tool}-{width}")
    canvas.press("e")
    canvas.press("Enter")
    expect(page.get_by_text("Draft kept")).to_be_attached()
    places["after a stroke"] = canvas.bounding_box()
    assert len({tuple(place.values()) for place in places.values()}) == 1, places
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_pinch_in_the_editor_never_enlarges_the_page(person, photographs, make_sticker) -> None:
    page = person(**PHONE).new_page()
    page.goto("/")
    make_sticker(page, photographs / CAT)
    touch = fingers(page)

    def pinched(x: float, y: float) -> float:
        """How large the page is after two fingers lay there and one of them went away, to the side with more room."""
        away = 15 if x < 180 else -15
        for step in range(11):
            touch("touchMove" if step else "touchStart", (x - away / 2, y), (x + away / 2 + away * step, y))
            page.evaluate("new Promise(requestAnimationFrame)")
        touch("touchEnd")
        page.wait_for_timeout(100)  # a browser that enlarges does so by itself
        return float(page.evaluate("visualViewport.scale"))

    open_editor(page)
    title, slider = page.get_by_role("heading", name="Fix the cut"), page.get_by_role("slider", name="Brush size")
    for part in (title, page.get_by_role("button", name="Undo"), slider, page.get_by_role("button", name="Eraser")):
        box = part.bounding_box()
        assert pinched(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx(1), part
    held: list[Any] = []
    page.route("**/image/", lambda route: held.append(route))
    page.reload()
    expect(page.get_by_text("Opening the photo…")).to_be_visible()
    assert pinched(180, 400) == pytest.approx(1)
    for route in held:
        route.continue_()
    page.unroute("**/image/")
    page.goto("/login")
    assert pinched(180, 400) > 1.2, "elsewhere whoever needs it may enlarge the page"


def test_a_finger_that_paints_has_a_loupe_beside_it(person, photographs, make_sticker, shot) -> None:
    page = person(**PHONE).new_page()
    page.goto("/")
    make_sticker(page, photographs / CAT)
    box = open_editor(page).bounding_box()
    touch = fingers(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    loupe = page.locator(".loupe")
    expect(loupe).to_have_count(0)
    touch("touchStart", (x, y))
    touch("touchMove", (x + 20, y + 10))
    expect(loupe).to_be_visible()
    drawn = """() => {
        const { data } = document.querySelector(".loupe canvas").getContext("2d").getImageData(128, 128, 1, 1);
        return data[3] > 0;
    }"""
    page.wait_for_function(drawn)
    shot(page, "loupe")
    there = loupe.bounding_box()
    assert not (there["x"] <= x + 20 <= there["x"] + there["width"] and there["y"] <= y <= there["y"] + there["height"])
    touch("touchEnd")
    expect(loupe).to_have_count(0)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y)
    expect(loupe).to_have_count(0)
    page.mouse.up()


def test_the_small_preview_is_moved_and_hidden_and_stays_so(page, photographs, make_sticker, shot) -> None:
    make_sticker(page, photographs / CAT)
    open_editor(page)
    preview = page.get_by_role("img", name="The sticker as it is now")
    before = preview.bounding_box()
    page.get_by_role("button", name="Move the preview").click()
    moved = preview.bounding_box()
    assert moved["y"] > before["y"] + 100
    shot(page, "moved")
    page.get_by_role("button", name="Hide the preview").click()
    expect(preview).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(preview).to_have_count(0)
    page.get_by_role("button", name="Show the preview").click()
    assert preview.bounding_box() == moved


def test_the_sticker_view_is_the_file_that_a_save_makes(page, photographs, make_sticker, api, shot) -> None:
    make_sticker(page, photographs / CAT)
    open_editor(page)
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    shown: list[bytes] = []

    def note(route: Any) -> None:
        answer = route.fetch()
        shown.append(answer.body())  # the page keeps it as a blob, which its response no longer tells
        route.fulfill(response=answer)

    page.route("**/api/v1/stickers/preview/", note)
    page.get_by_role("button", name="Sticker view").click()
    expect(page.get_by_text("This is the file")).to_be_visible()
    file = page.get_by_alt_text("The sticker’s file as a save would make it")
    shot(page, "file")
    file.click()
    expect(file).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/stickers/")
    ) as made:
        page.get_by_role("dialog").get_by_role("button", name="No thanks").click()
    address = made.value.json()["file_url"]
    expect(page.get_by_alt_text(f"Sticker of {CAT}")).to_have_attribute("src", address)
    assert shown[-1] == page.context.request.get(address).body()
