"""What goes wrong while a version is frozen ends in words, records nothing, and goes on when started again."""

import hashlib
import subprocess
from collections.abc import Callable

import numpy as np
import psycopg
import pytest
from django.db import connection

from annotations.datasets import dataset_freeze, dataset_restore
from annotations.dvc import Workspace
from annotations.exceptions import DatasetError
from annotations.models import Correction, DatasetItem, DatasetVersion, PhotoSplit
from segmentation import manifest, mask


def nothing_new(number: int) -> None:
    assert DatasetVersion.objects.count() == number
    assert not DatasetItem.objects.filter(dataset__gt=number).exists()
    assert PhotoSplit.objects.count() == DatasetItem.objects.filter(dataset=number).count()


@pytest.mark.django_db
def test_a_disk_that_fills_during_a_freeze(small_disk, no_room, approve, tmp_path):
    workspace = small_disk / "dvc"
    approve(10)
    first = dataset_freeze(workspace=workspace)
    approve(20)
    with no_room(small_disk):
        with pytest.raises(DatasetError, match=r"could not be frozen.*[Nn]o space left"):
            dataset_freeze(workspace=workspace)
        assert dataset_restore(number=1, folder=tmp_path / "back") == first
    nothing_new(1)
    assert dataset_freeze(workspace=workspace).number == 2
    assert len(manifest.read(workspace / "data")) == 2


@pytest.mark.django_db
def test_a_remote_that_fills_or_turns_read_only_during_the_push(
    small_disk, no_room, workspace, approve, settings, tmp_path
):
    settings.DVC_REMOTE = str(small_disk / "remote")
    approve(10)
    dataset_freeze(workspace=workspace)
    approve(20)
    with no_room(small_disk), pytest.raises(DatasetError, match="could not be frozen"):
        dataset_freeze(workspace=workspace)
    nothing_new(1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(DatasetError, match="could not be frozen"):
        dataset_freeze(workspace=workspace)
    nothing_new(1)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert dataset_freeze(workspace=workspace).number == 2
    dataset_restore(number=2, folder=tmp_path / "back")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_before_the_version_is_recorded(workspace, approve, monkeypatch):
    approve(10)
    real: Callable[..., str] = Workspace.add_and_push

    def pushed_then_cut_off(dvc: Workspace, base: str | None = None) -> str:
        text = real(dvc, base)
        names = ("dbname", "user", "password", "host", "port")
        where = {name: value for name, value in connection.get_connection_params().items() if name in names}
        with psycopg.connect(**where) as other:
            pid = connection.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        return text

    monkeypatch.setattr(Workspace, "add_and_push", pushed_then_cut_off)
    with pytest.raises(DatasetError, match="database is away"):
        dataset_freeze(workspace=workspace)
    nothing_new(0)
    monkeypatch.undo()
    assert dataset_freeze(workspace=workspace).number == 1


@pytest.mark.django_db
def test_power_lost_in_the_middle_leaves_no_broken_picture(workspace, approve):
    first, second = approve(10), approve(20)
    images = workspace / "data" / "images"
    images.mkdir(parents=True)
    (images / f"{first.photo.sha256}.png").write_bytes(b"")
    (images / f"{second.photo.sha256}.png").write_bytes(bytes(second.photo.image)[:20])
    (workspace / "unfinished").touch()
    dataset_freeze(workspace=workspace)
    assert len(manifest.read(workspace / "data")) == 2
    assert not (workspace / "unfinished").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("value", [0, 255], ids=["nothing", "everything"])
def test_one_picture_and_masks_of_one_kind_are_a_version(workspace, approve, value):
    correction = approve(10)
    alpha = mask.encode_png(np.full((40, 60), value, np.uint8))
    sha256 = hashlib.sha256(alpha).hexdigest()
    Correction.objects.filter(id=correction.id).update(mask=alpha, mask_sha256=sha256)
    version = dataset_freeze(workspace=workspace)
    assert [item.mask_sha256 for item in version.items.all()] == [sha256]
