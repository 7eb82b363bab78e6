"""A disk that fills while a run freezes, pushes, trains or hands in its weights: it says so, a later one goes on."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import disks
import pytest
from retraining import AGAIN, JUDGED, approved, asked, ended, retrained, serving, training

from segmentation import weights
from stickersnap.embedded.testing import throwaway
from training import checkpoint

pytestmark = [pytest.mark.bars, pytest.mark.timeout(3600)]
WISHES = {"epochs": 10_000, "minutes": 0.3}
FULL = "No space left on device"

SECOND_SET = Path(__file__).parents[1] / "benchmarks" / "second_set.py"


@pytest.fixture(scope="module")
def cramped(install: Any, mask_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Web and worker with a state of 400 MB and a DVC remote of 40 MB, each a disk; the database has its own."""
    remote = tmp_path_factory.mktemp("remote")
    with (
        throwaway() as url,
        disks.small(remote, 40),
        install(small=True, DATABASE_URL=url, DVC_REMOTE=str(remote)) as installation,
    ):
        if not (installation.small and os.path.ismount(remote)):
            pytest.skip("A disk of a few hundred megabytes can only be mounted by root.")
        installation.remote = remote
        approved(installation, range(7000, 7016), mask_of)
        yield installation


def said_and_served(installation: Any, run: dict[str, Any], champion: str) -> None:
    """What a run says that met a full disk, while it is full: new photos are cut all the same."""
    assert run["state"] == "failed"
    assert FULL in run["message"]
    assert AGAIN in run["message"]
    assert serving(installation) == champion


def folder_of(installation: Any, run: dict[str, Any]) -> Path:
    return Path(installation.state / "runs" / str(run["id"]))


def test_during_the_freeze(cramped):
    champion = serving(cramped)
    with cramped.no_room():
        run = retrained(cramped)
        said_and_served(cramped, run, champion)
        assert "The dataset could not be frozen" in run["message"]
    assert run["dataset_id"] is None


def test_during_the_push(cramped):
    champion = serving(cramped)
    with disks.no_room(cramped.remote):
        run = retrained(cramped)
        said_and_served(cramped, run, champion)
        assert "The dataset could not be frozen" in run["message"]
    assert run["dataset_id"] is None
    run = retrained(cramped)
    assert (run["state"] in JUDGED, run["dataset_id"]) == (True, 1), run["message"]


def test_in_the_middle_of_the_training(cramped):
    champion = serving(cramped)
    asked(cramped, **WISHES)
    training(cramped)
    with cramped.no_room():
        run = ended(cramped)
        said_and_served(cramped, run, champion)
    assert checkpoint.load(folder_of(cramped, run) / "checkpoint.pt")
    taken_up = retrained(cramped, **WISHES)
    assert taken_up["state"] in JUDGED, taken_up["message"]
    learnt = len(run["metrics"])
    assert learnt >= 1
    assert taken_up["metrics"][:learnt] == run["metrics"], "it goes on from where the other one had got to"
    assert serving(cramped) == champion


def test_as_the_new_weights_arrive(cramped):
    champion, wishes = serving(cramped), WISHES | {"minutes": 0.31}  # no other run's checkpoint is of these
    asked(cramped, **wishes)
    made = folder_of(cramped, training(cramped)) / "weights"

    def there() -> bool:
        try:
            return bool(weights.read_card(made).get("forms"))
        except weights.WeightsError:
            return False

    cramped.wait_for(there, "weights with their forms")
    with cramped.no_room():
        run = ended(cramped)
        said_and_served(cramped, run, champion)
    assert {path.name for path in (cramped.state / "weights").iterdir()} >= {champion}
    assert not list((cramped.state / "weights").glob(".arriving-*"))
    run = retrained(cramped, **wishes)
    assert run["state"] in JUDGED, run["message"]


def test_other_weights_serve_and_are_taken_back_without_any_room(cramped, tmp_path):
    old = serving(cramped)
    subprocess.run([sys.executable, str(SECOND_SET), str(tmp_path / "other")], check=True)
    with cramped.no_room():
        refused = cramped.manage("weights", "import", str(tmp_path / "other"))
        assert refused.returncode == 1
        assert FULL in refused.stderr
        assert "Traceback" not in refused.stderr
    done = cramped.manage("weights", "import", str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    new = done.stdout.split()[1]
    with cramped.no_room():
        done = cramped.manage("weights", "use", new, "--by", "olga", "--yes")
        assert done.returncode == 0, done.stderr
        cramped.wait_for(lambda: served(cramped) == new, "the chosen weights answer")
        assert cramped.operator().send("POST", "releases/rollback/").status_code in (200, 201)
        cramped.wait_for(lambda: served(cramped) == old, "the first weights answer again")


def served(installation: Any) -> str:
    """The weights that cut a photo now."""
    return str(installation.person().upload(time.time_ns(), uuid.uuid4())["prediction"]["weights"])


def test_with_the_database_on_the_same_disk(besieged, mask_of):
    """Nothing can be written for a minute, not even what became of the run; then it comes to an end all the same."""
    if not besieged.small:
        pytest.skip("A disk of a few hundred megabytes can only be mounted by root.")
    champion = serving(besieged)
    approved(besieged, range(7000, 7012), mask_of)
    asked(besieged, **WISHES)
    training(besieged)
    with besieged.no_room():
        time.sleep(60)
        assert besieged.process.poll() is None
    run = ended(besieged)
    assert run["state"] in JUDGED or FULL in run["message"], run["message"]
    besieged.wait_for(besieged.ready, "ready again by itself")
    run = retrained(besieged, **WISHES)
    assert run["state"] in JUDGED, run["message"]
    assert serving(besieged) == champion
