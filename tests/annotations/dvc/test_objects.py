"""What a freeze adds and sends itself is what `dvc add` and `dvc push` would, and no more of it than is new."""

import json
from pathlib import Path

import pytest

from annotations.dvc.workspace import DvcError, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "work", str(tmp_path / "remote"))
    made.ensure()
    fill(made.data, b"one", b"two")
    return made


def fill(folder: Path, *pictures: bytes) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        (folder / "images" / f"{picture.hex()}.png").write_bytes(picture)
    aside = folder / "manifest.writing"
    aside.write_text(f"{len(list((folder / 'images').iterdir()))} pictures\n")
    aside.replace(folder / "manifest.jsonl")


def objects(folder: str | Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def test_it_makes_what_dvc_makes_and_dvc_brings_it_back(workspace, tmp_path):
    text = workspace.add_and_push()
    other = Workspace(tmp_path / "other", str(tmp_path / "other-remote"))
    other.ensure()
    fill(other.data, b"one", b"two")
    for command in (["add", "data", "--quiet"], ["push", "--quiet"]):
        other._python("-m", "dvc", *command, given=None)
    assert text == workspace.text() == other.text()
    assert objects(workspace.remote) == objects(other.remote)
    assert objects(workspace.folder / ".dvc" / "cache") == objects(other.folder / ".dvc" / "cache")
    again = Workspace(tmp_path / "again", workspace.remote)
    again.ensure()
    assert objects(again.pull(text)) == objects(workspace.data)


def test_only_what_is_new_is_sent(workspace):
    base = workspace.add_and_push()
    before = {path: path.stat().st_mtime_ns for path in Path(workspace.remote).rglob("*") if path.is_file()}
    fill(workspace.data, b"three")
    workspace.add_and_push(base)
    after = {path: path.stat().st_mtime_ns for path in Path(workspace.remote).rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 3  # the picture, the manifest, the list
    listed = next(path for path in after.keys() - before.keys() if path.suffix == ".dir")
    assert len(json.loads(listed.read_text())) == 4


def test_a_remote_without_the_earlier_version_gets_everything(workspace, tmp_path):
    base = workspace.add_and_push()
    elsewhere = Workspace(workspace.folder, str(tmp_path / "elsewhere"))
    elsewhere.ensure()
    assert elsewhere.add_and_push(base) == base
    assert objects(elsewhere.remote) == objects(workspace.remote)


def test_a_remote_that_takes_nothing_is_told_of_and_nothing_counts_as_sent(workspace):
    Path(workspace.remote).write_text("a file where a folder should be")
    with pytest.raises(DvcError, match=r"exists|[Nn]ot a directory"):
        workspace.add_and_push()
    assert workspace.text() == ""
