"""Approved corrections become a dataset version that comes back bit for bit."""

import shutil
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotations.datasets.versions import corrections_new, dataset_freeze, dataset_restore
from annotations.exceptions import DatasetError, NotFound
from annotations.models import Correction, DatasetItem, DatasetVersion, LeftOut, Review
from segmentation import manifest, mask

pytestmark = pytest.mark.django_db


def files(folder: Path):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_approved_corrections_of_consented_photos_are_learned_from(workspace, approve):
    wanted = approve(10)
    for shade, unwanted in enumerate(
        [{"verdict": "reject"}, {"verdict": None}, {"consented": False}, {"consented": False, "verdict": None}], 20
    ):
        approve(shade, **unwanted)
    edited = approve(30)
    edited.version = 2
    edited.save()
    version = dataset_freeze(workspace=workspace)
    assert [item.correction for item in version.items.all()] == [wanted.id]
    (sample,) = manifest.read(workspace / "data")
    assert (sample.correction, sample.group) == (str(wanted.id), str(wanted.photo.group))
    assert (workspace / "data" / sample.image).read_bytes() == bytes(wanted.photo.image)
    assert (workspace / "data" / sample.mask).read_bytes() == bytes(wanted.mask)


def test_the_same_samples_are_the_same_version(workspace, approve):
    approve(10)
    first = dataset_freeze(workspace=workspace)
    before = files(workspace / "data")
    assert dataset_freeze(workspace=workspace) == first
    assert files(workspace / "data") == before
    assert DatasetVersion.objects.count() == 1


def test_a_version_grows_without_writing_old_pictures_again_and_loses_what_was_taken_back(workspace, approve):
    kept, gone = approve(10), approve(20)
    dataset_freeze(workspace=workspace)
    picture = workspace / "data" / "images" / f"{kept.photo.sha256}.png"
    written = picture.stat().st_mtime_ns
    gone.photo.consented_at = None
    gone.photo.save()
    new = approve(30)
    second = dataset_freeze(workspace=workspace)
    assert second.number == 2
    assert {item.correction for item in second.items.all()} == {kept.id, new.id}
    assert picture.stat().st_mtime_ns == written
    assert not (workspace / "data" / "images" / f"{gone.photo.sha256}.png").exists()
    assert len(manifest.read(workspace / "data")) == 2


def test_of_one_picture_the_newest_correction_counts(workspace, approve):
    first = approve(10)
    second = approve(photo=first.photo, radius=0.2)
    version = dataset_freeze(workspace=workspace)
    assert [item.correction for item in version.items.all()] == [second.id]


def test_near_duplicates_are_on_one_side_of_the_split(workspace, approve):
    group = uuid.uuid4()
    for shade in range(10, 16):
        approve(shade, group=group)
    version = dataset_freeze(workspace=workspace)
    assert {item.split for item in version.items.all()} == {manifest.split_of(str(group))}


def test_a_version_comes_back_bit_for_bit_from_the_remote_alone(workspace, approve, tmp_path):
    for shade in (10, 20, 30):
        approve(shade)
    version = dataset_freeze(workspace=workspace)
    before = files(workspace / "data")
    approve(40)
    dataset_freeze(workspace=workspace)
    shutil.rmtree(workspace)
    assert dataset_restore(number=version.number, folder=tmp_path / "back") == version
    assert files(tmp_path / "back") == before
    assert manifest.digest(tmp_path / "back") == version.digest


def test_a_lost_workspace_is_made_again(workspace, approve):
    approve(10)
    version = dataset_freeze(workspace=workspace)
    shutil.rmtree(workspace)
    assert dataset_freeze(workspace=workspace) == version
    assert len(manifest.read(workspace / "data")) == 1


def test_nothing_to_learn_from_says_what_to_do(workspace):
    with pytest.raises(DatasetError, match="approve corrections"):
        dataset_freeze(workspace=workspace)


def test_a_remote_that_can_not_be_written_leaves_no_version_and_it_goes_on_when_mended(
    workspace, approve, settings, tmp_path
):
    approve(10)
    (tmp_path / "blocked").write_text("a file where a folder should be")
    good, settings.DVC_REMOTE = settings.DVC_REMOTE, str(tmp_path / "blocked" / "remote")
    with pytest.raises(DatasetError, match="could not be frozen"):
        dataset_freeze(workspace=workspace)
    assert not DatasetVersion.objects.exists()
    assert not DatasetItem.objects.exists()
    settings.DVC_REMOTE = good
    assert dataset_freeze(workspace=workspace).number == 1


def test_a_workspace_that_can_not_be_written_says_so(approve, tmp_path):
    approve(10)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="could not be frozen"):
        dataset_freeze(workspace=tmp_path / "file" / "dvc")


def test_a_damaged_mask_in_the_table_is_left_out_and_named_until_it_is_mended(workspace, approve, disc):
    correction = approve(10)
    whole = bytes(correction.mask)
    Correction.objects.filter(id=correction.id).update(mask=mask.encode_png(disc(40, 60, 0.1)))
    with pytest.raises(DatasetError, match=str(correction.id)):
        dataset_freeze(workspace=workspace)
    assert not DatasetVersion.objects.exists()
    other = approve(20)
    first = dataset_freeze(workspace=workspace)
    assert [item.correction for item in first.items.all()] == [other.id]
    (out,) = LeftOut.objects.filter(dataset=first)
    assert (out.correction, out.why) == (correction.id, "damaged")
    assert "backup" in out.reason
    assert corrections_new() == 0
    Correction.objects.filter(id=correction.id).update(mask=whole)
    second = dataset_freeze(workspace=workspace)
    assert {item.correction for item in second.items.all()} == {correction.id, other.id}
    assert not second.left_out.exists()


def test_new_corrections_are_counted_until_they_are_frozen(workspace, approve):
    approve(10)
    changed = approve(20)
    assert corrections_new() == 2
    dataset_freeze(workspace=workspace)
    assert corrections_new() == 0
    changed.version = 2
    changed.save()
    assert corrections_new() == 0
    Review.objects.create(
        correction=changed, version=2, reviewer_id=Review.objects.first().reviewer_id, verdict="approve"
    )
    assert corrections_new() == 1


def test_restore_refuses_what_is_not_there_and_what_is_in_the_way(workspace, approve, tmp_path):
    with pytest.raises(NotFound):
        dataset_restore(number=7, folder=tmp_path / "back")
    approve(10)
    version = dataset_freeze(workspace=workspace)
    with pytest.raises(DatasetError, match="is there already"):
        dataset_restore(number=version.number, folder=tmp_path)


def test_on_the_command_line(workspace, approve, tmp_path, settings, capsys):
    approve(10)
    settings.BASE_DIR = tmp_path
    call_command("dataset", "list")
    assert "no dataset version yet" in capsys.readouterr().out
    call_command("dataset", "freeze")
    call_command("dataset", "list")
    call_command("dataset", "show", "1")
    call_command("dataset", "restore", "1", str(tmp_path / "back"))
    call_command("dataset", "pin", "1")
    assert (tmp_path / "data.dvc").read_text() == DatasetVersion.objects.get().dvc_text
    assert len(manifest.read(tmp_path / "back")) == 1
    assert "held out" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no dataset version 2"):
        call_command("dataset", "show", "2")
