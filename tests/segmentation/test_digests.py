"""A file is hashed once, and again as soon as it may be another."""

import hashlib
import os
from pathlib import Path

import pytest

from segmentation import digests


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read for their digest, in order."""
    read: list[str] = []

    def noted(file, algorithm):
        read.append(Path(file.name).name)
        return hashlib.new(algorithm, file.read())

    monkeypatch.setattr(digests, "_known", {})
    monkeypatch.setattr(digests, "SETTLED", 0)
    monkeypatch.setattr(digests.hashlib, "file_digest", noted)
    return read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_once_while_nobody_writes(file, hashed):
    assert [digests.digest(file) for _ in range(3)] == [sha256(b"one")] * 3
    assert hashed == ["weights"]


@pytest.mark.parametrize("as_before", [False, True], ids=["written", "written, its time set back"])
def test_a_file_that_was_written_is_read_again(file, hashed, as_before):
    digests.digest(file)
    before = file.stat()
    file.write_bytes(b"two")
    if as_before:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.digest(file) == sha256(b"two")
    assert len(hashed) == 2


def test_a_file_in_its_place_is_read(file, hashed, tmp_path):
    digests.digest(file)
    before, other = file.stat(), tmp_path / "other"
    other.write_bytes(b"two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert digests.digest(file) == sha256(b"two")


def test_a_file_just_written_is_not_remembered(file, hashed, monkeypatch):
    monkeypatch.setattr(digests, "SETTLED", 3_600_000_000_000)
    digests.digest(file)
    digests.digest(file)
    assert len(hashed) == 2


def test_no_more_than_so_many_are_remembered(tmp_path, hashed, monkeypatch):
    monkeypatch.setattr(digests, "MOST", 2)
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode())
        digests.digest(tmp_path / name)
    assert len(digests._known) == 1
