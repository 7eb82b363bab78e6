"""The labelled picture, from upload to dataset version. Constraints live here; writes live in `services`."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class PictureManager(models.Manager):
    """Leaves the bytes in the database until someone asks for them by name."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().defer(*getattr(self.model, "HEAVY", ()))


class Photo(models.Model):
    """A normalised picture: orientation applied, sRGB, no metadata."""

    HEAVY = ("image",)

    class MediaType(models.TextChoices):
        JPEG = "image/jpeg"
        PNG = "image/png"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.UUIDField(db_index=True, help_text="The browser session or person that brought it.")
    name = models.CharField(max_length=120, blank=True)
    image = models.BinaryField()
    media_type = models.CharField(max_length=16, choices=MediaType)
    sha256 = models.CharField(max_length=64, help_text="Of the normalised picture's bytes.")
    upload_sha256 = models.CharField(max_length=64, help_text="Of the bytes that were uploaded.")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    phash = models.BigIntegerField(help_text="64-bit perceptual hash, signed.")
    crops = ArrayField(
        models.BigIntegerField(), db_default=[], help_text="The same of its crops; none before 2026-11-30."
    )
    group = models.UUIDField(db_index=True, help_text="Shared by near-duplicates; decides the split.")
    consented_at = models.DateTimeField(null=True, blank=True, help_text="When its owner allowed learning from it.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PictureManager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(width__gt=0, height__gt=0), name="photo_has_pixels"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class DeletedPhoto(models.Model):
    """That there was a photo, and whose: a fix still on its way to it can be told why it is refused. Nothing else."""

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.UUIDField(db_index=True)
    deleted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-deleted_at", "id"]

    def __str__(self) -> str:
        return str(self.id)


class TrashedPhoto(models.Model):
    """A deleted photo that can still be had back, and what it was before: whose, and whether it could be learned from.

    Until then the photo itself has another owner, whom nobody is, and no consent: see `trash`.
    """

    photo = models.OneToOneField(Photo, on_delete=models.CASCADE, primary_key=True, related_name="trashed")
    owner = models.UUIDField(db_index=True)
    consented_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-trashed_at"]

    def __str__(self) -> str:
        return str(self.photo_id)


class Prediction(models.Model):
    """What one set of weights made of a photo: a soft mask of it, and how sure the network was."""

    HEAVY = ("mask",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="predictions")
    mask = models.BinaryField(help_text="8-bit greyscale PNG; 255 is foreground.")
    weights = models.CharField(max_length=64, help_text="sha256 of the weights that answered.")
    network = models.CharField(max_length=40)
    device = models.CharField(max_length=40)
    uncertainty = models.FloatField(help_text="0 (sure) to 1: disagreement of the side outputs near the boundary.")
    subject_score = models.FloatField()
    subject_found = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PictureManager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["photo", "weights"], name="prediction_once_per_weights"),
            models.CheckConstraint(
                condition=Q(uncertainty__gte=0, uncertainty__lte=1), name="prediction_uncertainty_0_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} by {self.weights[:8]}"


class RefinedMask(models.Model):
    """A prediction's mask as it was last handed out to be corrected: what the changes of a fix are told against."""

    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, primary_key=True, related_name="refined")
    subject = models.CharField(max_length=64, help_text="Which of the subjects, as it was asked for.")
    mask = models.BinaryField(help_text="8-bit greyscale PNG at the photo's size; 255 is foreground.")
    sha256 = models.CharField(max_length=64, help_text="Of the PNG's bytes.")

    class Meta:
        ordering = ["prediction"]

    def __str__(self) -> str:
        return f"{self.prediction_id} {self.subject}"


class Correction(models.Model):
    """A person's mask for a photo. An edit raises `version`; a review is of one version."""

    HEAVY = ("mask", "strokes", "sketch")

    id = models.UUIDField(primary_key=True, help_text="Made by the client, so that a repeated submit is the same one.")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="corrections")
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="corrections")
    author = models.UUIDField(db_index=True)
    mask = models.BinaryField(help_text="8-bit greyscale PNG at the photo's size; 255 is foreground.")
    mask_sha256 = models.CharField(max_length=64)
    sketch = models.BinaryField(null=True, help_text="Mask and prediction at 32×32 each, to judge trust by.")
    iou = models.FloatField(help_text="With the prediction it started from, 0 to 1.")
    shown_iou = models.FloatField(
        null=True, help_text="With the mask that was handed out to be corrected, 0 to 1; empty: older than this column."
    )
    strokes = models.JSONField(default=list, blank=True)
    seconds = models.FloatField(default=0, help_text="Time the person spent in the editor.")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PictureManager()

    class Meta:
        ordering = ["updated_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(version__gte=1), name="correction_version_from_1"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="correction_seconds_not_negative"),
            models.CheckConstraint(condition=Q(iou__gte=0, iou__lte=1), name="correction_iou_0_1"),
            models.CheckConstraint(condition=Q(shown_iou__gte=0, shown_iou__lte=1), name="correction_shown_iou_0_1"),
        ]

    def __str__(self) -> str:
        return f"{self.id} v{self.version}"


