"""What people fixed is reviewed by a person, by button and by key; what nobody fixed waits in the queue."""

import io
import json
import uuid
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

COLOURS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = { green: 0, red: 0 };
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 1] > data[i] + 60 && data[i + 1] > data[i + 2]) seen.green++;
        if (data[i] > data[i + 1] + 60 && data[i] > data[i + 2] + 20) seen.red++;
    }
    return seen;
}"""


def png(alpha: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(alpha).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def anna(person, api):
    """Somebody without an account who lets the service learn from her pictures."""
    context = person()
    page = context.new_page()
    answer = context.request.put("/api/v1/session/consent/", data={"consent": True})
    assert answer.ok, answer.text()
    return api(page)


@pytest.fixture
def upload(photographs):
    """Uploads a photograph over the API, turned by a number of quarters so that it counts as another; its photo."""

    def upload(someone: Any, source: str, name: str, quarters: int = 0) -> dict[str, Any]:
        picture = Image.open(photographs / source).rotate(90 * quarters, expand=True)
        out = io.BytesIO()
        picture.save(out, "PNG")
        image = {"name": name, "mimeType": "image/png", "buffer": out.getvalue()}
        answer = someone.request.post("/api/v1/photos/", multipart={"image": image})
        assert answer.status == 201, answer.text()
        return dict(answer.json())

    return upload


@pytest.fixture
def correct():
    """Sends a correction that keeps the left part of a photo and nothing else; answers it."""

    def correct(someone: Any, photo: dict[str, Any], share: float = 0.5) -> dict[str, Any]:
        alpha = np.zeros((photo["height"], photo["width"]), np.uint8)
        alpha[:, : round(photo["width"] * share)] = 255
        fields = {
            "photo": photo["id"],
            "prediction": photo["prediction"]["id"],
            "mask": {"name": "mask.png", "mimeType": "image/png", "buffer": png(alpha)},
            "strokes": json.dumps([]),
            "seconds": "12.5",
        }
        answer = someone.request.put(f"/api/v1/corrections/{uuid.uuid4()}/", multipart=fields)
        assert answer.status == 201, answer.text()
        return dict(answer.json())

    return correct


def finish_reviews(page: Any) -> None:
    """Approve whatever other tests left waiting."""
    page.goto("/review")
    done = page.get_by_role("heading", name="All reviewed")
    approve = page.get_by_role("button", name="Approve", disabled=False)  # the last one goes while it is disabled
    while True:
        expect(done.or_(approve)).to_be_visible()
        if done.is_visible():
            return
        with page.expect_response("**/review/"):
            approve.click()


def test_a_correction_is_approved_by_button_and_one_rejected_by_key(olgas_page, anna, upload, correct, shot) -> None:
    page = olgas_page
    finish_reviews(page)
    good = upload(anna, "coffee.jpg", "good.png")
    correct(anna, good)
    bad = upload(anna, "coffee.jpg", "bad.png", quarters=2)
    correct(anna, bad, share=0.2)

    page.goto("/review")
    expect(page.get_by_text("2 waiting", exact=True)).to_be_visible()
    first = page.get_by_role("region", name="Correction of good.png")
    expect(first).to_contain_text("IoU 0.")
    for name in ("Difference", "Photo", "Before", "After"):
        expect(first.get_by_role("img", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    seen = first.get_by_role("img", name="Difference").evaluate(COLOURS)
    assert seen["green"] > 500, "what was added is not green"
    assert seen["red"] > 500, "what was removed is not red"
    shot(page, "difference")
    page.get_by_role("button", name="Approve").click()

    second = page.get_by_role("region", name="Correction of bad.png")
    expect(second).to_be_visible()
    expect(page.get_by_role("button", name="Reject")).to_be_enabled()
    page.keyboard.press("r")
    reason = page.get_by_role("textbox", name="Reason")
    expect(reason).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.keyboard.type("half the cup is missing")
    shot(page, "reason")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All reviewed")).to_be_visible()
    shot(page, "all-reviewed")

    assert anna.photo("good.png")["correction"]["state"] == "approved"
    rejected = anna.photo("bad.png")["correction"]
    assert (rejected["state"], rejected["reason"]) == ("rejected", "half the cup is missing")


def test_keys_approve_skip_undo_and_step_back(olgas_page, anna, upload, correct) -> None:
    page = olgas_page
    finish_reviews(page)
    for number, name in enumerate(("one.png", "two.png")):
        correct(anna, upload(anna, "astronaut.jpg", name, quarters=number))
    page.goto("/review")
    expect(page.get_by_role("region", name="Correction of one.png")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_role("region", name="Correction of two.png")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    page.keyboard.press("a")
    expect(page.get_by_role("region", name="Correction of one.png")).to_be_visible()
    assert anna.photo("two.png")["correction"]["state"] == "approved"
    assert anna.photo("one.png")["correction"]["state"] == "waiting"
    page.keyboard.press("u")
    expect(page.get_by_role("region", name="Correction of two.png")).to_be_visible()
    expect(page.get_by_text("2 waiting", exact=True)).to_be_visible()
    assert anna.photo("two.png")["correction"]["state"] == "waiting"


def test_what_was_not_allowed_is_never_shown(olgas_page, person, api, upload, correct) -> None:
    context = person()
    private = context.new_page()
    photo = upload(api(private), "coffee.jpg", "private.png")
    correction = correct(api(private), photo)
    assert correction["state"] == "private"
    finish_reviews(olgas_page)
    assert api(private).photo("private.png")["correction"]["state"] == "private"
    assert olgas_page.context.request.get(correction["mask_url"]).status == 404
    assert olgas_page.context.request.get(photo["image_url"]).status == 404


def test_the_queue_leads_to_the_editor_and_empties(olgas_page, anna, upload, api, shot) -> None:
    page = olgas_page
    for number, source in enumerate(("chelsea.png", "astronaut.jpg")):
        upload(anna, source, f"waiting-{number}.png", quarters=3)
    page.goto("/queue")
    waiting = page.get_by_role("link", name="Fix waiting-")
    expect(waiting).to_have_count(2)
    listed = api(page).json("/api/v1/queue/correct/")["results"]
    uncertain = [photo["prediction"]["uncertainty"] for photo in listed]
    assert uncertain == sorted(uncertain, reverse=True)
    shot(page, "queue")

    name = listed[0]["name"]
    page.get_by_role("link", name=f"Fix {name}").click()
    expect(page.get_by_role("application", name="Mask editor")).to_be_focused()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expect(page.get_by_role("link", name=f"Fix {name}")).to_have_count(0)
    saved = api(page).json(f"/api/v1/photos/{listed[0]['id']}/")["correction"]
    assert saved["state"] == "waiting"
    answers = api(page).json("/api/v1/queue/review/")["results"]
    assert saved["id"] not in [item["correction"]["id"] for item in answers], "nobody reviews their own work"


def test_the_same_can_be_done_in_the_admin_with_pictures(olgas_page, anna, upload, correct, shot) -> None:
    page = olgas_page
    correct(anna, upload(anna, "coffee.jpg", "in-the-admin.png", quarters=1))
    page.goto("/admin/annotations/correction/")
    row = page.get_by_role("row").filter(has=page.locator("img")).first
    expect(row).to_be_visible()
    for picture in row.locator("img").all():
        picture.scroll_into_view_if_needed()
        if "icon-" not in str(picture.get_attribute("src")):
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("image => image.naturalWidth") > 10
    shot(page, "corrections")
