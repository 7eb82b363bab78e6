import io
import json
import uuid

import numpy as np
import pytest
from PIL import Image

from annotations import services
from segmentation import mask as masks
from segmentation.picture import decode
from segmentation.predictor import Cut


class DiscPredictor:
    """Answers a soft disc: what the network sees is not what these tests are about."""

    weights, network, device, card = "d" * 64, "disc", "cpu", {}

    def __init__(self, disc, uncertainty: float = 0.5) -> None:
        self.disc, self.uncertainty = disc, uncertainty

    def predict(self, rgb: np.ndarray) -> Cut:
        alpha = self.disc(*rgb.shape[:2])
        return Cut(alpha=alpha, uncertainty=self.uncertainty, subject_score=0.9, subject_found=True)


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
