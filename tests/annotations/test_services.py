"""Writes of the labelled picture, on a real PostgreSQL."""

import threading
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotations import selectors, services
from annotations.exceptions import (
    AlreadyReviewed,
    CorrectionExists,
    NotFound,
    NotReviewable,
    PhotoExists,
    ReasonRequired,
    StaleCorrection,
)
from annotations.models import Correction, Photo, Prediction, Review
from segmentation import mask as masks
from segmentation.mask import MaskError
from segmentation.picture import decode

pytestmark = pytest.mark.django_db

ALICE, BOB = uuid.uuid4(), uuid.uuid4()


def test_a_photo_is_kept_with_its_prediction(photo_of, cat):
    photo = photo_of(ALICE, cat, name="../cats/chelsea\n.png")

    assert (photo.height, photo.width) == cat.shape[:2]
    assert photo.name == "chelsea.png"
    assert np.array_equal(decode(bytes(photo.image)).rgb, cat)
    assert photo.predictions.get().weights == "d" * 64


def test_the_same_upload_under_the_same_id_is_the_same_photo(photo_of, cat):
    photo_id = uuid.uuid4()
    first = photo_of(ALICE, cat, photo_id=photo_id)
    again = photo_of(ALICE, cat, photo_id=photo_id)

    assert first.id == again.id
    assert Photo.objects.count() == Prediction.objects.count() == 1


def test_another_upload_under_the_same_id_is_refused(photo_of, cat, coffee):
    photo_id = photo_of(ALICE, cat).id
    with pytest.raises(PhotoExists):
        photo_of(ALICE, coffee, photo_id=photo_id)
    with pytest.raises(NotFound):
        photo_of(BOB, cat, photo_id=photo_id)


def test_near_duplicates_share_a_group_mirrored_ones_too(photo_of, cat, coffee):
    original = photo_of(ALICE, cat)
    brighter = photo_of(BOB, np.clip(cat.astype(int) + 12, 0, 255).astype(np.uint8))
    mirrored = photo_of(BOB, np.ascontiguousarray(cat[:, ::-1]))
    other = photo_of(ALICE, coffee)

    assert original.group == brighter.group == mirrored.group
    assert other.group != original.group


@pytest.mark.django_db(transaction=True)
def test_simultaneous_uploads_of_one_picture_share_a_group(photo_of, cat):
    def upload():
        try:
            photo_of(uuid.uuid4(), cat)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Photo.objects.count() == 4
    assert Photo.objects.values("group").distinct().count() == 1


def test_a_correction_keeps_the_very_mask(photo_of, submit, cat):
    photo = photo_of(ALICE, cat)
    alpha = np.random.default_rng(0).integers(0, 256, cat.shape[:2], dtype=np.uint8)

    correction, created = submit(photo, ALICE, alpha)

    assert created
    assert np.array_equal(masks.decode_png(bytes(Correction.objects.get(id=correction.id).mask)), alpha)
    assert correction.strokes[0]["tool"] == "brush"


def test_a_correction_sent_twice_is_one(photo_of, submit, fill, cat):
    photo = photo_of(ALICE, cat)
    first, _ = submit(photo, ALICE, fill(photo))
    again, created = submit(photo, ALICE, fill(photo), correction_id=first.id)

    assert not created
    assert again.version == 1
    assert Correction.objects.count() == 1


def test_an_edit_names_the_version_it_replaces(photo_of, submit, fill, cat):
    photo = photo_of(ALICE, cat)
    first, _ = submit(photo, ALICE, fill(photo))

    with pytest.raises(CorrectionExists):
        submit(photo, ALICE, fill(photo, 0.3), correction_id=first.id)
    edited, _ = submit(photo, ALICE, fill(photo, 0.3), correction_id=first.id, if_match=1)
    assert edited.version == 2
    with pytest.raises(StaleCorrection):
        submit(photo, ALICE, fill(photo, 0.25), correction_id=first.id, if_match=1)
    assert Correction.objects.get().mask_sha256 == edited.mask_sha256


def test_someone_elses_correction_id_is_not_found(photo_of, submit, fill, cat, coffee):
    photo, other = photo_of(ALICE, cat), photo_of(BOB, coffee)
    first, _ = submit(photo, ALICE, fill(photo))
    with pytest.raises(NotFound):
        submit(other, BOB, fill(other), correction_id=first.id, if_match=1)


@pytest.mark.parametrize("code", ["wrong_size", "not_a_mask", "empty_mask"])
def test_a_bad_mask_is_refused_and_nothing_is_kept(photo_of, rgba_png, cat, code):
    photo = photo_of(ALICE, cat)
    height, width = cat.shape[:2]
    bad = {
        "wrong_size": masks.encode_png(np.full((height, width - 1), 255, np.uint8)),
        "not_a_mask": rgba_png(height, width),
        "empty_mask": masks.encode_png(np.zeros((height, width), np.uint8)),
    }[code]
    submission = services.Submission(uuid.uuid4(), bad, [], 0)
    with pytest.raises(MaskError) as refused:
        services.correction_submit(photo=photo, prediction=photo.predictions.get(), author=ALICE, submission=submission)
    assert refused.value.code == code
    assert not Correction.objects.exists()


