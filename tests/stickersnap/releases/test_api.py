"""Operators conduct releases over HTTP; everyone may know what serves."""

import hashlib

import pytest
from rest_framework.test import APIClient

from segmentation import networks
from stickersnap.releases import services
from stickersnap.releases.models import TrainingRun

OPERATORS_ONLY = [
    ("get", "/api/v1/releases/runs/"),
    ("post", "/api/v1/releases/retrain/"),
    ("get", "/api/v1/releases/deployments/"),
    ("post", "/api/v1/releases/rollback/"),
]


@pytest.fixture
def as_(people):
    def client(name=None):
        made = APIClient()
        if name:
            made.force_login(getattr(people, name))
        return made

    return client


@pytest.mark.parametrize(("method", "path"), OPERATORS_ONLY)
def test_nobody_but_operators(as_, method, path):
    services.starter_deploy()
    for name, status in ((None, 401), ("alice", 403), ("rita", 403)):
        answer = getattr(as_(name), method)(path)
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "detail"}
    assert not TrainingRun.objects.exists()


@pytest.mark.django_db
def test_before_anything_is_deployed_it_says_so(as_):
    answer = as_().get("/api/v1/weights/current/")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")


def test_everyone_may_know_what_serves(as_):
    deployment = services.starter_deploy()
    current = as_().get("/api/v1/weights/current/").json()
    assert current["sha256"] == deployment.weights_id
    assert (current["network"], current["device"]) == (networks.SHIPPED, "cpu")
    assert (current["run"], current["dataset_version"], current["deployment"]) == (None, None, deployment.id)


def test_a_browser_gets_the_graph_of_what_serves_once(as_):
    deployment = services.starter_deploy()
    answer = as_().get("/api/v1/weights/current/browser.onnx")
    data = b"".join(answer.streaming_content)
    form = deployment.weights.card["forms"]["int8"]
    assert (answer.status_code, len(data), hashlib.sha256(data).hexdigest()) == (200, form["bytes"], form["sha256"])
    assert (answer["ETag"], answer["Cache-Control"]) == (f'"{form["sha256"]}"', "public, no-cache")
    again = as_().get("/api/v1/weights/current/browser.onnx", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_graph_that_is_absent_or_damaged_is_not_given_away(as_):
    deployment = services.starter_deploy()
    path = services.weights_folder(deployment.weights_id) / deployment.weights.card["forms"]["int8"]["file"]
    for damage in (lambda: path.write_bytes(path.read_bytes()[:-1]), path.unlink):
        damage()
        answer = as_().get("/api/v1/weights/current/browser.onnx")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_browser_graph")


def test_a_run_is_asked_for_once(as_):
    services.starter_deploy()
    olga = as_("olga")
    answer = olga.post("/api/v1/releases/retrain/", {"minutes": 3, "epochs": 2}, format="json")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["requested_by"]) == ("queued", "olga")
    again = olga.post("/api/v1/releases/retrain/", {}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    run = TrainingRun.objects.get()
    assert (run.minutes, run.epochs) == (3, 2)


@pytest.mark.parametrize(
    "wish", [{"minutes": 0}, {"minutes": 1e9}, {"epochs": 0}, {"epochs": "many"}, {"minutes": "nan"}]
)
def test_wishes_have_bounds(as_, wish):
    services.starter_deploy()
    answer = as_("olga").post("/api/v1/releases/retrain/", wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not TrainingRun.objects.exists()


def test_runs_tell_their_curves_and_their_verdict(as_, finished_run):
    services.starter_deploy()
    run = finished_run()
    run.metrics = [{"epoch": 1, "train_loss": 2.0, "val_iou": 0.5}, {"epoch": 2, "train_loss": 1.0, "val_iou": 0.6}]
    run.save()
    decision = services.promotion_decide(run=run, by="olga")
    (told,) = as_("olga").get("/api/v1/releases/runs/").json()["results"]
    assert told["curves"] == {"train_loss": [[1, 2.0], [2, 1.0]], "val_iou": [[1, 0.5], [2, 0.6]]}
    assert (told["dataset_version"], told["samples"], told["heldout"]) == (1, 24, 24)
    assert told["weights"] == decision.challenger_id
    assert told["decision"]["evidence"]["gain"] == pytest.approx(0.1)
    assert "images" not in told["decision"]["evidence"]


def test_runs_cost_the_same_few_queries_however_many(as_, finished_run, django_assert_max_num_queries):
    services.starter_deploy()
    for seed in (1, 2, 3):
        run = finished_run(seed=seed, gain=-0.1)
        services.promotion_decide(run=run, by="olga")
        TrainingRun.objects.filter(id=run.id).update(state="refused")
    olga = as_("olga")
    with django_assert_max_num_queries(8):
        assert olga.get("/api/v1/releases/runs/").json()["count"] == 3


def test_deployments_and_rollback(as_, finished_run):
    starter = services.starter_deploy()
    olga = as_("olga")
    nothing = olga.post("/api/v1/releases/rollback/")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_roll_back")
    decision = services.promotion_decide(run=finished_run(), by="olga")
    back = olga.post("/api/v1/releases/rollback/")
    assert (back.status_code, back.json()["weights"], back.json()["by"]) == (201, starter.weights_id, "olga")
    listed = olga.get("/api/v1/releases/deployments/").json()["results"]
    assert [(d["weights"], d["current"]) for d in listed] == [
        (starter.weights_id, True),
        (decision.challenger_id, False),
        (starter.weights_id, False),
    ]
    assert listed[0]["rollback_of"] == listed[1]["id"]


def test_the_admin_shows_everything_and_changes_the_policy_alone(client, django_user_model, finished_run):
    services.starter_deploy()
    run = finished_run()
    run.metrics = [{"epoch": 1, "train_loss": 2.0, "val_iou": 0.5}, {"epoch": 2, "train_loss": 1.0, "val_iou": 0.6}]
    run.save()
    decision = services.promotion_decide(run=run, by="olga")
    client.force_login(django_user_model.objects.create_superuser("root", password="root-secret-10"))
    pages = {
        "weights": decision.challenger_id,
        "trainingrun": run.id,
        "promotiondecision": decision.id,
        "deployment": decision.deployments.get().id,
    }
    for model, pk in pages.items():
        assert client.get(f"/admin/releases/{model}/").status_code == 200
        assert client.get(f"/admin/releases/{model}/add/").status_code == 403
        assert client.post(f"/admin/releases/{model}/{pk}/change/", {}).status_code == 403
    assert b"<polyline" in client.get(f"/admin/releases/trainingrun/{run.id}/change/").content
    assert b"+10.0" in client.get(f"/admin/releases/promotiondecision/{decision.id}/change/").content
    assert client.get("/admin/releases/retrainpolicy/1/change/").status_code == 200
