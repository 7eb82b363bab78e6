"""The dataset folder: the contract between the service, which writes it, and training, which reads it.

    manifest.jsonl   one line a sample, sorted
    images/<sha256>.jpg|png|webp    masks/<sha256>.png
    version.json     number, digest, created, samples

The digest of a dataset is the sha256 of manifest.jsonl, which holds the sha256 of every file. A sample of the split
`unlabelled` is a picture without a mask: its line has neither `mask` nor `mask_sha256`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

Split = Literal["train", "holdout", "unlabelled"]
SPLITS = ("train", "holdout", "unlabelled")
MASK_FIELDS = ("mask", "mask_sha256")
HOLDOUT_SHARE = 0.2
MANIFEST, VERSION = "manifest.jsonl", "version.json"


class ManifestError(Exception):
    """The dataset folder is not what its manifest says; the message says what to do."""


@dataclass(frozen=True)
class Sample:
    """One line of the manifest. `image` and `mask` are paths relative to the folder; `group` joins near-duplicates.

    `weight`: how much the author of the mask is trusted, above 0, 1 for most. Without a mask: split `unlabelled`.
    """

    image: str
    mask: str | None
    image_sha256: str
    mask_sha256: str | None
    split: Split
    group: str
    source: str
    correction: str | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Version:
    """What version.json says; `created` is an ISO 8601 time with its zone."""

    number: int
    digest: str
    created: str
    samples: int


def split_of(group: str) -> Split:
    """Training or held out, by the group's name alone: it never changes as the data grows. 20 % are held out."""
    return "holdout" if share_of(group) < HOLDOUT_SHARE else "train"


def share_of(name: str) -> float:
    """A number in 0..1 that is the name's alone, evenly spread over names."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def add(
    folder: Path,
    image: bytes,
    mask: bytes | None,
    *,
    group: str,
    source: str,
    correction: str | None = None,
    weight: float = 1.0,
    split: Split | None = None,
) -> Sample:
    """Puts a picture (JPEG, PNG or WebP) and its mask (PNG) into the folder and answers their line.

    The split is that of the group unless one is given, and `unlabelled` without a mask.
    """
    image_sha = hashlib.sha256(image).hexdigest()
    image_path = f"images/{image_sha}.{extension(image)}"
    _put(folder / image_path, image)
    if mask is None:
        return Sample(image_path, None, image_sha, None, "unlabelled", group, source, correction, float(weight))
    mask_sha = hashlib.sha256(mask).hexdigest()
    mask_path = f"masks/{mask_sha}.png"
    _put(folder / mask_path, mask)
    return Sample(
        image_path, mask_path, image_sha, mask_sha, split or split_of(group), group, source, correction, float(weight)
    )


def _put(path: Path, data: bytes) -> None:
    if not path.exists():
        write_bytes(path, data)


def write(folder: Path, samples: Iterable[Sample], *, number: int, created: str) -> Version:
    """Writes manifest.jsonl and version.json for samples whose files are already in the folder (see `add`).

    The same samples in any order give the same manifest and digest.
    """
    return write_lines(folder, compose(samples), number=number, created=created)


def write_lines(folder: Path, lines: bytes, *, number: int, created: str) -> Version:
    """Writes what `compose` made, and version.json."""
    write_bytes(folder / MANIFEST, lines)
    version = Version(number, hashlib.sha256(lines).hexdigest(), created, lines.count(b"\n"))
    write_bytes(folder / VERSION, (json.dumps(asdict(version), indent=1) + "\n").encode())
    return version


def compose(samples: Iterable[Sample]) -> bytes:
    """The bytes of manifest.jsonl; their sha256 is the dataset's digest."""
    lines = sorted(json.dumps(as_dict(sample), sort_keys=True, ensure_ascii=False) for sample in samples)
    return "".join(f"{line}\n" for line in lines).encode()


def digest(folder: Path) -> str:
    """sha256 of manifest.jsonl. ManifestError where there is none."""
    return sha256(folder / MANIFEST)


