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

    # An operator starts the loop; the worker freezes, trains, decides and deploys.
    run = operator.ok("POST", "releases/retrain/", json={"epochs": 4, "minutes": 10})
    assert run["state"] == "queued"
    again = operator.call("POST", "releases/retrain/", json={})
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    patiently(lambda: newest_run(operator)["state"] in OVER, "The end of the run")
    run = newest_run(operator)
    assert run["state"] == "promoted", run["message"]
    assert run["samples"] == learnt_from
    assert run["heldout"] >= 4
    assert len(run["curves"]["train_loss"]) == len(run["curves"]["val_iou"]) == 4
    assert run["decision"]["passed"]
    assert run["decision"]["champion"] == old
    assert run["decision"]["evidence"]["gain_low"] > 0
    new = run["weights"]

    # The next answers carry the new weights' digest.
    patiently(lambda: steady_load.newest() == new, "An answer of the new weights")
    answered = person.ok("POST", "photos/", files={"image": ("next.png", steady_load.photo)})
    assert answered["prediction"]["weights"] == new
    current = person.get_ok("weights/current/")
    assert (current["sha256"], current["run"], current["dataset_version"]) == (new, run["id"], 1)
    tracked(service, run, patiently)
    restored(service, learnt_from, tmp_path)

    # And back.
    rollback = operator.ok("POST", "releases/rollback/")
    assert (rollback["weights"], rollback["current"]) == (old, True)
    patiently(lambda: steady_load.newest() == old, "An answer of the old weights")
    assert [d["weights"] for d in operator.get_ok("releases/deployments/")["results"]] == [old, new, old]

    # Whoever asked meanwhile got an answer, and each change of weights was seen once.
    steady_load.over.set()
    steady_load.thread.join()
    assert steady_load.failures == []
    assert {status for status, _ in steady_load.answers} == {200}
    digests = [digest for _, digest in steady_load.answers]
    assert [d for i, d in enumerate(digests) if i == 0 or digests[i - 1] != d] == [old, new, old]

    said = service.manage("doctor", "--url", service.address)
    assert old[:12] in said
    assert "FAIL" not in said


def tracked(service, run, patiently):
    """MLflow knows the run, and its alias `champion` points at what it made."""
    script = """
import django, json, sys
django.setup()
from stickersnap.releases import registry
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


def test_a_training_process_that_is_killed_leaves_the_champion_serving_and_says_so(service, learnt_from, patiently):
    operator = service.operator()
    champion = operator.get_ok("weights/current/")["sha256"]
    operator.ok("POST", "releases/retrain/", json={"epochs": 10_000, "minutes": 30})
    patiently(lambda: newest_run(operator)["curves"]["train_loss"], "The first epoch")
    ((pid,),) = service.rows("SELECT pid FROM releases_trainingrun WHERE state = 'training'")
    os.kill(pid, signal.SIGKILL)
    patiently(lambda: newest_run(operator)["state"] in OVER, "The end of the run")
    run = newest_run(operator)
    assert run["state"] == "failed"
    assert "killed" in run["message"]
    assert "The champion keeps serving" in run["message"]
    assert operator.get_ok("weights/current/")["sha256"] == service.ready()["weights"] == champion


def test_a_worker_that_is_told_to_stop_stops_its_training_and_says_so(service, learnt_from, patiently):
    operator = service.operator()
    operator.ok("POST", "releases/retrain/", json={"epochs": 10_000, "minutes": 30})
    patiently(lambda: newest_run(operator)["state"] == "training", "The training")
    service.children["worker"].terminate()
    assert service.children["worker"].wait(120) == 0
    run = newest_run(operator)
    assert run["state"] == "failed"
    assert "Stopped before it was done." in run["message"]
    service.start("worker")


def test_a_killed_worker_takes_its_training_with_it_and_the_next_one_says_so(service, learnt_from, patiently):
    operator = service.operator()
    champion = operator.get_ok("weights/current/")["sha256"]
    operator.ok("POST", "releases/retrain/", json={"epochs": 10_000, "minutes": 30})
    patiently(lambda: newest_run(operator)["state"] == "training", "The training")
    patiently(lambda: service.rows("SELECT pid FROM releases_trainingrun WHERE pid IS NOT NULL"), "Its process")
    ((pid,),) = service.rows("SELECT pid FROM releases_trainingrun WHERE state = 'training'")
    service.children["worker"].kill()
    service.children["worker"].wait()
    patiently(lambda: not psutil.pid_exists(pid), "The end of the training process")
    service.start("worker")
    patiently(lambda: newest_run(operator)["state"] in OVER, "The end of the run")
    assert newest_run(operator)["state"] == "failed"
    assert "was killed" in newest_run(operator)["message"]
    assert service.ready()["weights"] == champion


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
    service.manage("weights", "import", str(foreign_onnx), "--name", "theirs")
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
    assert {status for status, _ in steady_load.answers} <= {200, 422}
