"""Dataset versions in a bucket of a real S3 server: OpenStack Swift with its S3 API, see s3_server.py.

Swift checks signatures and rights, keeps versions and quotas; it is not Amazon's S3, whose further refusals (KMS keys,
object locks, bucket policies) are not tried here.
"""

import hashlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from django.core.management import CommandError, call_command
from ports import free_port

from annotations import services
from annotations.datasets.versions import dataset_freeze, dataset_restore
from annotations.exceptions import DatasetError
from annotations.models import DatasetItem, DatasetVersion
from stickersnap.releases.doctor import checkup
from stickersnap.releases.doctor.checkup import Health
from stickersnap.releases.models import TrainingRun

pytestmark = pytest.mark.django_db

SERVER = Path(__file__).with_name("s3_server.py")
WRITER = ("snap:writer", "write-secret-8f1c")
READER = ("snap:reader", "read-secret-27ab")
PATIENCE = 300  # seconds that a loaded machine may take


class Store:
    """The server, to be started, stopped and asked with boto3."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=WRITER[0],
            aws_secret_access_key=WRITER[1],
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def start(self, **settings: str) -> None:
        command = [sys.executable, str(SERVER), str(self.folder), str(self.port)]
        log = self.folder / "log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, env=os.environ | settings, stdout=file, stderr=file)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client.list_buckets()
                return
            except BotoCoreError:
                assert self.process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def rules(self, bucket: str, **headers: str) -> None:
        """Rights and quota of a bucket, as Swift's own API would set them: told to the server that keeps it."""
        path = f"/AUTH_snap/{bucket}"
        disk = hashlib.md5(f"{path}tests".encode()).digest()[0] >> 7
        told = {"X-Timestamp": f"{time.time():.5f}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        connection = http.client.HTTPConnection("127.0.0.1", int((self.folder / "container.port").read_text()))
        stamp = {"X-Timestamp": f"{time.time():.5f}"}
        connection.request("POST", f"/disk/{disk}{path}", headers=told | stamp)
        assert connection.getresponse().status == 204

    def sizes(self, bucket: str) -> list[int]:
        """Of every version of every object."""
        return [one["Size"] for one in self.client.list_object_versions(Bucket=bucket).get("Versions", [])]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("swift"))
    store.start()
    yield store
    store.stop()


@pytest.fixture
def bucket(store: Store, monkeypatch: Any, settings: Any, tmp_path: Path) -> str:
    """A bucket that DVC_REMOTE names; the environment has what its writer needs, and nothing of this machine's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setattr(checkup, "REMOTE_SECONDS", PATIENCE)
    be(WRITER, monkeypatch)
    name = f"snaps-{tmp_path.name.replace('_', '-')[-40:]}"
    store.client.create_bucket(Bucket=name)
    settings.DVC_REMOTE = f"s3://{name}/dvc"
    return name


def be(who: tuple[str, str], monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", who[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", who[1])


def no_secret_in(*texts: str) -> None:
    assert not [text for text in texts for secret in (WRITER[1], READER[1], "a-wrong-secret") if secret in text]


def test_a_version_comes_back_from_a_bucket_and_is_forgotten_there(
    store, bucket, workspace, approve, monkeypatch, tmp_path, capsys
):
    store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store.rules(bucket, X_Container_Read="snap:reader")
    gone, _ = approve(10), approve(20, radius=0.2)
    version = dataset_freeze(workspace=workspace)
    run = TrainingRun.objects.create(network="basnet-small", minutes=1, requested_by="olga", dataset=version)
    before = {path.name: path.read_bytes() for path in (workspace / "data").rglob("*.*")}
    assert checkup.remote().health is Health.WELL

    be(READER, monkeypatch)
    call_command("dataset", "restore", "--run", str(run.pk), str(tmp_path / "back"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").rglob("*.*")} == before
    services.photo_delete(photo=gone.photo)
    with pytest.raises(CommandError, match="may not be deleted"):
        call_command("dataset", "forget", str(gone.photo_id), "--purge")
    assert not DatasetItem.objects.exclude(purged_at=None).exists()

    be(WRITER, monkeypatch)
    removed = sorted(map(len, (bytes(gone.photo.image), bytes(gone.mask))))
    here = store.sizes(bucket)
    call_command("dataset", "forget", str(gone.photo_id), "--purge")
    assert sorted(left_over(here, store.sizes(bucket))) == removed
    said = capsys.readouterr().out
    assert "2 files were removed from the DVC remote" in said
    assert "bucket keeps" not in said
    with pytest.raises(DatasetError, match="can't come back"):
        dataset_restore(number=1, folder=tmp_path / "again")
    no_secret_in(said, version.dvc_text, *(path.read_text() for path in (workspace / ".dvc").glob("config*")))


def left_over(more: list[int], less: list[int]) -> list[int]:
    for size in less:
        more.remove(size)
    return more


def test_whatever_a_store_refuses_is_said_records_nothing_and_goes_on_when_mended(
    store, bucket, workspace, approve, monkeypatch, caplog
):
    for shade in (10, 20, 30):
        approve(shade)

    def refused(what: str) -> str:
        with pytest.raises(DatasetError, match=what) as raised:
            dataset_freeze(workspace=workspace)
        assert not DatasetVersion.objects.exists()
        return str(raised.value)

    store.rules(bucket, X_Container_Meta_Quota_Bytes="400")
    said = [refused("of .* files could not be sent")]
    store.rules(bucket, X_Container_Meta_Quota_Bytes="")
    be((WRITER[0], "a-wrong-secret"), monkeypatch)
    said.append(refused("signature"))
    be(WRITER, monkeypatch)
    store.stop()
    store.start(S3_DIES_AFTER="1")
    said.append(refused("could not be sent|[Cc]ould not connect"))
    assert store.process.wait() == -signal.SIGKILL
    store.start()
    version = dataset_freeze(workspace=workspace)
    files = [path.stat().st_size for path in (workspace / "data").rglob("*.*")]
    assert version.items.count() == 3
    assert set(files) <= set(store.sizes(bucket))
    no_secret_in(*said, caplog.text)


def test_doctor_says_what_a_store_refuses(bucket, monkeypatch, settings, capsys):
    settings.DVC_REMOTE = "s3://no-such-bucket/dvc"
    found = checkup.remote()
    assert found.health is Health.ILL
    assert "s3://no-such-bucket/dvc can't be used: The specified bucket does not exist." in found.sentence
    settings.DVC_REMOTE = f"s3://{bucket}/dvc"
    be((WRITER[0], "a-wrong-secret"), monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SystemExit):
        call_command("doctor", "--url", "http://127.0.0.1:9")
    said = capsys.readouterr().out
    assert "FAIL  DVC remote" in said
    assert "Could not connect to the endpoint" in said
    no_secret_in(said)
