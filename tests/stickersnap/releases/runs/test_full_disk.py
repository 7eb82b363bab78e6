"""A disk that fills while a run learns, or while its weights arrive: said, nothing half done, goes on with room."""

from pathlib import Path

import numpy as np
import pytest

from annotations.models import DatasetVersion
from segmentation import manifest, mask, weights
from segmentation.picture import encode_png
from stickersnap.releases import selectors, services
from stickersnap.releases.models import TrainingRun, Weights
from stickersnap.releases.runs import runs
from stickersnap.releases.weights import registry, store
from training import checkpoint

FULL = "No space left on device"


@pytest.fixture
def frozen(monkeypatch, small_disk, settings) -> None:
    """State on the small disk; a dataset version of two pictures, as if it had been frozen there."""
    settings.STATE = small_disk
    monkeypatch.setattr(registry, "tracking_prepare", lambda: ("", {}))

    def freeze(*, workspace: Path) -> DatasetVersion:
        random, samples = np.random.default_rng(0), []
        for name in ("one", "other"):
            picture = encode_png(random.integers(0, 256, (48, 48, 3), np.uint8))
            alpha = mask.encode_png(np.full((48, 48), 255, np.uint8))
            samples.append(
                manifest.add(workspace / "data", picture, alpha, group=name, source="corrections", split="train")
            )
        digest = manifest.write(workspace / "data", samples, number=1, created="now").digest
        return DatasetVersion.objects.get_or_create(number=1, digest=digest, dvc_text="outs: []\n")[0]

    monkeypatch.setattr(runs, "dataset_freeze", freeze)


@pytest.mark.django_db(transaction=True)
def test_a_disk_that_fills_while_a_run_learns_ends_it_and_the_next_goes_on(frozen, small_disk, no_room):
    champion = services.starter_deploy()
    filled: list[None] = []

    def fill(line: str) -> None:
        if line.startswith("Epoch 1 ") and not filled:
            filled.append(ballast.__enter__())

    ballast = no_room(small_disk)
    asked = runs.run_start(by="olga", epochs=20, enqueue=False)
    failed = runs.run_execute(run_id=asked.id, report=fill)
    ballast.__exit__(None, None, None)
    assert failed.state == "failed"
    for said in ("The checkpoint cannot be written", FULL, "The champion keeps serving"):
        assert said in failed.message
    assert selectors.deployment_current() == champion
    assert checkpoint.load(services.run_folder(failed) / "checkpoint.pt")

    heard: list[str] = []
    asked = runs.run_start(by="olga", epochs=20, enqueue=False)
    stopped = runs.run_execute(run_id=asked.id, report=heard.append, should_stop=lambda: "start" in heard)
    assert stopped.state == TrainingRun.State.QUEUED
    assert stopped.metrics == failed.metrics != [], "it started from where the other had got to"


@pytest.mark.django_db
def test_a_disk_that_fills_while_new_weights_arrive(small_disk, no_room, other_weights, settings):
    settings.STATE = small_disk
    with no_room(small_disk), pytest.raises(OSError, match=f"^The weights can't be kept in .*{FULL}"):
        store.weights_register(folder=other_weights(1))
    assert not Weights.objects.exists()
    left = small_disk / "weights"
    assert not left.exists() or not list(left.iterdir())
    registered = store.weights_register(folder=other_weights(1))
    assert weights.load(store.weights_folder(registered.sha256)).sha256 == registered.sha256
