"""Real weights, a real database, a state folder of its own for every test."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import disks
import numpy as np
import pytest
import torch
from django.utils import timezone

from segmentation import networks


@pytest.fixture(autouse=True)
def state(settings: Any, tmp_path: Path) -> Path:
    settings.STATE = tmp_path / "state"
    settings.STATE.mkdir()
    settings.DVC_REMOTE = str(tmp_path / "remote")
    settings.MLFLOW_ARTIFACTS = str(tmp_path / "mlflow")
    settings.MLFLOW_TRACKING_URI = ""
    settings.DEVICE = "cpu"
    return settings.STATE


@pytest.fixture(autouse=True)
def fresh_serving() -> Iterator[None]:
    from stickersnap.releases import serving

    serving.reset()
    yield
    serving.reset()


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The starter with a little noise: other weights of the same kind for each seed, made once."""
    from segmentation import saving, weights

    made: dict[int, Path] = {}

    def make(seed: int) -> Path:
        if seed not in made:
            folder = tmp_path_factory.mktemp("weights") / "set"
            loaded = weights.load(weights.starter_folder())
            generator = torch.Generator().manual_seed(seed)
            for parameter in loaded.network.parameters():
                parameter.data *= 1 + 1e-3 * torch.randn(parameter.shape, generator=generator)
            saving.save(folder, loaded.network, {"network": loaded.card["network"], "size": loaded.card["size"]})
            made[seed] = folder
        return made[seed]

    return make


@pytest.fixture
def next_token(db: None) -> Callable[[], int]:
    """Fencing tokens as runs draw them."""
    from django.db import connection

    from stickersnap.releases.leases import SEQUENCE

    def draw() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(%s)", [SEQUENCE])
            return int(cursor.fetchone()[0])

    return draw


