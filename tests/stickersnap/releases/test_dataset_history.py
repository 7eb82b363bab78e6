"""Versions are shown, compared, brought back on another machine, and forgotten."""

import hashlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotations import services
from annotations.datasets import history
from annotations.datasets.forgetting import dataset_purge
from annotations.datasets.versions import dataset_freeze
from annotations.exceptions import DatasetError
from annotations.models import Correction, DatasetVersion, Photo
from segmentation import manifest
from stickersnap.releases.models import TrainingRun
from training.data.dataset import manifest_folder, unlabelled_folder

pytestmark = pytest.mark.django_db


def run_on(number: int, **fields) -> TrainingRun:
    return TrainingRun.objects.create(
        network="basnet-small", minutes=1, requested_by="olga", dataset_id=number, state="failed", **fields
    )


def pixels(folder: Path) -> str:
    """A digest of every decoded pixel, in order, with names and splits."""
    digest = hashlib.sha256()
    for split in ("train", "holdout"):
        for pair in manifest_folder(folder, None, split):
            digest.update(f"{split} {pair.name} {pair.group} {pair.weight}".encode())
            digest.update(pair.rgb.tobytes() + pair.mask.tobytes())
    for picture in unlabelled_folder(folder, None):
        digest.update(f"{picture.name} {picture.group}".encode() + picture.rgb.tobytes())
    return digest.hexdigest()


def test_a_version_comes_back_on_another_machine_from_its_run_with_plain_dvc(workspace, approve, settings, tmp_path):
    for shade in (10, 20, 30, 40, 50):
        approve(shade)
    approve(60).photo.corrections.all().delete()
    version = dataset_freeze(workspace=workspace)
    run = run_on(version.number)
    expected = pixels(workspace / "data"), manifest.digest(workspace / "data")

    call_command("dataset", "restore", "--run", str(run.pk)[:13], str(tmp_path / "restored"))
    assert (pixels(tmp_path / "restored"), manifest.digest(tmp_path / "restored")) == expected

    notebook = tmp_path / "notebook"
    notebook.mkdir()
    (notebook / "data.dvc").write_text(TrainingRun.objects.get(pk=run.pk).dataset.dvc_text)
    dvc = [sys.executable, "-m", "dvc"]
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    for command in (
        ["init", "--no-scm", "-q"],
        ["remote", "add", "-q", "-d", "storage", settings.DVC_REMOTE],
        ["pull", "-q"],
    ):
        subprocess.run([*dvc, *command], cwd=notebook, env=environment, check=True)
    assert (pixels(notebook / "data"), manifest.digest(notebook / "data")) == expected


def test_two_versions_are_shown_and_compared_and_one_photo_is_forgotten(
    workspace, approve, people, settings, capsys, tmp_path
):
    """Version 1 holds a, b and c without a mask; version 2 has a with another mask, not b, and d."""
    a, b, c = approve(10), approve(20), approve(30)
    c.photo.corrections.all().delete()
    dataset_freeze(workspace=workspace)
    services.consent_apply(owner=b.photo.owner, consented_at=None)
    Photo.objects.exclude(id=b.photo_id).update(consented_at=timezone.now())
    changed, d = approve(photo=a.photo, radius=0.2), approve(40)
    dataset_freeze(workspace=workspace)
    shown_and_compared(a, b, changed, d, capsys)
    forgotten(a, b, workspace, settings, capsys, tmp_path)


