"""Logging in and out, and who may open what."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


def test_a_wrong_password_is_said_and_the_right_one_leads_on(page, olga, password, shot) -> None:
    page.goto("/review")
    expect(page).to_have_url(re.compile(r"/login\?next=/review"))
    page.get_by_label("Username").fill(olga)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Password")).to_have_value("")
    shot(page, "wrong")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Releases")).to_be_visible()

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    expect(page.get_by_role("link", name="Review")).to_have_count(0)
    assert page.context.request.get("/api/v1/queue/review/").status == 401


def test_a_login_never_leads_to_another_site(page, olga, password, stack) -> None:
    page.goto("/login?next=//example.org/")
    page.get_by_label("Username").fill(olga)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(stack.url + "/")


@pytest.mark.parametrize("address", ["/review", "/queue", "/releases"])
def test_pages_of_people_with_a_role_ask_for_a_login(page, address) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize(
    "address",
    ["/api/v1/queue/review/", "/api/v1/queue/correct/", "/api/v1/releases/runs/", "/api/v1/releases/deployments/"],
)
def test_so_does_the_api_behind_them(page, address) -> None:
    answer = page.context.request.get(address)
    assert answer.status == 401
    assert answer.json()["code"] == "not_authenticated"
