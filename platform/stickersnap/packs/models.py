"""Packs: which stickers belong together, and what is said of each. What they look like as files is made on export."""

import uuid

from django.db import models
from django.db.models import Deferrable, Q

from annotations.models import Photo
from stickersnap.stickers.models import usual_digest, usual_style

NAME, ALT, EMOJIS = 128, 125, 3
"""Characters of a name and of an accessibility text, emojis of a sticker: as many as WhatsApp takes."""


class Pack(models.Model):
    """A collection for any target."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.UUIDField(db_index=True, help_text="The browser session or person that made it.")
    name = models.CharField(max_length=NAME)
    author = models.CharField(max_length=NAME, help_text="Who the messengers say it is by.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.name


class PackSticker(models.Model):
    """A photo's sticker in a pack: as the photo is masked when the pack is exported, and as it was styled when added.

    It goes with its photo. While that is in the trash it is nobody's to see, and comes back with it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pack = models.ForeignKey(Pack, on_delete=models.CASCADE, related_name="stickers")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="pack_stickers")
    style = models.JSONField(default=usual_style, help_text="How it looks, as stickersnap.stickers.style says it.")
    style_digest = models.CharField(max_length=64, default=usual_digest, help_text="The style's sha256.")
    subject = models.CharField(max_length=40, default="all", help_text="all, largest, or a point in it as 0.5,0.4.")
    position = models.PositiveIntegerField(help_text="Its place in the pack: the lowest is first.")
    is_tray = models.BooleanField(default=False, help_text="Does it stand for the pack? Without any, the first does.")
    emojis = models.JSONField(help_text="One to three that it may be found by.")
    alt = models.CharField(max_length=ALT, blank=True, help_text="What it shows, for those who do not see it.")

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pack", "position"], name="pack_place_taken_once", deferrable=Deferrable.DEFERRED
            ),
            models.UniqueConstraint(
                fields=["pack", "photo", "style_digest", "subject"], name="pack_holds_a_sticker_once"
            ),
            models.UniqueConstraint(fields=["pack"], condition=Q(is_tray=True), name="pack_has_one_tray"),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id} in {self.pack_id}"
