"""Too little to learn from, and parts that go away in the middle of a run: it says so, and a later one goes on."""

import time

import numpy as np
import pytest
from retraining import AGAIN, JUDGED, approved, asked, ended, retrained, run_of, serving, training

from segmentation import mask as masks

pytestmark = [pytest.mark.bars, pytest.mark.timeout(3600)]


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
