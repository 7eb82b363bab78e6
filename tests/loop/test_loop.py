"""Photo in, sticker out; fix in, better weights out: the whole road, with its real parts."""

import json
import os
import shutil
import signal

import psutil
import pytest

from segmentation import manifest

pytestmark = [pytest.mark.loop, pytest.mark.timeout(1800)]
OVER = ("promoted", "refused", "failed")


def newest_run(operator):
    return operator.get_ok("releases/runs/")["results"][0]


# The hour strikes now for one of the periodic tasks.
STRIKE = """
import django, sys, time
from contextlib import suppress
django.setup()
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
with suppress(AlreadyEnqueued):
    app.configure_task(f"stickersnap.releases.tasks.{sys.argv[1]}").defer(timestamp=int(time.time()))
"""


def test_from_photo_to_better_weights_and_back(service, learnt_from, steady_load, pictures, patiently, tmp_path):
    operator, person = service.operator(), service.client()
    old = person.get_ok("weights/current/")["sha256"]

    # A person has a photo, makes a sticker of it, and gets a better one after fixing the mask.
    picture, alpha = next(pictures)
    photo, correction = person.contribute(picture, alpha)
    assert photo["prediction"]["weights"] == old
    assert correction["state"] == "private"
    sticker = person.ok("POST", "stickers/", json={"photo": photo["id"], "outline": True, "target": "whatsapp"})
    assert person.get(service.address + sticker["file_url"]).content[:4] == b"RIFF"
    patiently(steady_load.newest, "The first sticker of the steady load")

    # An operator says when; the hour strikes; the worker freezes, trains, decides.
    # Minutes enough for several epochs on a busy machine, too.
    policy = {"enabled": True, "corrections_minimum": learnt_from, "minutes": 2, "heldout_minimum": 4}
    trials = {"shadow_share": 1.0, "shadow_hours": 24, "canary_share": 0.5, "canary_hours": 24}
    operator.ok("PATCH", "releases/policy/", json={**policy, **trials})
    assert "Nothing is in the way" in service.manage("retrain", "--dry-run")
    service.run("-c", STRIKE, "retrain_scheduled")
    patiently(lambda: operator.get_ok("releases/runs/")["results"], "The scheduled run")
    again = operator.call("POST", "releases/retrain/", json={})
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    patiently(lambda: newest_run(operator)["state"] in OVER, "The end of the run", 900)
    run = newest_run(operator)
    assert run["state"] == "promoted", run["message"]
    assert run["requested_by"] == "schedule"
    assert run["samples"] >= learnt_from // 2
    assert run["heldout"] >= 4
    assert len(run["curves"]["train_loss"]) == len(run["curves"]["val_iou"]) > 0
    assert run["decision"]["passed"]
    assert run["decision"]["champion"] == old
    assert run["decision"]["evidence"]["gain_low"] > 0
    new = run["weights"]

    # The challenger answers silently first, then some people.
    (rollout,) = operator.get_ok("releases/rollouts/")["results"]
    assert (rollout["stage"], rollout["weights"], rollout["champion"]) == ("shadow", new, old)
    shown = {"files": {"image": ("next.png", steady_load.photo)}, "data": {"consent": "true"}}  # else nobody may look
    answered = person.ok("POST", "photos/", **shown)
    assert answered["prediction"]["weights"] == old
    trial = f"releases/rollouts/{rollout['id']}/"
    service.run("-c", STRIKE, "shadow_answer")
    (told,) = patiently(lambda: operator.get_ok(f"{trial}shadow/")["results"], "The silent answer")
    assert told["photo"] == answered["id"]
    assert operator.get(service.address + told["difference_url"]).content[:4] == b"\x89PNG"
    assert operator.ok("POST", f"{trial}next/")["stage"] == "canary"
    seen = {}

    def both():
        someone = service.client()
        cut = someone.call("POST", "photos/", files={"image": ("theirs.png", steady_load.photo)})
        seen.setdefault(cut.headers["X-Weights"], someone)
        return set(seen) == {old, new}

    patiently(both, "People on both sides of the canary")
    assert steady_load.newest() == old, "who is nobody is no canary"

    # Then everyone: the next answers carry the new weights' digest.
    assert operator.ok("POST", f"{trial}next/")["stage"] == "full"
    patiently(lambda: steady_load.newest() == new, "An answer of the new weights")
    answered = seen[old].ok("POST", "photos/", files={"image": ("again.png", steady_load.photo)})
    assert answered["prediction"]["weights"] == new
    current = person.get_ok("weights/current/")
    assert (current["sha256"], current["run"], current["dataset_version"]) == (new, run["id"], 1)
    assert current["student"] is None
    tracked(service, run, patiently)
    restored(service, run["samples"], tmp_path)
    graph = operator.get_ok(f"releases/lineage/weights/{new}/")
    assert {node["kind"] for node in graph["nodes"]} >= {"weights", "run", "dataset", "correction", "reviewer", "photo"}

    # And back.
    rollback = operator.ok("POST", "releases/rollback/")
    assert (rollback["weights"], rollback["current"]) == (old, True)
    patiently(lambda: steady_load.newest() == old, "An answer of the old weights")
    assert [d["weights"] for d in operator.get_ok("releases/deployments/")["results"]] == [old, new, old]

    # Whoever asked meanwhile got an answer, and each change of weights was seen once.
    steady_load.leave()
    assert steady_load.failures == []
    assert {answer.status for answer in steady_load.answers} == {200}
    digests = [answer.weights for answer in steady_load.answers]
    assert [d for i, d in enumerate(digests) if i == 0 or digests[i - 1] != d] == [old, new, old]

    said = service.manage("doctor", "--url", service.address)
    assert old[:12] in said
    assert "FAIL" not in said


