"""A disk that fills during freeze, push or the arrival of new weights: said, nothing half done, goes on with room."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from annotations.datasets import dataset_freeze, dataset_restore
from annotations.exceptions import DatasetError
from annotations.models import DatasetItem, DatasetVersion
from segmentation import manifest, weights
from stickersnap.releases import store
from stickersnap.releases.models import Weights

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "stickersnap-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("Only root can mount a small disk.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def no_room(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    assert os.statvfs(disk).f_bavail == 0
    yield
    ballast.unlink()


def the_first_version_stays_and_the_next_waits_for_room(
    disk: Path, workspace: Path, approve: Callable[..., object], tmp_path: Path
) -> None:
    approve(10)
    first = dataset_freeze(workspace=workspace)
    approve(20)
    with no_room(disk), pytest.raises(DatasetError, match=r"(?i)no space left|`dvc push`"):
        dataset_freeze(workspace=workspace)
    assert list(DatasetVersion.objects.all()) == [first]
    assert DatasetItem.objects.count() == 1
    assert dataset_restore(number=first.number, folder=tmp_path / "back") == first
    second = dataset_freeze(workspace=workspace)
    assert (second.number, second.items.count()) == (first.number + 1, 2)
    assert manifest.digest(workspace / "data") == second.digest


def test_a_disk_that_fills_during_the_freeze(small_disk, approve, tmp_path):
    the_first_version_stays_and_the_next_waits_for_room(small_disk, small_disk / "dvc", approve, tmp_path)


def test_a_remote_that_fills_during_the_push(small_disk, workspace, approve, settings, tmp_path):
    settings.DVC_REMOTE = str(small_disk / "remote")
    the_first_version_stays_and_the_next_waits_for_room(small_disk, workspace, approve, tmp_path)


def test_a_disk_that_fills_while_new_weights_arrive(small_disk, other_weights, settings):
    settings.STATE = small_disk
    with no_room(small_disk), pytest.raises(OSError, match="No space left"):
        store.weights_register(folder=other_weights(1))
    assert not Weights.objects.exists()
    left = small_disk / "weights"
    assert not left.exists() or not list(left.iterdir())
    registered = store.weights_register(folder=other_weights(1))
    assert weights.load(store.weights_folder(registered.sha256)).sha256 == registered.sha256
