"""What goes wrong while a version is frozen ends in words, records nothing, and goes on when started again."""

import hashlib
import subprocess
from collections.abc import Callable

import numpy as np
import psycopg
import pytest
from django.db import connection

from annotations.datasets.versions import dataset_freeze, dataset_restore
from annotations.dvc.workspace import DvcError, Workspace
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


ODD = "rem#two 'x' \"y\" 100% $HOME ~ ü, a;b=[c]"


@pytest.mark.django_db
def test_the_remote_is_the_one_that_was_named_whatever_its_path_holds(approve, settings, tmp_path):
    settings.DVC_REMOTE = str(tmp_path / ODD)
    workspace = tmp_path / f"state {ODD}"
    approve(10)
    version = dataset_freeze(workspace=workspace)
    assert any((tmp_path / ODD).rglob("*.dir"))
    assert not (tmp_path / "rem").exists()
    assert dataset_restore(number=1, folder=tmp_path / "back #1") == version


@pytest.mark.parametrize("name", ["two\nlines", "%(home)s"])
def test_a_remote_that_dvc_cant_be_told_of_is_refused(tmp_path, name):
    with pytest.raises(DvcError, match="can't be told"):
        Workspace(tmp_path / "work", f"{tmp_path}/{name}").ensure()


@pytest.mark.django_db
def test_a_restore_names_the_file_that_is_missing(workspace, approve, settings, tmp_path):
    settings.DVC_REMOTE = str(tmp_path / "remote")
    approve(10), approve(20)
    dataset_freeze(workspace=workspace)
    digests = {hashlib.md5(path.read_bytes()).hexdigest(): path for path in (workspace / "data" / "images").iterdir()}
    lost = next(path for path in (tmp_path / "remote").rglob("*") if path.parent.name + path.name in digests)
    name = digests[lost.parent.name + lost.name].name
    lost.unlink()
    with pytest.raises(DatasetError, match=rf"lacks 1 of \d+ files: images/{name} \({lost}\)"):
        dataset_restore(number=1, folder=tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.django_db
def test_a_restore_says_that_the_list_is_missing(workspace, approve, settings, tmp_path):
    settings.DVC_REMOTE = str(tmp_path / "remote")
    approve(10)
    dataset_freeze(workspace=workspace)
    next((tmp_path / "remote").rglob("*.dir")).unlink()
    with pytest.raises(DatasetError, match="lacks the version's list of files"):
        dataset_restore(number=1, folder=tmp_path / "back")


@pytest.mark.django_db
def test_a_restore_says_that_the_disk_is_full(small_disk, no_room, workspace, approve):
    approve(10)
    dataset_freeze(workspace=workspace)
    with no_room(small_disk), pytest.raises(DatasetError, match=r"is full|No space left"):
        dataset_restore(number=1, folder=small_disk / "back")


def test_whatever_dvc_says_of_a_full_disk_it_is_called_full(small_disk, no_room):
    workspace = Workspace(small_disk / "dvc", str(small_disk / "remote"))
    workspace.ensure()
    with no_room(small_disk), pytest.raises(DvcError, match=r"is full \([\d,]+ bytes are free\)"):
        workspace.probe(120)


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
