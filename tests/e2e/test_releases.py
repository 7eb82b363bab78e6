"""The operator's pages: what serves, which runs and decisions there were, where a sticker comes from."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e
SEED = Path(__file__).with_name("seed_decision.py")
PHONE = {"viewport": {"width": 390, "height": 844}}


def test_it_shows_what_serves_and_since_when(olgas_page, stack, shot) -> None:
    page = olgas_page
    page.goto("/releases")
    served = page.get_by_role("region", name="Served now")
    weights = page.context.request.get("/readyz").json()["weights"]
    expect(served).to_contain_text(weights[:12])
    deployments = page.get_by_role("region", name="Deployments")
    expect(deployments.get_by_role("listitem").first).to_contain_text(weights[:12])
    expect(deployments.get_by_role("listitem").first).to_contain_text("current")
    expect(deployments.get_by_role("listitem").first).to_contain_text("shipped")
    expect(page.get_by_role("button", name="Retrain now")).to_be_visible()
    shot(page, "releases")


def test_the_policy_is_changed_in_place_by_someone_who_knows_what_it_means(olgas_page, barriers) -> None:
    page = olgas_page
    page.goto("/releases")
    policy = page.get_by_role("region", name="Policy")
    policy.get_by_role("button", name="Change").press("Enter")
    form = page.get_by_role("dialog", name="Retraining policy")
    form.get_by_label("New corrections at least").fill("33")
    form.get_by_label("Shadow: % of live photos").fill("12.5")
    form.get_by_role("switch", name="Train on schedule").check()
    form.get_by_label("Minutes of training").fill("0")
    expect(form.get_by_label("Minutes of training")).to_have_accessible_description(re.compile("greater than or equal"))
    form.get_by_label("Minutes of training").fill("5")
    meaning = form.get_by_role("region", name="What this means")
    expect(meaning).to_contain_text("Trains by itself once 33 new corrections")
    expect(meaning).to_contain_text("new approved corrections, 33 needed")
    expect(meaning).to_contain_text("5 min of training")
    assert barriers(page) == []
    form.get_by_role("button", name="Save").click()
    expect(policy).to_contain_text("33 new corrections")
    expect(policy).to_contain_text("12.5 % of live photos")
    expect(policy).to_contain_text("more corrections until the next run")
    page.reload()
    expect(policy).to_contain_text("33 new corrections")
    answer = page.context.request.patch(
        "/api/v1/releases/policy/",
        data={"enabled": False, "shadow_share": 0, "minutes": 20},
        headers={"X-CSRFToken": page.evaluate("document.cookie.match(/csrftoken=([^;]+)/)[1]")},
    )
    assert answer.ok


@pytest.fixture(scope="module")
def decision(only_stack, olga: str) -> Iterator[str]:
    """A refused decision of the gate's with its evidence and pictures, as a run leaves it; its number."""
    only_stack.ensure()
    environment = only_stack.environment | {"DJANGO_SETTINGS_MODULE": "stickersnap.settings", "OMP_NUM_THREADS": "1"}

    def seed(*arguments: str) -> str:
        command = [sys.executable, str(SEED), *arguments]
        done = subprocess.run(
            command, cwd=SEED.parents[2], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    yield seed()
    seed("--away")


def test_a_decision_is_looked_at_by_keyboard(olgas_page, decision: str, shot) -> None:
    page = olgas_page
    page.goto(f"/releases/decisions/{decision}")
    expect(page.get_by_role("heading", name="Refused: the champion keeps serving")).to_be_visible()
    gain = page.get_by_role("list", name="Gain of the challenger over the champion")
    expect(gain.get_by_role("listitem").first).to_contain_text("at least")
    losses = page.get_by_role("region", name="Worst losses")
    expect(losses.get_by_role("img", name="cut by the challenger's mask").first).to_be_visible()
    dots = page.get_by_role("slider", name="Photo, from the worst loss to the best gain")
    dots.focus()
    page.keyboard.press("Home")
    worst = dots.get_attribute("aria-valuetext")
    page.keyboard.press("End")
    best = dots.get_attribute("aria-valuetext")
    assert "−" in worst.split(",")[-1]
    assert "+" in best.split(",")[-1]
    shot(page, "decision")
    page.set_viewport_size(PHONE["viewport"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "decision-phone")
    page.get_by_role("link", name="its run").click()
    expect(page.get_by_role("region", name="Curves").get_by_role("img").first).to_be_visible()
    page.get_by_role("slider", name="Epoch").press("Home")
    expect(page.get_by_text("Epoch 1:")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


PAGES = {
    "releases": "Releases",
    "releases/deployments": "Deployments",
    "releases/datasets": "Datasets",
    "releases/datasets/901": "Dataset 901",
    "releases/lineage/dataset/901": "Lineage",
    "releases/trials": "Trials",
    "trust": "Trust",
    "review": "Review",
    "queue": "Queue",
}


BROKEN = """() => [...document.images].filter(each => each.complete && each.currentSrc && !each.naturalWidth)
    .map(each => each.currentSrc)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_a_desktop_and_shuts_nobody_out(
    olgas_page, decision: str, barriers, shot, scheme
) -> None:
    page = olgas_page
    page.emulate_media(color_scheme=scheme)
    for address, title in {**PAGES, f"releases/decisions/{decision}": f"Decision {decision}"}.items():
        page.goto(f"/{address}")
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (address, width)
            shot(page, f"{address.replace('/', '-')}-{width}")
        assert page.evaluate(BROKEN) == [], address
        assert barriers(page) == [], address


def test_the_overview_tells_the_loop_from_corrections_to_what_serves(olgas_page, decision: str, shot) -> None:
    page = olgas_page
    page.goto("/releases")
    stations = page.get_by_role("list", name="From corrections to what serves").get_by_role("listitem")
    expect(stations).to_have_text(
        [re.compile(name) for name in ("Corrections", "Training", "Gate.*refused", "Trial", "Serving.*basnet-")]
    )
    last = page.get_by_role("region", name="Decided last")
    expect(last).to_contain_text("Refused: the champion keeps serving")
    expect(last.get_by_role("list", name="Gain of the challenger")).to_contain_text("at least")
    stations.nth(2).get_by_role("link", name="Gate").press("Enter")
    expect(page.get_by_role("heading", name=f"Decision {decision}")).to_be_visible()


def test_a_sticker_leads_to_where_it_comes_from(olgas_page, make_sticker, photographs) -> None:
    page = olgas_page
    page.goto("/")
    card = make_sticker(page, photographs / "coffee.jpg")
    card.get_by_role("link", name="Where does this come from?").press("Enter")
    expect(page.get_by_role("heading", name="Lineage")).to_be_visible()
    weights = page.context.request.get("/readyz").json()["weights"]
    expect(page.get_by_role("region", name="Weights")).to_contain_text(weights[:8])
    expect(page.get_by_role("region", name="Photos").get_by_role("link").first).to_be_visible()


def test_pictures_that_are_not_the_operators_are_no_broken_tiles(
    olgas_page, page, make_sticker, photographs, api, shot
) -> None:
    make_sticker(page, photographs / "coffee.jpg")
    photo = api(page).photo("coffee.jpg")
    assert olgas_page.context.request.get(photo["image_url"]).status == 404
    olgas_page.set_viewport_size({"width": 360, "height": 844})
    olgas_page.goto(f"/releases/lineage/photo/{photo['id']}")
    expect(olgas_page.get_by_role("region", name="Photos")).to_contain_text("private")
    assert olgas_page.evaluate(BROKEN) == []
    assert olgas_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(olgas_page, "private")
