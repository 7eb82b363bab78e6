"""The operator's page: what serves, which runs there were, which deployments."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


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