def tracked(service, run, patiently):
    """MLflow knows the run, and its alias `champion` points at what it made."""
    script = """
import django, json, sys
django.setup()
from stickersnap.releases.weights import registry
client = registry._client()
run = client.get_run(sys.argv[1])
files = [file.path for file in client.list_artifacts(sys.argv[1])]
champion = client.get_model_version_by_alias(registry.MODEL, registry.ALIAS).tags["sha256"]
print(json.dumps({"metrics": run.data.metrics, "tags": run.data.tags, "files": files, "champion": champion}))
"""
    told = {}

    def mirrored():
        told.update(json.loads(service.run("-c", script, run["mlflow_run_id"])))
        return told["champion"] == run["weights"]

    patiently(mirrored, "The alias of the new champion")
    assert told["metrics"]["train_loss"] > 0
    assert told["tags"]["run"] == run["id"]
    assert {"weights", "evaluation.json", "samples"} <= set(told["files"])


def restored(service, samples, tmp_path):
    """The dataset version comes back from the DVC remote alone."""
    shutil.rmtree(service.state / "dvc")
    service.manage("dataset", "restore", "1", str(tmp_path / "back"))
    assert len(manifest.read(tmp_path / "back")) == samples


def test_a_training_that_is_killed_goes_on_from_its_checkpoint_and_ends(service, learnt_from, patiently):
    """Its process is killed, then its worker told to stop, then a worker killed: one run, one curve, one verdict."""
    operator = service.operator()
    champion = operator.get_ok("weights/current/")["sha256"]
    operator.ok("PATCH", "releases/policy/", json={"enabled": False, "shadow_share": 0, "canary_share": 0})
    asked = operator.ok("POST", "releases/retrain/", json={"epochs": 10_000, "minutes": 0.25})

    def epochs():
        return [epoch for epoch, _ in newest_run(operator)["curves"]["train_loss"]]

    def process():
        found = service.rows("SELECT pid FROM releases_trainingrun WHERE state = 'training' AND pid IS NOT NULL")
        return found[0][0] if found else None

    def stop_worker(kill):
        (service.children["worker"].kill if kill else service.children["worker"].terminate)()
        service.children["worker"].wait(120)

    patiently(epochs, "The first epoch")
    pid = process()
    os.kill(pid, signal.SIGKILL)
    patiently(lambda: process() not in (None, pid), "Its second process")

    stop_worker(kill=False)
    run = newest_run(operator)
    assert (run["state"], run["attempts"]) == ("queued", 1)
    assert "goes on from its checkpoint" in run["message"]
    service.start("worker")

    pid = patiently(process, "Its third process")
    stop_worker(kill=True)
    patiently(lambda: not psutil.pid_exists(pid), "The end of the killed worker's training")
    assert operator.get_ok("weights/current/")["sha256"] == service.ready()["weights"] == champion
    service.rows("UPDATE releases_trainingrun SET lease_expires_at = now() WHERE state = 'training' RETURNING id")
    service.start("worker")
    service.run("-c", STRIKE, "runs_sweep")
    patiently(lambda: newest_run(operator)["state"] in OVER, "The end of the run")

    run = newest_run(operator)
    assert (run["id"], run["state"] in ("promoted", "refused"), run["attempts"]) == (asked["id"], True, 3)
    assert epochs() == list(range(1, len(epochs()) + 1))
    if run["state"] == "promoted":
        operator.ok("POST", "releases/rollback/")


def test_an_operators_choice_serves_and_is_taken_back_without_a_lost_request(
    service, steady_load, foreign_onnx, patiently, tmp_path
):
    operator = service.operator()
    old = operator.get_ok("weights/current/")["sha256"]
    patiently(lambda: steady_load.newest() == old, "An answer of the first weights")

    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(foreign_onnx.read_bytes()[:-100])
    with pytest.raises(AssertionError, match="cut short"):
        service.manage("weights", "import", str(damaged))
    service.manage("weights", "import", str(foreign_onnx), "--name", "theirs", "--anyway")
    with pytest.raises(AssertionError, match="--yes"):
        service.manage("weights", "use", "theirs", "--by", "olga")
    assert operator.get_ok("weights/current/")["sha256"] == old

    service.manage("weights", "use", "theirs", "--by", "olga", "--yes")
    new = operator.get_ok("weights/current/")["sha256"]
    assert new != old
    patiently(lambda: (service.ready() or {}).get("weights") == new, "The chosen weights, ready")
    decision = operator.get_ok("releases/deployments/")["results"][0]["decision"]
    assert (decision["kind"], decision["by"], decision["champion"]) == ("operator", "olga", old)
    refused = operator.call("POST", "releases/retrain/", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_trainable")

    operator.ok("POST", "releases/rollback/")
    patiently(lambda: steady_load.newest() == old, "An answer of the first weights again")
    assert steady_load.failures == []
    assert {answer.status for answer in steady_load.answers} <= {200, 422}
