import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segmentation import manifest, mask, picture

CREATED = "2026-01-02T03:04:05+00:00"


def fill(folder: Path, count: int = 6) -> list[manifest.Sample]:
    samples = []
    for i in range(count):
        rgb = np.full((8, 10, 3), i * 9, np.uint8)
        alpha = np.full((8, 10), 255 - i, np.uint8)
        samples.append(
            manifest.add(
                folder,
                picture.encode_png(rgb),
                mask.encode_png(alpha),
                group=f"group {i // 2}",
                source="correction",
                correction=f"c{i}",
            )
        )
    return samples


def test_what_is_written_is_read(tmp_path: Path) -> None:
    samples = fill(tmp_path)
    version = manifest.write(tmp_path, samples, number=3, created=CREATED)
    assert version == manifest.Version(3, manifest.digest(tmp_path), CREATED, 6)
    assert manifest.read_version(tmp_path) == version
    key = [sample.image for sample in sorted(samples, key=lambda s: s.image)]
    assert [sample.image for sample in sorted(manifest.read(tmp_path), key=lambda s: s.image)] == key
    assert set(manifest.read(tmp_path)) == set(samples)


def test_the_digest_depends_on_the_samples_and_not_on_their_order(tmp_path: Path) -> None:
    samples = fill(tmp_path)
    first = manifest.write(tmp_path, samples, number=1, created=CREATED).digest
    assert manifest.write(tmp_path, samples[::-1], number=2, created=CREATED).digest == first
    assert manifest.write(tmp_path, samples[1:], number=2, created=CREATED).digest != first


def test_the_split_is_a_function_of_the_group_and_holds_out_a_fifth() -> None:
    splits = [manifest.split_of(f"group {i}") for i in range(5000)]
    assert splits == [manifest.split_of(f"group {i}") for i in range(5000)]
    assert 0.18 < splits.count("holdout") / len(splits) < 0.22


def test_an_empty_dataset_is_a_dataset(tmp_path: Path) -> None:
    manifest.write(tmp_path, [], number=1, created=CREATED)
    assert manifest.read(tmp_path) == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    samples = fill(tmp_path)
    manifest.write(tmp_path, samples, number=1, created=CREATED)
    path = tmp_path / samples[2].mask
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(manifest.ManifestError, match="other bytes"):
        manifest.read(tmp_path)
    path.unlink()
    with pytest.raises(manifest.ManifestError, match="cannot be read"):
        manifest.read(tmp_path)


def test_a_changed_manifest_is_noticed(tmp_path: Path) -> None:
    manifest.write(tmp_path, fill(tmp_path), number=1, created=CREATED)
    path = tmp_path / manifest.MANIFEST
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(manifest.ManifestError, match="restore"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(("field", "value"), [
    ("image", "/etc/passwd"), ("image", "images/../../secret.png"), ("mask", "masks/other.png"), ("split", "test"),
    ("weight", 0), ("weight", "1"), ("weight", True), ("group", None), ("correction", 5),
])  # fmt: skip
def test_a_line_that_makes_no_sense_is_refused(tmp_path: Path, field: str, value: object) -> None:
    samples = fill(tmp_path)
    manifest.write(tmp_path, [*samples[1:], replace(samples[0], **{field: value})], number=1, created=CREATED)
    with pytest.raises(manifest.ManifestError, match=r"line \d"):
        manifest.read(tmp_path)


def test_a_surplus_field_and_broken_json_are_refused() -> None:
    with pytest.raises(manifest.ManifestError, match="exactly"):
        manifest.parse(json.dumps({"image": "x", "surprise": 1}), "line 1")
    with pytest.raises(manifest.ManifestError, match="not JSON"):
        manifest.parse("{", "line 1")


def test_a_group_in_both_splits_is_refused(tmp_path: Path) -> None:
    samples = fill(tmp_path, 2)
    other = "train" if samples[0].split == "holdout" else "holdout"
    manifest.write(tmp_path, [samples[0], replace(samples[1], split=other)], number=1, created=CREATED)
    with pytest.raises(manifest.ManifestError, match="both splits"):
        manifest.read(tmp_path)


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(manifest.ManifestError, match=r"version\.json"):
        manifest.read(tmp_path / "nowhere")


def test_a_picture_without_a_mask_is_unlabelled_and_its_line_names_none(tmp_path: Path) -> None:
    samples = fill(tmp_path, 3)
    rgb = picture.encode_png(np.full((8, 10, 3), 200, np.uint8))
    samples.append(manifest.add(tmp_path, rgb, None, group="alone", source="photos"))
    manifest.write(tmp_path, samples, number=1, created=CREATED)
    assert set(manifest.read(tmp_path)) == set(samples)
    (line,) = [line for line in (tmp_path / manifest.MANIFEST).read_text().splitlines() if "unlabelled" in line]
    assert not set(manifest.MASK_FIELDS) & set(json.loads(line))
    with pytest.raises(manifest.ManifestError, match="exactly"):
        manifest.parse(line.replace('"unlabelled"', '"train"'), "line 1")


def test_an_unlabelled_picture_of_a_held_out_group_is_refused(tmp_path: Path) -> None:
    (sample,) = fill(tmp_path, 1)
    rgb = picture.encode_png(np.full((8, 10, 3), 200, np.uint8))
    loose = manifest.add(tmp_path, rgb, None, group=sample.group, source="photos")
    manifest.write(tmp_path, [replace(sample, split="holdout"), loose], number=1, created=CREATED)
    with pytest.raises(manifest.ManifestError, match="both splits"):
        manifest.read(tmp_path)


def test_the_weight_of_a_sample_is_written_and_read(tmp_path: Path) -> None:
    (sample,) = fill(tmp_path, 1)
    manifest.write(tmp_path, [replace(sample, weight=0.25)], number=1, created=CREATED)
    assert [s.weight for s in manifest.read(tmp_path)] == [0.25]
