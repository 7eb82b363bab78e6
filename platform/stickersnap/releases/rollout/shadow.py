"""A challenger answers live photos silently, in the worker, after they were answered. Nobody waits for it."""

import io
import uuid
from contextlib import suppress
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction
from django.db.models import Avg, CharField, Count, Q, QuerySet, Value
from django.db.models.functions import MD5, Cast, Concat, Left
from numpy.typing import NDArray
from PIL import Image

from annotations import selectors as labels
from annotations.difference import difference
from annotations.exceptions import PhotoDeleted
from annotations.holding import photo_hold
from annotations.models import Photo, Prediction
from segmentation import backends
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation import weights as sets
from segmentation.predictor import BackendPredictor
from stickersnap.releases import selectors, verification
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import Rollout, ShadowAnswer
from stickersnap.releases.weights.store import weights_folder

AT_ONCE = 30
"""Photos answered by one job, so that the worker has time for others."""
ANSWERS_AT_MOST = 1000
MASKS_AT_MOST = 24
"""Answers whose masks are kept: those most unlike what was served."""


def shadow_answer() -> int:
    """Answers some of the live photos that the challenger in shadow has not seen; how many."""
    rollout = selectors.rollout_under_way()
    if rollout is None or rollout.stage != Rollout.Stage.SHADOW or selectors.refusal(rollout):
        challenger.cache_clear()
        return 0
    room = min(AT_ONCE, ANSWERS_AT_MOST - rollout.answers.count())
    chosen = list(unseen(rollout)[: max(0, room)])
    if not chosen:
        return 0
    for prediction in chosen:
        with suppress(ObjectDoesNotExist):  # deleted while its picture was still to be read
            _answer(rollout, prediction)
    _forget_masks(rollout)
    return len(chosen)


def unseen(rollout: Rollout) -> "QuerySet[Prediction]":
    """The champion's answers to a share of the photos that came since, oldest first; the share is drawn by hash."""
    served = Prediction.objects.filter(
        weights=rollout.decision.champion_id, photo__created_at__gte=rollout.stage_at
    ).exclude(photo__shadow_answers__rollout=rollout)
    if rollout.shadow_share < 1:
        salted = Concat(Cast("photo_id", CharField()), Value(f" {rollout.id}"), output_field=CharField())
        limit = f"{int(rollout.shadow_share * 2**32):08x}"
        served = served.annotate(draw=Left(MD5(salted), 8)).filter(draw__lt=limit)
    return served.select_related("photo").order_by("created_at")


def _answer(rollout: Rollout, prediction: Prediction) -> None:
    try:
        rgb = pictures.decode(bytes(prediction.photo.image)).small
        alpha = challenger(rollout.pk).predict(rgb).alpha
    except (ReleaseError, sets.WeightsError, backends.DeviceError, pictures.PictureError, ValueError, OSError) as error:
        _keep(rollout, prediction, agreement=0.0, problem=str(error)[:300], mask=None)
        return
    served = masks.resized(labels.mask_kept(prediction), (alpha.shape[1], alpha.shape[0]))
    _keep(rollout, prediction, agreement=soft_iou(served, alpha), problem="", mask=masks.encode_png(alpha))


def _keep(rollout: Rollout, prediction: Prediction, *, agreement: float, problem: str, mask: bytes | None) -> None:
    try:
        with transaction.atomic():
            photo_hold(prediction.photo_id)
            ShadowAnswer.objects.create(
                rollout=rollout,
                photo=prediction.photo,
                prediction=prediction,
                agreement=agreement,
                problem=problem,
                mask=mask,
            )
    except (PhotoDeleted, IntegrityError):
        return  # the photo was deleted meanwhile, or another worker was quicker


def soft_iou(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Soft IoU of two H×W uint8 masks: the sum of minima by the sum of maxima; 1 where both are empty."""
    union = float(np.maximum(a, b).sum(dtype=np.float64))
    return float(np.minimum(a, b).sum(dtype=np.float64)) / union if union else 1.0


def _forget_masks(rollout: Rollout) -> None:
    kept = most_different(rollout).values_list("id", flat=True)
    rollout.answers.filter(mask__isnull=False).exclude(id__in=list(kept[:MASKS_AT_MOST])).update(mask=None)


def most_different(rollout: Rollout) -> "QuerySet[ShadowAnswer]":
    """The answers that may be looked at, the most different first: their masks are kept, learning is allowed."""
    shown = rollout.answers.filter(mask__isnull=False, photo__consented_at__isnull=False)
    return shown.select_related("photo", "prediction").order_by("agreement", "id")


def summary(rollout: Rollout) -> dict[str, float | int | None]:
    """How many photos were answered, and how much like the champion."""
    whole = Q(problem="")
    found = rollout.answers.aggregate(
        answers=Count("id"), problems=Count("id", filter=~whole), mean=Avg("agreement", filter=whole)
    )
    return {"answers": found["answers"], "problems": found["problems"], "agreement": found["mean"]}


def disagreement(answer: ShadowAnswer) -> bytes:
    """A PNG of the photo, faded: green is what the challenger adds to what was served, red what it takes away."""
    photo = Photo.objects.get(pk=answer.photo_id)
    rgb = pictures.decode(bytes(photo.image)).small
    size = (rgb.shape[1], rgb.shape[0])
    served = masks.resized(labels.mask_kept(answer.prediction), size)
    said = masks.resized(masks.decode_png(bytes(answer.mask or b""), empty=True), size)
    out = io.BytesIO()
    Image.fromarray(difference(rgb, served, said)).save(out, "PNG")
    return out.getvalue()


@lru_cache(maxsize=1)
def challenger(rollout_id: uuid.UUID) -> BackendPredictor:
    """The challenger, loaded once per process. Raises WeightsError, DeviceError, what `verification.permit` does."""
    decided = verification.permit(Rollout.objects.select_related("decision").get(pk=rollout_id))
    found = verification.weights_set(decided, sets.inspect(weights_folder(decided.challenger)))
    wished = None if settings.BACKEND == "auto" else settings.BACKEND
    backend = backends.choose(found, settings.DEVICE, wished, settings.NETWORK_THREADS, settings.REQUIRE_GPU)
    return BackendPredictor(backend, found.sha256, found.card)
