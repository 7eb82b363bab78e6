"""The policy is edited over HTTP, and `retrain --dry-run` says what it would come to."""

import io

import pytest
from django.core.management import CommandError, call_command

from annotations.datasets import gathering, splits
from stickersnap.releases import services
from stickersnap.releases.doctor import forecast
from stickersnap.releases.doctor.checkup import Health
from stickersnap.releases.exceptions import NoBase
from stickersnap.releases.models import RetrainPolicy, TrainingRun, Weights
from stickersnap.releases.runs import runs

pytestmark = pytest.mark.django_db
POLICY = "/api/v1/releases/policy/"


@pytest.fixture
def olga(people, client):
    client.force_login(people.olga)
    return client


def patch(client, **values):
    return client.patch(POLICY, values, content_type="application/json")


def test_the_policy_is_read_and_changed_in_part(olga):
    assert olga.get(POLICY).json()["enabled"] is False
    assert not RetrainPolicy.objects.exists(), "reading changes nothing"
    answer = patch(olga, enabled=True, hour=3, canary_share=0.1)
    assert (answer.status_code, answer.json()["hour"]) == (200, 3)
    policy = RetrainPolicy.objects.get()
    assert (policy.enabled, policy.hour, policy.canary_share, policy.minutes) == (True, 3, 0.1, 12)


@pytest.mark.parametrize(
    "wrong", [{"hour": 24}, {"minutes": 0}, {"canary_share": 0.6}, {"shadow_share": -1}, {"network": "alexnet"}]
)
def test_senseless_values_are_refused_by_name(olga, wrong):
    services.starter_deploy()
    answer = patch(olga, **wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["detail"]


def test_another_network_needs_weights_to_start_from(olga):
    starter = services.starter_deploy()
    answer = patch(olga, network="u2netp")
    assert answer.status_code == 400
    assert "no weights of u2netp" in answer.json()["detail"]
    RetrainPolicy.objects.update_or_create(id=1, defaults={"network": "u2netp"})
    with pytest.raises(NoBase, match="weights pull"):
        runs.run_start(by="olga")
    assert not TrainingRun.objects.exists()
    Weights.objects.create(sha256="e" * 64, network="u2netp")
    newest = Weights.objects.create(sha256="f" * 64, network="u2netp")
    run = runs.run_start(by="olga")
    assert (run.network, run.base) == ("u2netp", newest)
    assert patch(olga, network="").status_code == 200
    assert runs.base_of("", starter.weights) == starter.weights


def findings():
    return {finding.subject: finding for finding in forecast.forecast()}


def test_a_dry_run_says_what_is_in_the_way_and_writes_nothing(settings):
    services.starter_deploy()
    out = io.StringIO()
    with pytest.raises(CommandError, match="without a promotion"):
        call_command("retrain", "--dry-run", stdout=out)
    said = out.getvalue()
    assert "Scheduled retraining is off" in said
    assert "0 corrections to train on, 0 held out" in said
    assert "approve corrections first" in said
    assert not TrainingRun.objects.exists()
    assert not RetrainPolicy.objects.exists()


def test_a_dry_run_with_nothing_in_the_way_says_so(monkeypatch):
    services.starter_deploy()
    gathered = gathering.Gathered(splits.Splits.load())

    class Sample:
        def __init__(self, number, split):
            self.group, self.split, self.weight = str(number), split, 1.0

    for number in range(40):
        split = "holdout" if number % 2 else "train"
        gathered.entries.append(gathering.Entry(Sample(number, split), photo=None))
    monkeypatch.setattr(gathering, "gather", lambda: gathered)
    RetrainPolicy.objects.create(heldout_minimum=20)
    out = io.StringIO()
    call_command("retrain", "--dry-run", stdout=out)
    assert "20 corrections to train on, 20 held out in 20 groups of near-duplicates (20 needed)" in out.getvalue()
    assert "A gain of about 14 points of IoU is seen with so many" in out.getvalue()
    assert "Nothing is in the way" in out.getvalue()
    monkeypatch.setattr(forecast.holdout, "looks", lambda: {"1": 40, "3": 40})
    dataset = findings()["dataset"]
    assert dataset.health is Health.ILL, "those that were asked too often prove nothing any more"
    assert "in 18 groups of near-duplicates (20 needed, 2 more that were asked too often)" in dataset.sentence


@pytest.mark.parametrize(("groups", "points"), [(20, "14"), (50, "4.8"), (250, "1"), (900, "1")])
def test_a_dry_run_says_how_small_a_gain_can_be_seen(groups, points):
    assert f"about {points} points" in forecast.visible_gain(groups)


def test_of_fewer_groups_than_were_measured_nothing_exact_is_said():
    assert "only a very large gain" in forecast.visible_gain(12)


def test_a_dry_run_says_what_becomes_of_what_passes():
    RetrainPolicy.objects.create(shadow_share=0.5, shadow_hours=3, manual_approval=True, canary_share=0.1)
    assert findings()["afterwards"].sentence == (
        "What passes the gate answers 50% of live photos silently for 3 h, then waits for an operator's approval, "
        "then serves 10% of people for 24 h, then serves everyone."
    )
    RetrainPolicy.objects.update(shadow_share=0, manual_approval=False, canary_share=0)
    assert findings()["afterwards"].sentence == "What passes the gate serves everyone."


def test_a_dry_run_names_remotes_that_are_away(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DVC_REMOTE = str(tmp_path / "file" / "remote")
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path}/file/mlflow.db"
    found = findings()
    assert found["DVC remote"].health is Health.ILL
    assert found["MLflow"].health is Health.NOTE
    assert found["weights"].health is Health.ILL, "nothing is deployed"


def test_now_and_dry_run_exclude_each_other():
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("retrain", "--now", "--dry-run")
