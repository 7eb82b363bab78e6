"""What `make run` keeps is one folder: stopped, copied and put back it is the same service."""

import shutil
import subprocess
import uuid

import pytest
import requests


@pytest.mark.bars
def test_a_stopped_installation_comes_back_from_a_copy_of_its_folder(install, mask_of, tmp_path):
    archive = str(tmp_path / "stickersnap.tar")
    with install() as installation:
        person = installation.person()
        person.consent()
        photo = person.upload(1, uuid.uuid4())
        person.correct(photo, uuid.uuid4(), mask_of(1))
        kept = "SELECT id, mask FROM annotations_correction"
        before = installation.rows(kept), served(installation.url)
        installation.stop()

        above, name = str(installation.state.parent), installation.state.name
        subprocess.run(["tar", "--create", "--file", archive, "--directory", above, name], check=True)
        shutil.rmtree(installation.state)
        subprocess.run(["tar", "--extract", "--file", archive, "--directory", above], check=True)
        installation.start()
        assert (installation.rows(kept), served(installation.url)) == before
        assert len(before[0]) == 1
        installation.operator()


def served(url: str) -> str:
    return str(requests.get(f"{url}/readyz", timeout=60).json()["weights"])