def test_a_review_is_of_one_version_and_happens_once(photo_of, submit, fill, cat, people):
    photo = photo_of(ALICE, cat, consented_at=timezone.now())
    correction, _ = submit(photo, ALICE, fill(photo))

    services.correction_approve(correction=correction, version=1, reviewer=people.rita)
    with pytest.raises(AlreadyReviewed):
        services.correction_reject(correction=correction, version=1, reviewer=people.olga, reason="no")
    assert list(selectors.corrections_approved()) == [correction]

    submit(photo, ALICE, fill(photo, 0.3), correction_id=correction.id, if_match=1)
    assert not selectors.corrections_approved().exists()
    assert selectors.queue_review().get() == correction
    with pytest.raises(StaleCorrection):
        services.correction_approve(correction=correction, version=1, reviewer=people.rita)


def test_a_rejection_says_why(photo_of, submit, fill, cat, people):
    photo = photo_of(ALICE, cat, consented_at=timezone.now())
    correction, _ = submit(photo, ALICE, fill(photo))
    with pytest.raises(ReasonRequired):
        services.correction_reject(correction=correction, version=1, reviewer=people.rita, reason="  ")
    services.correction_reject(correction=correction, version=1, reviewer=people.rita, reason="ears missing")
    assert selectors.correction_state(correction) == ("rejected", "ears missing")


def test_the_database_itself_refuses_a_rejection_without_a_reason(photo_of, submit, fill, cat, people):
    photo = photo_of(ALICE, cat, consented_at=timezone.now())
    correction, _ = submit(photo, ALICE, fill(photo))
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(correction=correction, version=1, reviewer=people.rita, verdict="reject")


def test_without_consent_a_correction_is_private(photo_of, submit, fill, cat, people):
    photo = photo_of(ALICE, cat)
    correction, _ = submit(photo, ALICE, fill(photo))

    assert selectors.correction_state(correction) == ("private", "")
    assert not selectors.queue_review().exists()
    with pytest.raises(NotReviewable):
        services.correction_approve(correction=correction, version=1, reviewer=people.rita)


def test_consent_taken_back_takes_the_correction_out_of_the_next_dataset(photo_of, submit, fill, cat, people):
    photo = photo_of(ALICE, cat, consented_at=timezone.now())
    correction, _ = submit(photo, ALICE, fill(photo))
    services.correction_approve(correction=correction, version=1, reviewer=people.rita)

    services.consent_apply(owner=ALICE, consented_at=None)
    assert not selectors.corrections_approved().exists()


def test_the_most_uncertain_photo_is_corrected_first(photo_of, submit, fill, cat, coffee):
    sure = photo_of(ALICE, cat, uncertainty=0.1, consented_at=timezone.now())
    unsure = photo_of(ALICE, coffee, uncertainty=0.8, consented_at=timezone.now())
    photo_of(ALICE, coffee[:200], uncertainty=0.9)
    assert list(selectors.queue_correct(BOB)) == [unsure, sure]

    submit(unsure, BOB, fill(unsure))
    assert list(selectors.queue_correct(BOB)) == [sure]


def test_failures_and_doubtful_photos_are_asked_about_by_turns(photo_of, cat):
    def photo(rgb, **prediction):
        kept = photo_of(ALICE, rgb, consented_at=timezone.now())
        kept.predictions.update(**prediction)
        return kept

    doubtful = [photo(cat[:, 10 * i :], uncertainty=0.9 - i / 10) for i in range(3)]
    # both maps are empty, so they agree: a failure's uncertainty is no reason to wait
    wall = photo(cat[100:], subject_found=False, uncertainty=0.0, subject_score=0.1)
    missed = photo(cat[50:], subject_found=False, uncertainty=0.0, subject_score=0.2)

    assert list(selectors.queue_correct(BOB)) == [missed, doubtful[0], wall, doubtful[1], doubtful[2]]


def test_deleting_a_photo_deletes_all_that_was_made_of_it(photo_of, submit, fill, cat):
    photo = photo_of(ALICE, cat)
    submit(photo, ALICE, fill(photo))
    assert services.photo_delete(photo=photo) == []
    assert not Photo.objects.exists()
    assert not Prediction.objects.exists()
    assert not Correction.objects.exists()


def test_old_photos_without_consent_expire_and_no_others(photo_of, cat, coffee):
    old, kept, young = photo_of(ALICE, cat), photo_of(ALICE, coffee, consented_at=timezone.now()), photo_of(BOB, cat)
    Photo.objects.filter(id__in=[old.id, kept.id]).update(created_at=timezone.now() - timedelta(hours=50))
    assert services.photos_expire(hours=48) == 1
    assert set(Photo.objects.all()) == {kept, young}