class Review(models.Model):
    """A reviewer's verdict on one version of a correction. There is one; a new version needs a new review."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"

    correction = models.ForeignKey(Correction, on_delete=models.CASCADE, related_name="reviews")
    version = models.PositiveIntegerField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["correction", "version"], name="review_once_per_version"),
            models.CheckConstraint(condition=~Q(verdict="reject", reason=""), name="review_rejects_with_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.correction_id} v{self.version}"


class Quarantine(models.Model):
    """An author whose corrections are left out of dataset versions, from the next one until it is lifted."""

    author = models.UUIDField()
    reason = models.CharField(max_length=300)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-placed_at"]
        constraints = [
            models.UniqueConstraint(fields=["author"], condition=Q(lifted_at=None), name="quarantine_one_open"),
            models.CheckConstraint(condition=~Q(reason=""), name="quarantine_has_a_reason"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None) | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="quarantine_lifted_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.reason}"


class OwnerAlias(models.Model):
    """That two owners are one person: a browser session, and who then logged in."""

    old = models.UUIDField()
    new = models.UUIDField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "owner aliases"
        constraints = [models.UniqueConstraint(fields=["old", "new"], name="owner_alias_once")]

    def __str__(self) -> str:
        return f"{self.old} is {self.new}"


class Side(models.TextChoices):
    """Which side of the split something is on. Decided once, for good: see `splits`."""

    TRAIN = "train", "train"
    HOLDOUT = "holdout", "held out"


class OwnerSplit(models.Model):
    """A side that photos of this owner may be on: one if `whole`, else both, each photo where its group is."""

    owner = models.UUIDField()
    split = models.CharField(max_length=8, choices=Side)
    whole = models.BooleanField()
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "split"], name="owner_split_once"),
            models.UniqueConstraint(fields=["owner"], condition=Q(whole=True), name="owner_split_whole_is_one"),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.split}"


class GroupSplit(models.Model):
    """The side of a group of near-duplicates."""

    group = models.UUIDField(primary_key=True)
    split = models.CharField(max_length=8, choices=Side)
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "split"], name="group_split_once")]

    def __str__(self) -> str:
        return f"{self.group}: {self.split}"


class PhotoSplit(models.Model):
    """The side of a photo that was in a version. It outlives the photo: what resembles it later must be on its side.

    PostgreSQL holds it to the sides of its owner and its group, and never changes it: see `migrations/0005_splits.py`.
    """

    photo = models.UUIDField(primary_key=True)
    split = models.CharField(max_length=8, choices=Side)
    owner = models.UUIDField(db_index=True, null=True, help_text="When it was decided; unknown for the oldest.")
    group = models.UUIDField(db_index=True)
    phash = models.BigIntegerField(null=True, help_text="64-bit perceptual hash, signed.")
    crops = ArrayField(
        models.BigIntegerField(), db_default=[], help_text="The same of its crops; none before 2026-11-30."
    )
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["photo", "split"], name="photo_split_once")]

    def __str__(self) -> str:
        return f"{self.photo}: {self.split}"


class DatasetVersion(models.Model):
    """A frozen set of approved corrections. The folder itself is kept by DVC; this row keeps its `.dvc` text."""

    number = models.PositiveIntegerField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True, help_text="Of the manifest: same samples, same digest.")
    dvc_text = models.TextField(help_text="The .dvc file that brings the folder back with `dvc pull`.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"dataset {self.number}"


class DatasetItem(models.Model):
    """One sample of a version. It outlives the photo, so that what saw a deleted photo can still be told.

    PostgreSQL holds `side` to that of the photo: no version has on one side what another has on the other.
    """

    class Split(models.TextChoices):
        TRAIN = "train", "train"
        HOLDOUT = "holdout", "held out"
        UNLABELLED = "unlabelled", "unlabelled"

    dataset = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="items")
    photo = models.UUIDField(db_index=True)
    correction = models.UUIDField(db_index=True, null=True, blank=True)
    correction_version = models.PositiveIntegerField(null=True, blank=True)
    image_sha256 = models.CharField(max_length=64)
    mask_sha256 = models.CharField(max_length=64, blank=True, help_text="Empty: a photo that nobody corrected.")
    group = models.UUIDField()
    split = models.CharField(max_length=10, choices=Split)
    side = models.GeneratedField(
        expression=models.Case(
            models.When(split="holdout", then=models.Value("holdout")), default=models.Value("train")
        ),
        output_field=models.CharField(max_length=8),
        db_persist=True,
    )
    source = models.CharField(max_length=40)
    weight = models.FloatField(default=1, help_text="How much its author was trusted, above 0, 1 for most.")
    purged_at = models.DateTimeField(null=True, blank=True, help_text="When its bytes were removed for good.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "correction"], name="dataset_item_once_per_correction"),
            models.CheckConstraint(
                condition=Q(
                    split="unlabelled", correction__isnull=True, correction_version__isnull=True, mask_sha256=""
                )
                | (~Q(split="unlabelled") & Q(correction__isnull=False, correction_version__isnull=False)),
                name="dataset_item_has_a_correction_or_no_mask",
            ),
            models.CheckConstraint(condition=Q(weight__gt=0), name="dataset_item_has_weight"),
        ]

    def __str__(self) -> str:
        return f"{self.correction or self.photo} in dataset {self.dataset_id}"


class LeftOut(models.Model):
    """An approved correction that a version does not hold, and why."""

    class Why(models.TextChoices):
        BOTH_SIDES = "both sides", "both sides"
        DAMAGED = "damaged", "damaged"
        DISTRUSTED = "distrusted", "distrusted"

    dataset = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="left_out")
    photo = models.UUIDField()
    correction = models.UUIDField(db_index=True)
    correction_version = models.PositiveIntegerField()
    why = models.CharField(max_length=10, choices=Why)
    reason = models.TextField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "left out"
        constraints = [models.UniqueConstraint(fields=["dataset", "correction"], name="left_out_once")]

    def __str__(self) -> str:
        return f"{self.correction} left out of dataset {self.dataset_id}: {self.why}"


APPROVED = Q(reviews__verdict=Review.Verdict.APPROVE, reviews__version=F("version"))