def read_version(folder: Path) -> Version:
    """What version.json says, checked against the manifest. ManifestError where they differ."""
    try:
        values = json.loads((folder / VERSION).read_bytes())
        version = Version(int(values["number"]), str(values["digest"]), str(values["created"]), int(values["samples"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{VERSION} cannot be read ({error!r}): restore this dataset version again.") from error
    if version.digest != digest(folder):
        raise ManifestError(f"{MANIFEST} is not the one {VERSION} names: restore this dataset version again.")
    return version


def names(folder: Path, digest: str) -> bool:
    """Whether the folder's manifest and version.json are those of this digest; no picture is read."""
    try:
        return read_version(folder).digest == digest
    except ManifestError:
        return False


def read(folder: Path) -> list[Sample]:
    """Every sample, validated: fields, paths, splits by group, and the sha256 of every file.

    ManifestError names the line and what to do.
    """
    version = read_version(folder)
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    if len(lines) != version.samples:
        raise ManifestError(f"{VERSION} promises {version.samples} samples, {MANIFEST} has {len(lines)}: restore it.")
    samples = [parse(line, f"{MANIFEST} line {i}") for i, line in enumerate(lines, 1)]
    held: dict[str, bool] = {}
    for i, sample in enumerate(samples, 1):
        holdout = sample.split == "holdout"
        if held.setdefault(sample.group, holdout) != holdout:
            raise ManifestError(f"{MANIFEST} line {i}: group {sample.group} is in both splits: freeze the data again.")
        check_file(folder, sample.image, sample.image_sha256)
        if sample.mask is not None and sample.mask_sha256 is not None:
            check_file(folder, sample.mask, sample.mask_sha256)
    return samples


def parse(line: str, where: str) -> Sample:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise ManifestError(f"{where} is not JSON: restore this dataset version again.") from error
    if not isinstance(values, dict):
        raise ManifestError(f"{where} is no object: restore this dataset version again.")
    unlabelled = values.get("split") == "unlabelled"
    names = {field.name for field in fields(Sample)} - set(MASK_FIELDS if unlabelled else ())
    if set(values) != names:
        raise ManifestError(f"{where} must have exactly the fields {', '.join(sorted(names))}.")
    check_types(values, where)
    for kind in ("image",) if unlabelled else ("image", "mask"):
        path = values[kind]
        if Path(path).parent.as_posix() != f"{kind}s" or Path(path).stem != values[f"{kind}_sha256"]:
            raise ManifestError(f"{where}: {kind} must be {kind}s/<its sha256>, it is {path!r}.")
    return Sample(**{**dict.fromkeys(MASK_FIELDS), **values})


def check_types(values: dict[str, Any], where: str) -> None:
    """Raises ManifestError for values of a line, whose fields are the right ones, that cannot be used."""
    texts = ("image", "mask", "image_sha256", "mask_sha256", "split", "group", "source")
    wrong = [name for name in texts if name in values and not isinstance(values[name], str)]
    if values["correction"] is not None and not isinstance(values["correction"], str):
        wrong.append("correction")
    weight = values["weight"]
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight < float("inf"):
        wrong.append("weight")
    if values["split"] not in SPLITS:
        wrong.append("split")
    if wrong:
        raise ManifestError(f"{where}: {', '.join(wrong)} cannot be used: freeze the data again.")


def check_file(folder: Path, path: str, expected: str) -> None:
    if sha256(folder / path) != expected:
        raise ManifestError(f"{path} has other bytes than its name says: restore this dataset version again.")


def sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ManifestError(f"{path.name} cannot be read: restore this dataset version again.") from error


def extension(image: bytes) -> str:
    """jpg, png or webp by the first bytes."""
    if image[:3] == b"\xff\xd8\xff":
        return "jpg"
    if image[:4] == b"\x89PNG":
        return "png"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    raise ManifestError("A dataset's pictures are JPEG, PNG or WebP: convert this one first.")


def write_bytes(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Writes aside, syncs, renames. Who writes many files may sync once, after the last one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.writing")
    with aside.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)


def as_dict(sample: Sample) -> dict[str, Any]:
    """The sample as its line's values."""
    values = dict(vars(sample))
    if sample.split == "unlabelled":
        for name in MASK_FIELDS:
            del values[name]
    return values
