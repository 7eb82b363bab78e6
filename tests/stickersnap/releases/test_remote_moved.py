"""DVC_REMOTE is set anew, or in a way that can't be."""

import pytest

from annotations import services
from annotations.datasets.forgetting import dataset_purge
from annotations.datasets.versions import dataset_freeze, dataset_restore
from annotations.exceptions import DatasetError
from annotations.models import DatasetItem
from segmentation import manifest
from stickersnap import env


@pytest.mark.django_db
def test_another_remote_gets_the_next_version_whole_and_what_lies_in_the_old_one_is_not_called_purged(
    workspace, approve, settings, tmp_path
):
    gone, _ = approve(10), approve(20, radius=0.2)
    dataset_freeze(workspace=workspace)
    old, settings.DVC_REMOTE = settings.DVC_REMOTE, str(tmp_path / "elsewhere")
    approve(30, radius=0.1)
    second = dataset_freeze(workspace=workspace)
    dataset_restore(number=second.number, folder=tmp_path / "back")
    assert len(manifest.read(tmp_path / "back")) == 3

    services.photo_delete(photo=gone.photo)
    here, settings.DVC_REMOTE = settings.DVC_REMOTE, str(tmp_path / "mistyped")
    with pytest.raises(DatasetError, match="None of these versions is in this remote"):
        dataset_purge(workspace=workspace, photos=[gone.photo_id])
    assert not DatasetItem.objects.exclude(purged_at=None).exists()
    for settings.DVC_REMOTE in (here, old):
        assert (
            "1 of these 2 versions are not in this remote"
            in dataset_purge(workspace=workspace, photos=[gone.photo_id]).left
        )
    held = bytes(gone.photo.image)
    places = [tmp_path / old, tmp_path / "elsewhere", workspace]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes() == held]


def test_a_password_in_the_remotes_url_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("DVC_REMOTE", "s3://AKIDEXAMPLE:geheim@bucket/dvc")
    with pytest.raises(env.SettingError, match="AWS_SECRET_ACCESS_KEY") as raised:
        env.place("DVC_REMOTE", "here")
    assert "geheim" not in str(raised.value)
    monkeypatch.setenv("DVC_REMOTE", "ssh://snap@host:2222/srv/dvc")
    assert env.place("DVC_REMOTE", "here") == "ssh://snap@host:2222/srv/dvc"
    monkeypatch.setenv("DVC_REMOTE", "var/remote")
    assert env.place("DVC_REMOTE", "here").startswith("/")
