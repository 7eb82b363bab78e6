"""Dataset versions on another machine over SSH: a real sshd, on this one."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from ports import free_port

from annotations import services
from annotations.datasets.forgetting import dataset_purge
from annotations.datasets.versions import dataset_freeze, dataset_restore
from segmentation import manifest
from stickersnap.releases.doctor import checkup
from stickersnap.releases.doctor.checkup import Health

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
Subsystem sftp internal-sftp
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """user@host:port of a server that lets the key in HOME in."""
    if SSHD is None:
        pytest.skip("There is no sshd: install openssh-server.")
    folder, home = tmp_path / "sshd", tmp_path / "home"
    folder.mkdir()
    (home / ".ssh").mkdir(parents=True)
    for path in (folder / "host", home / ".ssh" / "id_ed25519"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(path)
        key.write_public_key(path.with_name(f"{path.name}.pub"))
        path.chmod(0o600)
    shutil.copy(home / ".ssh" / "id_ed25519.pub", folder / "authorized")
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(checkup, "REMOTE_SECONDS", 300)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as its service does; sshd insists
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not listens(port):
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {(folder / 'log').read_text().strip()}")
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield f"{getpass.getuser()}@127.0.0.1:{port}"
    process.terminate()
    process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.django_db
def test_a_version_comes_back_over_ssh_and_is_forgotten_there(host, workspace, approve, settings, tmp_path):
    settings.DVC_REMOTE = f"ssh://{host}{tmp_path}/far"
    assert checkup.remote().health is Health.WELL
    gone, _ = approve(10), approve(20, radius=0.2)
    version = dataset_freeze(workspace=workspace)
    dataset_restore(number=version.number, folder=tmp_path / "back")
    assert manifest.digest(tmp_path / "back") == version.digest
    services.photo_delete(photo=gone.photo)
    assert dataset_purge(workspace=workspace, photos=[gone.photo_id]).files == 2
    held = {bytes(gone.photo.image), bytes(gone.mask)}
    assert not [path for path in (tmp_path / "far").rglob("*") if path.is_file() and path.read_bytes() in held]
