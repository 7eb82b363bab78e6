"""From the editor's own encoder to the tensor a network learns from: not one pixel differs, over thousands of masks."""

import shutil
import subprocess
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from django.utils import timezone

from annotations import services
from annotations.datasets import versions
from annotations.models import Correction
from segmentation import manifest
from training.data.dataset import manifest_folder

pytestmark = pytest.mark.django_db

FRONTEND = Path(__file__).parents[2] / "platform" / "frontend"
MASKS = 2000
SIZES = [
    (1, 1),
    (1, 40),
    (40, 1),
    (7, 5),
    (16, 16),
    (31, 33),
    (64, 48),
    (128, 9),
    (129, 131),
    (50, 77),
]  # width, height
ALICE = uuid.uuid4()

# Soft masks of many kinds by a seeded generator (mulberry32), each as the editor's PNG and as its plain bytes.
DRAW = """
import { writeFileSync } from "node:fs";
import { encodePng } from "./png.mjs";
const [folder, count, sizes] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
let state = 20261123;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const KINDS = {
  noise: () => () => Math.floor(random() * 256),
  blob: (w, h) => {
    const [x, y, r, soft] = [random() * w, random() * h, 1 + random() * Math.max(w, h), 0.5 + random() * 20];
    return (i) => 255 * Math.min(1, Math.max(0, (r - Math.hypot((i % w) - x, Math.floor(i / w) - y)) / soft));
  },
  slope: (w) => { const by = random() * 9; return (i) => (i % w) * by + Math.floor(i / w); },
  flat: () => { const value = random() * 256; return () => value; },
  hard: () => { const share = random(); return () => (random() < share ? 255 : 0); },
};
for (let i = 0; i < count; i++) {
  const [width, height] = sizes[i % sizes.length];
  const kinds = Object.values(KINDS);
  const value = kinds[Math.floor(random() * kinds.length)](width, height);
  const data = Uint8ClampedArray.from({ length: width * height }, (_, at) => value(at));
  data[Math.floor(random() * data.length)] = 255; // never empty
  writeFileSync(`${folder}/${i}.png`, Buffer.from(await (await encodePng({ width, height, data })).arrayBuffer()));
  writeFileSync(`${folder}/${i}.raw`, data);
}
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A folder with N.png, made by the page's encoder, beside the bytes it was given, N.raw."""
    esbuild, node = FRONTEND / "node_modules" / ".bin" / "esbuild", shutil.which("node")
    if not esbuild.exists() or node is None:
        pytest.skip("The front end's packages or Node are not here: run `make frontend`.")
    folder = tmp_path_factory.mktemp("drawn")
    source = FRONTEND / "src" / "editor" / "png.ts"
    bundle = [esbuild, source, "--bundle", "--format=esm", "--platform=node", f"--outfile={folder / 'png.mjs'}"]
    subprocess.run(bundle, check=True, capture_output=True)
    (folder / "draw.mjs").write_text(DRAW)
    sizes = str([list(size) for size in SIZES])
    subprocess.run([node, folder / "draw.mjs", folder, str(MASKS), sizes], check=True, capture_output=True)
    return folder


def given(drawn: Path, number: int) -> np.ndarray:
    width, height = SIZES[number % len(SIZES)]
    return np.frombuffer((drawn / f"{number}.raw").read_bytes(), np.uint8).reshape(height, width)


@pytest.fixture
def photos(photo_of):
    """One consented photo of each size."""
    random = np.random.default_rng(1)
    return [
        photo_of(ALICE, random.integers(0, 256, (height, width, 3), dtype=np.uint8), consented_at=timezone.now())
        for width, height in SIZES
    ]


def submit(photo, drawn: Path, number: int) -> Correction:
    submission = services.Submission(uuid.uuid4(), (drawn / f"{number}.png").read_bytes(), [], 1.0)
    correction, created = services.correction_submit(
        photo=photo, prediction=photo.predictions.get(), author=ALICE, submission=submission
    )
    assert created
    return correction


def differing(folder: Path, expected: dict[str, np.ndarray]) -> int:
    """How many masks of a dataset folder differ from `expected` (by the mask's file) as a network sees them."""
    wrong = 0
    samples = manifest.read(folder)
    pairs = {split: iter(list(manifest_folder(folder, None, split))) for split in ("train", "holdout")}
    for sample in samples:
        pair = next(pairs[sample.split])
        target = torch.from_numpy(pair.mask.copy()).float() / 255
        back = (target * 255).round().to(torch.uint8).numpy()
        truth = expected[sample.mask]
        wrong += not (np.array_equal(pair.mask, truth) and np.array_equal(back, truth))
    return wrong


def test_no_pixel_differs_from_editor_to_tensor(drawn, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("segmentation.manifest.os.fsync", lambda file: None)  # thousands of waits for the disk
    folder, samples, expected = tmp_path / "data", [], {}
    images = [bytes(photo.image) for photo in photos]
    for number in range(MASKS):
        kept = submit(photos[number % len(SIZES)], drawn, number)
        mask = bytes(Correction.objects.only("mask").get(id=kept.id).mask)
        image = images[number % len(SIZES)]
        sample = manifest.add(folder, image, mask, group=str(kept.id), source="corrections", correction=str(kept.id))
        assert sample.mask_sha256 == kept.mask_sha256
        samples.append(sample)
        expected[sample.mask] = given(drawn, number)
    manifest.write(folder, samples, number=1, created=timezone.now().isoformat())
    assert len(samples) == MASKS
    assert differing(folder, expected) == 0


def test_nor_in_a_frozen_dataset(drawn, photos, people, tmp_path, settings):
    settings.DVC_REMOTE = str(tmp_path / "remote")
    expected = {}
    for number, photo in enumerate(photos):
        correction = submit(photo, drawn, number)
        services.correction_approve(correction=correction, version=1, reviewer=people.rita)
        expected[f"masks/{correction.mask_sha256}.png"] = given(drawn, number)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    version = versions.dataset_freeze(workspace=workspace)
    versions.dataset_restore(number=version.number, folder=tmp_path / "elsewhere")
    assert differing(tmp_path / "elsewhere", expected) == 0
    assert len(manifest.read(tmp_path / "elsewhere")) == len(SIZES)
