"""Too little to learn from, and parts that go away in the middle of a run: it says so, and a later one goes on."""

import time
import uuid
from typing import Any

import numpy as np
import pytest

from segmentation import mask as masks

pytestmark = [pytest.mark.bars, pytest.mark.timeout(3600)]
JUDGED = ("promoted", "refused")
OVER = (*JUDGED, "failed")
AGAIN = "The champion keeps serving; start again with `manage.py retrain`."


def run_of(installation: Any) -> dict[str, Any]:
    """The newest run, as the database has it."""
    columns = ("state", "message", "dataset_id", "attempts", "pid", "id")
    newest = f"SELECT {', '.join(columns)} FROM releases_trainingrun ORDER BY created_at DESC LIMIT 1"
    (row,) = installation.rows(newest) or [(None,) * len(columns)]
    return dict(zip(columns, row, strict=True))


def asked(installation: Any, **wishes: float) -> None:
    """*Retrain now* is pressed."""
    answer = installation.operator().send("POST", "releases/retrain/", json=wishes or {"epochs": 1})
    assert answer.status_code == 202, answer.text


def ended(installation: Any) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        run = run_of(installation)
        return run if run["state"] in OVER else None

    run = installation.wait_for(over, "the end of the run", seconds=900)
    print(f"\n{run['state']}, attempt {run['attempts']}: {run['message']}")
    return dict(run)


def retrained(installation: Any, **wishes: float) -> dict[str, Any]:
    asked(installation, **wishes)
    return ended(installation)


def training(installation: Any) -> dict[str, Any]:
    """The run, once its training process learns."""

    def learns() -> dict[str, Any] | None:
        run = run_of(installation)
        assert run["state"] not in OVER, run["message"]
        told = installation.state / "runs" / str(run["id"]) / "metrics.jsonl"
        return run if run["state"] == "training" and told.exists() else None

    return dict(installation.wait_for(learns, "a training that learns", seconds=600))


def serving(installation: Any) -> str:
    """What cuts a new photo, which must be what the service says it is."""
    person = installation.person()
    current = person.send("GET", "weights/current/").json()["sha256"]
    photo = person.upload(int(time.time() * 1000), uuid.uuid4())
    assert photo["prediction"]["weights"] == current
    return str(current)


def approved(installation: Any, seeds: range, mask_of: Any) -> None:
    """As many photos with a correction each, approved."""
    person, operator = installation.person(), installation.operator()
    person.consent()
    for seed in seeds:
        correction = uuid.uuid4()
        person.correct(person.upload(seed, uuid.uuid4()), correction, mask_of(seed))
        verdict = {"verdict": "approve", "reason": "", "version": 1}
        assert operator.send("POST", f"corrections/{correction}/review/", json=verdict).ok


def full(seed: int) -> bytes:
    """All of the photo is the subject."""
    return masks.encode_png(np.full((96, 96), 255, np.uint8))


def test_none_one_and_one_kind_end_plainly_and_the_next_run_goes_on(install, mask_of):
    with install() as installation:
        champion = serving(installation)

        said = installation.manage("retrain", "--dry-run")
        assert said.returncode == 1
        assert "There is nothing to learn from: approve corrections first." in said.stdout
        by_hand = installation.manage("retrain", "--now", "--epochs", "1")
        assert by_hand.returncode == 1
        for message in (by_hand.stderr, retrained(installation)["message"]):
            assert "There is nothing to learn from yet: approve corrections of consented photos first." in message
            assert AGAIN in message
        assert run_of(installation)["dataset_id"] is None

        approved(installation, range(1), mask_of)
        run = retrained(installation)
        assert run["dataset_id"] == 1
        if run["state"] == "failed":  # the one photo is held out
            assert "has no training pictures: approve more corrections" in run["message"]
        else:
            assert (run["state"], run["message"].startswith("Too few held-out photos: 0")) == ("refused", True)

        approved(installation, range(1, 13), full)
        run = retrained(installation)
        assert run["state"] in ("refused", "failed")
        assert "Too few held-out photos" in run["message"] or "no training pictures" in run["message"]
        assert serving(installation) == champion

        approved(installation, range(100, 130), mask_of)
        before = run["dataset_id"]
        run = retrained(installation)
        assert run["state"] == "refused", run["message"]
        assert run["message"].startswith("Too few held-out photos: ")
        assert run["dataset_id"] > before
        assert serving(installation) == champion


def test_a_damaged_mask_an_absent_remote_and_an_absent_mlflow(install, mask_of):
    with install() as installation:
        champion = serving(installation)
        approved(installation, range(30), mask_of)
        installation.rows(
            "UPDATE annotations_correction SET mask = substring(mask for 40) "
            "WHERE id = (SELECT min(id::text)::uuid FROM annotations_correction) RETURNING id"
        )
        remote, away = installation.state / "dvc-remote", installation.state / "away"
        if remote.exists():
            remote.rename(away)
        remote.write_text("no folder")
        run = retrained(installation)
        assert run["state"] == "failed"
        assert "The dataset could not be frozen" in run["message"]
        assert AGAIN in run["message"]
        assert run["dataset_id"] is None
        said = installation.manage("retrain", "--dry-run")
        assert f"STOP  DVC remote  {remote} can't be written: mount it, or correct DVC_REMOTE." in said.stdout

        remote.unlink()
        if away.exists():
            away.rename(remote)
        done = installation.manage("retrain", "--now", "--epochs", "1", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "MLflow can't be had now: training goes on without it." in done.stdout
        run = run_of(installation)
        assert (run["state"], run["dataset_id"]) == ("refused", 1)
        ((left_out, reason),) = installation.rows("SELECT why, reason FROM annotations_leftout WHERE dataset_id = 1")
        assert left_out == "damaged"
        assert reason
        assert serving(installation) == champion


@pytest.mark.parametrize("seconds", [5, 50])
def test_a_database_that_is_away_in_the_middle_of_a_training(besieged, mask_of, seconds):
    """For a moment, and for longer than a run is anybody's: it comes to its verdict."""
    champion = serving(besieged)
    approved(besieged, range(1000 * seconds, 1000 * seconds + 12), mask_of)
    asked(besieged, epochs=10_000, minutes=0.5)
    training(besieged)
    with besieged.database_away():
        time.sleep(seconds)
    run = ended(besieged)
    assert run["state"] in JUDGED, run["message"]
    assert serving(besieged) == champion
