"""A large photo: its prediction is kept small and answered at the photo's size."""

import io
import uuid

import numpy as np
import pytest
from PIL import Image

from annotations import selectors, services
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation.cut import Cut

pytestmark = pytest.mark.django_db


class Half:
    """Believes that the left half of any photo is the subject."""

    weights, network, device, card = "e" * 64, "half", "cpu", {}

    def predict(self, rgb: np.ndarray) -> Cut:
        alpha = np.zeros(rgb.shape[:2], np.uint8)
        alpha[:, : rgb.shape[1] // 2] = 255
        return Cut(alpha=alpha, uncertainty=0.1, subject_score=0.9, subject_found=True)


@pytest.fixture
def photo():
    out = io.BytesIO()
    Image.new("RGB", (3200, 2400), "olive").save(out, "JPEG")
    picture = pictures.decode(out.getvalue())
    fields = {"predictor": Half(), "cut": Half().predict(picture.small)}
    return services.photo_create(owner=uuid.uuid4(), upload=out.getvalue(), picture=picture, **fields)


def test_the_mask_is_kept_small_and_answered_at_the_photos_size(photo):
    prediction = photo.predictions.get()
    assert masks.decode_png(bytes(prediction.mask)).shape == (600, 800)
    mask = selectors.mask_predicted(prediction)
    assert mask.shape == (2400, 3200)
    assert (mask[:, :1590] == 255).all()
    assert (mask[:, 1610:] == 0).all()


def test_a_correction_of_it_is_compared_at_the_photos_size(photo):
    whole = np.full((2400, 3200), 255, np.uint8)
    submission = services.Submission(correction_id=uuid.uuid4(), mask=masks.encode_png(whole), strokes=[], seconds=1)
    correction, _ = services.correction_submit(
        photo=photo, prediction=photo.predictions.get(), author=photo.owner, submission=submission
    )
    assert correction.iou == pytest.approx(0.5, abs=0.01)
