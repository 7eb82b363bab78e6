"""The fields of remove.bg's call, each held to its bounds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework import serializers

from annotations.api.strict import StrictSerializer
from segmentation.picture.formats import EmptyUploadError
from stickersnap.api.shapes import composing, layout

MEGAPIXEL = 1_000_000
SIZES = {
    "preview": MEGAPIXEL // 4,
    "small": MEGAPIXEL // 4,
    "regular": MEGAPIXEL // 4,
    "medium": MEGAPIXEL * 3 // 2,
    "hd": 4 * MEGAPIXEL,
    "full": 25 * MEGAPIXEL,
    "4k": 25 * MEGAPIXEL,
    "auto": 25 * MEGAPIXEL,
    "50MP": 50 * MEGAPIXEL,
}
"""Pixels of the photo at most, before it is cropped."""
TYPES = ["auto", "person", "product", "car", "animal", "graphic", "transportation"]
SOURCES = ["image_file", "image_file_b64"]
NO_BASE64 = "This is no base64: send the photo's bytes so."
Given = TypeVar("Given")
Read = TypeVar("Read")


def read(reader: Callable[[Given], Read], given: Given) -> Read:
    """What is given, understood; an error of it in DRF's terms."""
    try:
        return reader(given)
    except layout.LayoutError as error:
        raise serializers.ValidationError(str(error)) from None


class RemoveBgSerializer(StrictSerializer):
    """A photo, and how its subject is to come back."""

    image_file = serializers.FileField(required=False, help_text="The photo, 20 MB at most.")
    image_file_b64 = serializers.CharField(required=False, help_text="The same in base64, 6 MB at most.")
    image_url = serializers.CharField(required=False, help_text="Refused: no address is fetched.")
    size = serializers.ChoiceField(choices=list(SIZES), default="preview")
    type = serializers.ChoiceField(choices=TYPES, default="auto", help_text="Without effect.")
    type_level = serializers.ChoiceField(choices=["none", "1", "2", "latest"], default="1")
    format = serializers.ChoiceField(choices=["auto", "png", "jpg", "webp", "zip"], default="auto")
    roi = serializers.CharField(default="0% 0% 100% 100%", max_length=layout.LONGEST)
    crop = serializers.BooleanField(default=False)
    crop_margin = serializers.CharField(default="0", max_length=layout.LONGEST)
    scale = serializers.CharField(default="original", max_length=layout.LONGEST)
    position = serializers.CharField(required=False, max_length=layout.LONGEST)
    channels = serializers.ChoiceField(choices=["rgba", "alpha"], default="rgba")
    add_shadow = serializers.BooleanField(default=False)
    semitransparency = serializers.BooleanField(default=True, help_text="Without effect.")
    bg_color = serializers.CharField(required=False, allow_blank=True, max_length=30)
    bg_image_file = serializers.FileField(required=False)
    bg_image_url = serializers.CharField(required=False, help_text="Refused: no address is fetched.")

    def validate_roi(self, text: str) -> str:
        read(lambda given: layout.region(given, (layout.LARGEST, layout.LARGEST)), text)
        return text

    def validate_crop_margin(self, text: str) -> tuple[layout.Length, ...]:
        return read(layout.margins, text)

    def validate_scale(self, text: str) -> float | None:
        return read(layout.scale, text)

    def validate_position(self, text: str) -> tuple[float, float] | None:
        return read(layout.position, text)

    def validate_bg_color(self, text: str) -> composing.Colour | None:
        try:
            return composing.colour(text) if text else None
        except ValueError:
            said = "Give a colour as its name or its digits: green, 81d4fa, fff or 81d4fa77."
            raise serializers.ValidationError(said) from None

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Of each kind one: a photo, and what is behind its subject."""
        if sum(name in fields for name in SOURCES) != 1:
            raise serializers.ValidationError("Send one photo, as image_file or as image_file_b64.")
        if fields.get("bg_color") and "bg_image_file" in fields:
            raise serializers.ValidationError("Send bg_color or bg_image_file, not both.")
        return fields


def photo_in(fields: dict[str, Any]) -> bytes:
    """The photo's bytes. Raises ValidationError, EmptyUploadError."""
    if "image_file" in fields:
        data: bytes = fields["image_file"].read()
        return data
    text = fields["image_file_b64"]
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise serializers.ValidationError({"image_file_b64": [NO_BASE64]}) from None
    if not data:
        raise EmptyUploadError("The upload is empty: choose a photo and send it again.")
    return data


def layout_in(fields: dict[str, Any]) -> layout.Wish:
    """How the subject is to lie; scaled, it comes to the middle unless its position is said."""
    position = fields.get("position", (0.5, 0.5) if fields["scale"] is not None else None)
    return layout.Wish(fields["crop"], fields["crop_margin"], fields["scale"], position)