def shown_and_compared(a, b, changed, d, capsys):
    held = {n: set(DatasetVersion.objects.get(number=n).items.values_list("photo", flat=True)) for n in (1, 2)}
    assert held[1] >= {a.photo_id, b.photo_id}
    assert b.photo_id not in held[2]
    kinds = {change.photo: change.what for change in history.diff(1, 2)}
    assert (kinds[a.photo_id], kinds[b.photo_id], kinds[d.photo_id]) == ("mask", "removed", "added")
    assert list(history.diff(2, 2)) == []

    run = run_on(2)
    call_command("dataset", "show", "2")
    shown = capsys.readouterr().out
    assert str(run.pk) in shown
    assert "2 corrections" in shown
    assert "owners: 1, groups of near-duplicates: " in shown
    call_command("dataset", "diff", "1", "2")
    assert "1  mask" in capsys.readouterr().out
    call_command("dataset", "diff", "1", "2", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["counts"]["removed"] == 1
    entry = next(entry for entry in document["changes"] if entry["photo"] == str(a.photo_id))
    assert entry["after"]["correction"] == str(changed.id)
    with pytest.raises(CommandError, match="no dataset version 9"):
        call_command("dataset", "diff", "1", "9")


def forgotten(a, b, workspace, settings, capsys, tmp_path):
    run = run_on(1)
    files = {f"{b.photo.sha256}.png", f"{b.mask_sha256}.png"}
    held = bytes(b.photo.image)
    assert copies(held, workspace, Path(settings.DVC_REMOTE)) > 0
    with pytest.raises(CommandError, match="allows learning"):
        call_command("dataset", "forget", str(a.photo_id), "--purge")
    services.photo_delete(photo=b.photo)
    call_command("dataset", "forget", str(b.photo_id), "--purge")
    said = capsys.readouterr().out
    assert str(run.pk) in said
    assert "Can't be restored any more: dataset versions 1." in said
    assert copies(held, workspace, Path(settings.DVC_REMOTE)) == 0
    assert not [path for path in (workspace / "data").rglob("*") if path.name in files - {f"{a.mask_sha256}.png"}]
    with pytest.raises(CommandError, match=r"version 1 can't come back.*purged"):
        call_command("dataset", "restore", "1", str(tmp_path / "one"))
    call_command("dataset", "restore", "2", str(tmp_path / "two"))
    assert len(manifest.read(tmp_path / "two")) == DatasetVersion.objects.get(number=2).items.count()
    call_command("dataset", "forget", str(b.id))
    assert "held them: 1\n" in capsys.readouterr().out
    call_command("dataset", "forget", str(b.photo.owner), "--owner")
    assert "held them: 1, 2\n" in capsys.readouterr().out
    with pytest.raises(CommandError, match="Nothing here"):
        call_command("dataset", "forget", str(uuid.uuid4()))


def copies(data: bytes, *folders: Path) -> int:
    return sum(path.read_bytes() == data for folder in folders for path in folder.rglob("*") if path.is_file())


def test_what_was_purged_and_is_allowed_again_is_sent_again(workspace, approve, tmp_path):
    mine, _ = approve(10), approve(20)
    first = dataset_freeze(workspace=workspace)
    Photo.objects.filter(id=mine.photo_id).update(consented_at=None)
    assert dataset_purge(workspace=workspace, photos=[mine.photo_id]).versions == [1]
    Photo.objects.filter(id=mine.photo_id).update(consented_at=timezone.now())
    assert dataset_freeze(workspace=workspace) == first
    assert not first.items.exclude(purged_at=None).exists()
    call_command("dataset", "restore", "1", str(tmp_path / "back"))
    assert len(manifest.read(tmp_path / "back")) == 2


def test_a_correction_alone_is_purged_once_it_is_not_learned_from_any_more(workspace, approve, settings):
    mine = approve(10)
    old = bytes(mine.mask)
    approve(20, radius=0.1)
    dataset_freeze(workspace=workspace)
    with pytest.raises(DatasetError, match="hold this correction again"):
        dataset_purge(workspace=workspace, corrections=[mine.id])
    Correction.objects.filter(id=mine.id).delete()
    assert dataset_purge(workspace=workspace, corrections=[mine.id]).files == 1
    assert copies(old, workspace, Path(settings.DVC_REMOTE)) == 0
    assert copies(bytes(mine.photo.image), Path(settings.DVC_REMOTE)) == 1
