"""Stickers that were made."""

import uuid

from django.db import models

from annotations.models import Correction, Photo, PictureManager, Prediction


class Sticker(models.Model):
    """A file for one target, rendered from a correction if there was one, else from a prediction."""

    HEAVY = ("file",)

    class Target(models.TextChoices):
        PNG = "png"
        WHATSAPP = "whatsapp"
        TELEGRAM = "telegram"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="stickers")
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="stickers")
    correction = models.ForeignKey(Correction, on_delete=models.CASCADE, null=True, related_name="stickers")
    correction_version = models.PositiveIntegerField(null=True)
    target = models.CharField(max_length=8, choices=Target)
    outline = models.BooleanField()
    subject = models.CharField(max_length=16, default="all", help_text="all, largest, or a point in it as 0.5,0.4.")
    subjects = models.JSONField(
        default=list, help_text="Points [x, y], 0 to 1: one in each subject of the photo, the largest first."
    )
    file = models.BinaryField()
    media_type = models.CharField(max_length=16)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    notes = models.JSONField(default=list, help_text="What was done to fit the target, in sentences.")
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
                fields=["photo", "prediction", "correction", "correction_version", "target", "outline", "subject"],
                name="sticker_rendered_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target} of {self.photo_id}"
