"""The operator's pages: what serves, which runs and decisions there were, where a sticker comes from."""

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


def test_the_policy_is_changed_in_place(olgas_page) -> None:
    page = olgas_page
    page.goto("/releases")
    policy = page.get_by_role("region", name="Policy")
    policy.get_by_role("button", name="Change").press("Enter")
    form = page.get_by_role("dialog", name="Retraining policy")
    form.get_by_label("New corrections at least").fill("33")
    form.get_by_label("Shadow: % of live photos").fill("12.5")
    form.get_by_role("switch", name="Train on schedule").check()
    form.get_by_role("button", name="Save").click()
    expect(policy).to_contain_text("33 new corrections")
    expect(policy).to_contain_text("12.5 % of live photos")
    page.reload()
    expect(policy).to_contain_text("33 new corrections")
    answer = page.context.request.patch(
        "/api/v1/releases/policy/",
        data={"enabled": False, "shadow_share": 0},
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


def test_every_page_fits_a_phone_and_a_desktop(olgas_page, decision: str, shot) -> None:
    page = olgas_page
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        for name in ("releases", "releases/deployments", "releases/datasets", "releases/trials", "trust"):
            page.goto(f"/{name}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("alert")).to_have_count(0)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            shot(page, f"{name.replace('/', '-')}-{width}")


def test_a_sticker_leads_to_where_it_comes_from(olgas_page, make_sticker, photographs) -> None:
    page = olgas_page
    page.goto("/")
    card = make_sticker(page, photographs / "coffee.jpg")
    card.get_by_role("link", name="Where does this come from?").press("Enter")
    expect(page.get_by_role("heading", name="Lineage")).to_be_visible()
    weights = page.context.request.get("/readyz").json()["weights"]
    expect(page.get_by_role("region", name="Weights")).to_contain_text(weights[:8])
    expect(page.get_by_role("region", name="Photos").get_by_role("link").first).to_be_visible()
