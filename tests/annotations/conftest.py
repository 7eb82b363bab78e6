import hashlib
import io
import json
import uuid

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image
from predictors import DiscPredictor

from annotations import fingerprints, services
from annotations.datasets import gathering, versions
from annotations.models import Correction, DatasetVersion, Photo, Prediction, Review
from annotations.trust import sketch
from segmentation import mask as masks
from segmentation.picture import decode


@pytest.fixture
def photo_of(db, disc, as_png):
    """Keeps a photo with its prediction: photo_of(owner, picture, consented_at=…)."""

    def make(owner: uuid.UUID, rgb: np.ndarray, uncertainty: float = 0.5, **fields):
        predictor = DiscPredictor(disc, uncertainty)
        upload = as_png(rgb)
        picture = decode(upload)
        cut = predictor.predict(picture.rgb)
        return services.photo_create(
            owner=owner, upload=upload, picture=picture, predictor=predictor, cut=cut, **fields
        )

    return make


@pytest.fixture
def submit():
    """Saves a correction: submit(photo, author, alpha, …) → (correction, created)."""

    def make(photo, author, alpha, correction_id=None, if_match=None, seconds=3.0):
        submission = services.Submission(
            correction_id=correction_id or uuid.uuid4(),
            mask=masks.encode_png(alpha),
            strokes=[{"tool": "brush", "size": 12, "points": [[1, 2], [3, 4]]}],
            seconds=seconds,
            if_match=if_match,
        )
        return services.correction_submit(
            photo=photo, prediction=photo.predictions.get(), author=author, submission=submission
        )

    return make


@pytest.fixture
def fill(disc):
    """A mask of a photo's size that differs from its prediction."""

    def make(photo, share: float = 0.2):
        return disc(photo.height, photo.width, share)

    return make


@pytest.fixture
def form():
    """Fields and files of a correction as a multipart form."""

    def make(photo, alpha, fields=None):
        mask = io.BytesIO(alpha if isinstance(alpha, bytes) else masks.encode_png(alpha))
        mask.name = "mask.png"
        prediction = photo.predictions.get()
        return {
            "photo": str(photo.id),
            "prediction": str(prediction.id),
            "mask": mask,
            "strokes": json.dumps([{"tool": "brush", "size": 9, "points": [[1, 1]]}]),
            "seconds": "4.5",
        } | (fields or {})

    return make


@pytest.fixture
def rgba_png():
    def make(height: int, width: int) -> bytes:
        out = io.BytesIO()
        Image.new("RGBA", (width, height), (0, 0, 0, 255)).save(out, "PNG")
        return out.getvalue()

    return make


@pytest.fixture
def contribute(people):
    """A consented photo with an approved correction, its hash as given, grouped as an upload is."""
    disc = np.zeros((8, 8), np.uint8)
    disc[2:6, 2:6] = 255
    alpha, drawn = masks.encode_png(disc), sketch.draw(disc, disc)

    def make(owner, phash, *, corrected=True, picture=b""):
        phash = fingerprints.signed(phash % 2**64)
        sha256 = hashlib.sha256(picture or uuid.uuid4().bytes).hexdigest()
        photo = Photo.objects.create(
            owner=owner,
            image=b"",
            media_type="image/png",
            sha256=sha256,
            upload_sha256=sha256,
            width=8,
            height=8,
            phash=phash,
            group=services._group([fingerprints.signed(way) for way in fingerprints.ways(phash)], ()),
            consented_at=timezone.now(),
        )
        if corrected:
            correct(photo)
        return photo

    def correct(photo):
        answer = {"network": "disc", "device": "cpu", "uncertainty": 0, "subject_score": 1, "subject_found": True}
        prediction = Prediction.objects.create(photo=photo, weights="a" * 64, mask=alpha, **answer)
        identity = uuid.uuid4()
        correction = Correction.objects.create(
            id=identity,
            photo=photo,
            prediction=prediction,
            author=photo.owner,
            mask=alpha,
            mask_sha256=hashlib.sha256(identity.bytes).hexdigest(),
            iou=0.5,
            sketch=drawn,
        )
        Review.objects.create(correction=correction, version=1, reviewer=people.rita, verdict="approve")

    make.correct = correct
    return make


@pytest.fixture
def freeze():
    """What `dataset_freeze` decides and records, without the pictures."""

    def make() -> DatasetVersion:
        gathered = gathering.gather()
        number = DatasetVersion.objects.count() + 1
        return versions._record(DatasetVersion(number=number, digest=f"{number:064x}"), "outs: []\n", gathered)

    return make
