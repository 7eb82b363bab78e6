"""Stickers that were made."""

import uuid
from typing import Any

from django.db import models

from annotations.models import Correction, Photo, PictureManager, Prediction
from stickersnap.stickers.style import Style


def usual_style() -> dict[str, Any]:
    return Style().as_dict()


def usual_digest() -> str:
    return Style().digest


class Sticker(models.Model):
    """A file for one target, rendered from a correction if there was one, else from a prediction."""

    HEAVY = ("file",)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="stickers")
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="stickers")
    correction = models.ForeignKey(Correction, on_delete=models.CASCADE, null=True, related_name="stickers")
    correction_version = models.PositiveIntegerField(null=True)
    target = models.CharField(max_length=40, help_text="A row of stickersnap.validate's targets.toml.")
    style = models.JSONField(default=usual_style, help_text="How it looks, as stickersnap.stickers.style says it.")
    style_digest = models.CharField(max_length=64, default=usual_digest, help_text="The style's sha256.")
    subject = models.CharField(max_length=16, default="all", help_text="all, largest, or a point in it as 0.5,0.4.")
    subjects = models.JSONField(
        default=list, help_text="Points [x, y], 0 to 1: one in each subject of the photo, the largest first."
    )
    file = models.BinaryField()
    media_type = models.CharField(max_length=16)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    notes = models.JSONField(default=list, help_text="What was done to fit the target, in sentences.")
    quality = models.PositiveSmallIntegerField(
        null=True, help_text="1 to 100 where it was compressed to fit the target; null where not."
    )
    ssim = models.FloatField(
        default=1.0, help_text="How alike it is to what was rendered (structural similarity): 1 where nothing was lost."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PictureManager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(correction=None, correction_version=None)
                | models.Q(correction__isnull=False, correction_version__isnull=False),
                name="sticker_names_the_correction_version",
            ),
            models.UniqueConstraint(
                fields=["photo", "prediction", "correction", "correction_version", "target", "style_digest", "subject"],
                name="sticker_rendered_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target} of {self.photo_id}"

    @property
    def outline(self) -> bool:
        """Does it have one?"""
        return bool(self.style.get("outline"))