@pytest.fixture
def finished_run(db: None, other_weights: Callable[[int], Path], next_token: Callable[[], int]) -> Callable[..., Any]:
    """A run that has trained: its dataset, weights and evaluation are there, the verdict is not."""
    from annotations.models import DatasetItem, DatasetVersion, GroupSplit, PhotoSplit
    from segmentation import weights as sets
    from stickersnap.releases import selectors, services
    from stickersnap.releases.models import TrainingRun

    def make(seed: int = 1, gain: float = 0.1, heldout: int = 24, champion: Any = None) -> TrainingRun:
        dataset = DatasetVersion.objects.create(number=seed, digest=f"{seed:064x}", dvc_text="outs: []\n")
        images = [f"{seed * 1000 + i:064x}" for i in range(heldout)]
        photos = [f"{i:032x}" for i in range(heldout)]
        groups = [GroupSplit(group=photo, split="holdout") for photo in photos]
        GroupSplit.objects.bulk_create(groups, ignore_conflicts=True)
        sides = [PhotoSplit(photo=photo, group=photo, split="holdout") for photo in photos]
        PhotoSplit.objects.bulk_create(sides, ignore_conflicts=True)
        DatasetItem.objects.bulk_create(
            DatasetItem(
                dataset=dataset,
                photo=f"{i:032x}",
                correction=f"{i:032x}",
                correction_version=1,
                image_sha256=image,
                mask_sha256=image,
                group=f"{i:032x}",
                split="holdout",
                source="corrections",
            )
            for i, image in enumerate(images)
        )
        if champion is None:
            current = selectors.deployment_current()
            assert current is not None
            champion = current.weights
        run = TrainingRun.objects.create(
            state=TrainingRun.State.DECIDING,
            network=networks.SHIPPED,
            minutes=1,
            requested_by="olga",
            champion=champion,
            base=champion,
            dataset=dataset,
            token=next_token(),
            attempts=1,
        )
        folder = services.run_folder(run)
        folder.mkdir(parents=True)
        shutil.copytree(other_weights(seed), folder / "weights")
        evaluation = {
            "champion": {"sha256": champion.sha256, "mean_iou": 0.6, "latency_ms": 20.0},
            "challenger": {
                "sha256": sets.digest(folder / "weights" / sets.WEIGHTS),
                "mean_iou": 0.6 + gain,
                "latency_ms": 20.0,
            },
            "dataset_digest": dataset.digest,
            "images": [
                {
                    "image_sha256": image,
                    "group": str(uuid.UUID(int=i)),
                    "source": "corrections",
                    "champion_iou": 0.6 + i / 100,
                    "challenger_iou": 0.6 + i / 100 + gain,
                    "champion_boundary_f": 0.7,
                    "challenger_boundary_f": 0.7,
                }
                for i, image in enumerate(images)
            ],
            "heldout": heldout,
        }
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        return run

    return make


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Real photographs with the outlines that come with the code, cut and mirrored: 30, about 160 pixels long."""
    from training.data.dataset import Pair, manifest_folder

    folder = tmp_path_factory.mktemp("sample") / "data"
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "scripts/make_sample_dataset.py", str(folder)], cwd=root, check=True)
    whole = [pair for split in ("train", "holdout") for pair in manifest_folder(folder, 240, split)]
    random, cut = np.random.default_rng(0), []
    while len(cut) < 30:
        pair = whole[len(cut) % len(whole)]
        height, width = (int(side * random.uniform(0.6, 0.95)) for side in pair.mask.shape)
        top, left = int(random.integers(pair.mask.shape[0] - height)), int(random.integers(pair.mask.shape[1] - width))
        window, flip = np.s_[top : top + height, left : left + width], np.s_[:, :: int(random.choice([-1, 1]))]
        rgb, mask = (np.ascontiguousarray(array[window][flip]) for array in (pair.rgb, pair.mask))
        if 0.05 < mask.mean() / 255 < 0.9:
            cut.append(Pair(f"{len(cut):064x}", pair.source, "", rgb, mask))
    return cut


@pytest.fixture(scope="session")
def spoilt_networks() -> dict[str, Any]:
    """Predictors of the starter with its colours exchanged, its answer inverted, and its filters noisy."""
    from segmentation import weights
    from segmentation.predictor import TorchPredictor

    def made(name: str) -> TorchPredictor:
        loaded = weights.load(weights.starter_folder())
        parameters = dict(loaded.network.named_parameters())
        first = next(value for value in parameters.values() if value.dim() == 4 and value.shape[1] == 3)
        generator = torch.Generator().manual_seed(1)
        for key, value in parameters.items():
            if name == "swapped channels" and value is first:
                value.data = value.data.flip(1)
            if name == "inverted weights" and key.startswith(("sides", "refinement")):
                value.data = -value.data
            if name == "noisy weights" and value.dim() == 4:
                value.data += value.data.std() * torch.randn(value.shape, generator=generator)
        return TorchPredictor(weights.LoadedWeights(loaded.network, "f" * 64, loaded.card, loaded.folder), "cpu")

    return {name: made(name) for name in ("swapped channels", "inverted weights", "noisy weights")}


@pytest.fixture
def workspace(state: Path) -> Path:
    return state / "dvc"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with 128 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with disks.small(folder, 128):
        if not os.path.ismount(folder):
            pytest.skip("Only root can mount a small disk.")
        yield folder


@pytest.fixture(scope="session")
def no_room() -> Callable[[Path], AbstractContextManager[None]]:
    """no_room(disk): the disk is full meanwhile."""
    return disks.no_room


@pytest.fixture
def approve(people: Any, as_png: Callable[..., bytes], disc: Callable[..., Any]) -> Callable[..., Any]:
    """An approved correction of a new picture, or another one of a given photo."""
    from annotations.models import Correction, Photo, Prediction, Review
    from segmentation import mask

    def make(
        shade: int = 100,
        *,
        photo: Any = None,
        consented: bool = True,
        verdict: str | None = "approve",
        group: uuid.UUID | None = None,
        radius: float = 0.35,
        owner: uuid.UUID | None = None,
    ) -> Any:
        picture = as_png(np.full((40, 60, 3), shade, np.uint8))
        photo = photo or Photo.objects.create(
            owner=owner or people.alice.owner,
            image=picture,
            media_type="image/png",
            sha256=hashlib.sha256(picture).hexdigest(),
            upload_sha256=hashlib.sha256(picture).hexdigest(),
            width=60,
            height=40,
            phash=int(hashlib.sha256(picture).hexdigest()[:15], 16),
            group=group or uuid.uuid4(),
            consented_at=timezone.now() if consented else None,
        )
        alpha = mask.encode_png(disc(40, 60, radius))
        prediction, _ = Prediction.objects.get_or_create(
            photo=photo,
            weights="a" * 64,
            defaults={
                "mask": alpha,
                "network": "basnet-small",
                "device": "cpu",
                "uncertainty": 0,
                "subject_score": 1,
                "subject_found": True,
            },
        )
        correction = Correction.objects.create(
            id=uuid.uuid4(),
            photo=photo,
            prediction=prediction,
            author=photo.owner,
            mask=alpha,
            mask_sha256=hashlib.sha256(alpha).hexdigest(),
            iou=0.5,
        )
        if verdict:
            Review.objects.create(
                correction=correction, version=1, reviewer=people.rita, verdict=verdict, reason="because"
            )
        return correction

    return make
