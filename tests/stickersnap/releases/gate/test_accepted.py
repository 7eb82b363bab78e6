"""A held-out photo whose mask nobody mended judges with the others, and refuses nothing alone."""

import json

import pytest

from annotations.models import Correction, DatasetItem, Photo, Prediction
from stickersnap.releases import services
from stickersnap.releases.gate import holdout
from stickersnap.releases.models import PromotionDecision

pytestmark = pytest.mark.django_db
RUINED = 3


@pytest.fixture
def ruining(finished_run):
    """A run that is better everywhere but on one photo, where the champion has the approved mask to the pixel."""
    services.starter_deploy()
    run = finished_run()
    path = services.run_folder(run) / "evaluation.json"
    evaluation = json.loads(path.read_text())
    for image in evaluation["images"]:
        image |= {"champion_iou": 0.4, "challenger_iou": 0.9}
    evaluation["images"][RUINED] |= {"champion_iou": 1.0, "challenger_iou": 0.3}
    path.write_text(json.dumps(evaluation))
    return run


@pytest.fixture
def corrected(ruining, people):
    """The correction of that photo: `shown_iou` as asked."""
    item = DatasetItem.objects.get(dataset=ruining.dataset, image_sha256=f"{1000 + RUINED:064x}")
    shas = {"sha256": item.image_sha256, "upload_sha256": item.image_sha256}
    size = {"width": 8, "height": 8, "phash": 0, "media_type": "image/png", "image": b"x"}
    photo = Photo.objects.create(id=item.photo, owner=people.alice.id, group=item.group, **shas, **size)
    guess = {"uncertainty": 0, "subject_score": 1, "subject_found": True, "network": "basnet-small", "device": "cpu"}
    prediction = Prediction.objects.create(photo=photo, mask=b"x", weights="w" * 64, **guess)

    def make(shown_iou, mask_sha256=item.mask_sha256):
        return Correction.objects.create(
            id=item.correction,
            photo=photo,
            prediction=prediction,
            author=people.alice.id,
            mask=b"x",
            mask_sha256=mask_sha256,
            iou=1,
            shown_iou=shown_iou,
        )

    return make


def test_one_hasty_approval_does_not_keep_better_weights_from_serving(ruining, corrected):
    correction = corrected(1.0)
    decision = services.promotion_decide(run=ruining, by="olga")
    assert decision.passed, decision.reason
    assert decision.evidence["accepted"] == [f"{1000 + RUINED:064x}"]
    assert correction.mask_sha256 == f"{1000 + RUINED:064x}"


@pytest.mark.parametrize(
    ("shown_iou", "mask_sha256"),
    [(0.97, None), (None, None), (1.0, "e" * 64)],
    ids=["mended a little", "from before this was known", "the dataset holds a version that was mended"],
)
def test_a_mended_mask_refuses_alone(ruining, corrected, shown_iou, mask_sha256):
    corrected(shown_iou, **({"mask_sha256": mask_sha256} if mask_sha256 else {}))
    assert holdout.accepted(ruining.dataset) == frozenset()
    decision = services.promotion_decide(run=ruining, by="olga")
    assert not decision.passed
    assert "loses 70.0 points" in decision.reason


def test_a_deleted_correction_leaves_its_photo_as_strict_as_before(ruining, corrected):
    corrected(1.0).delete()
    assert not services.promotion_decide(run=ruining, by="olga").passed
    assert PromotionDecision.objects.get(run=ruining).evidence["accepted"] == []
