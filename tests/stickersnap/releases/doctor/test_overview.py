"""What comes next, as the overview tells it, and what another policy would mean."""

from datetime import UTC, datetime, timedelta

import pytest

from annotations.models import DatasetVersion
from stickersnap.releases import selectors, services, tasks
from stickersnap.releases.doctor import overview
from stickersnap.releases.models import RetrainPolicy, TrainingRun

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, 7, 30, tzinfo=UTC)


@pytest.fixture
def olga(people, client):
    client.force_login(people.olga)
    return client


@pytest.fixture
def ran(monkeypatch):
    """Makes a run that the schedule asked for at this moment."""

    def make(at):
        run = TrainingRun.objects.create(
            network="basnet-small", minutes=1, state="refused", requested_by=tasks.SCHEDULE
        )
        TrainingRun.objects.filter(pk=run.pk).update(created_at=at)

    return make


@pytest.mark.parametrize(
    ("policy", "hours", "expected"),
    [
        ({}, None, "23 13:07"),
        ({"hour": 3}, None, "24 03:07"),
        ({"hour": 12}, None, "24 12:07"),
        ({"interval_hours": 24}, 1, "24 11:07"),
        ({"interval_hours": 24, "hour": 3}, 1, "25 03:07"),
        ({"interval_hours": 2}, 30, "23 13:07"),
    ],
)
def test_the_next_start_is_the_first_that_the_schedule_itself_would_take(ran, monkeypatch, policy, hours, expected):
    monkeypatch.setattr(selectors, "corrections_new", lambda: 1000)
    wanted = RetrainPolicy(enabled=True, **policy)
    if hours is not None:
        ran(NOON - timedelta(hours=hours))
    start = overview.next_start(wanted, NOON)
    assert start is not None
    assert f"{start:%d %H:%M}" == expected
    assert tasks.not_now(wanted, start) == ""
    asked = NOON.replace(minute=tasks.MINUTE, second=0) + timedelta(hours=1)
    while asked < start:
        assert tasks.not_now(wanted, asked), f"the schedule starts earlier, at {asked}"
        asked += timedelta(hours=1)


def test_it_says_how_many_corrections_are_lacking(olga, monkeypatch):
    services.starter_deploy()
    monkeypatch.setattr(selectors, "corrections_new", lambda: 8)
    told = olga.get("/api/v1/releases/overview/").json()
    assert told == {
        "schedule": {"at": None, "corrections": 8, "lacking": 12, "unfinished": False},
        "rollout": None,
        "unrightful": [],
    }
    assert not RetrainPolicy.objects.exists(), "reading changes nothing"
    RetrainPolicy.objects.create(enabled=True, corrections_minimum=5)
    told = olga.get("/api/v1/releases/overview/").json()["schedule"]
    assert told["lacking"] == 0
    assert told["at"].endswith(":07:00Z")


def test_after_a_failed_run_it_waits_for_no_correction(olga):
    dataset = DatasetVersion.objects.create(number=1, digest=f"{1:064x}", dvc_text="outs: []\n")
    run = TrainingRun.objects.create(network="basnet-small", minutes=1, state="failed", dataset=dataset)
    told = olga.get("/api/v1/releases/overview/").json()["schedule"]
    assert (told["lacking"], told["unfinished"]) == (0, True)
    run.state = "refused"
    run.save()
    told = olga.get("/api/v1/releases/overview/").json()["schedule"]
    assert (told["lacking"], told["unfinished"]) == (20, False)


def test_a_change_of_the_policy_is_forecast_and_not_made(olga):
    services.starter_deploy()
    told = olga.post("/api/v1/releases/forecast/", {"enabled": True, "minutes": 7}, content_type="application/json")
    found = {finding["subject"]: finding for finding in told.json()}
    assert "0 new approved corrections, 20 needed" in found["schedule"]["sentence"]
    assert found["dataset"]["health"] == "ill"
    assert "7 min of training" in found["budget"]["sentence"]
    assert not RetrainPolicy.objects.exists()
    wrong = olga.post("/api/v1/releases/forecast/", {"hour": 24}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid")
    assert wrong.json()["detail"].startswith("hour: ")
