"""The labelled picture as JSON."""

import math
from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotations import selectors
from annotations.api import parsers, strokes
from annotations.api.strict import StrictSerializer
from annotations.models import Correction, Photo, Prediction, Review
from segmentation.mask import rle, subjects


class PredictionSerializer(serializers.ModelSerializer):
    mask_url = serializers.SerializerMethodField()

    class Meta:
        model = Prediction
        fields = ["id", "mask_url", "weights", "device", "uncertainty", "subject_found", "created_at"]

    def get_mask_url(self, prediction: Prediction) -> str:
        return f"{reverse('prediction-mask', args=[prediction.id])}?refined=1"


class CorrectionSerializer(serializers.ModelSerializer):
    mask_url = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Correction
        fields = ["id", "mask_url", "version", "state", "reason", "created_at"]

    def get_mask_url(self, correction: Correction) -> str:
        return f"{reverse('correction-mask', args=[correction.id])}?version={correction.version}"

    def get_state(self, correction: Correction) -> str:
        return selectors.correction_state(correction)[0]

    def get_reason(self, correction: Correction) -> str:
        return selectors.correction_state(correction)[1]


class CorrectionDetailSerializer(CorrectionSerializer):
    """A correction with all that led to it."""

    weights = serializers.CharField(source="prediction.weights", help_text="Those that made the mask it started from.")
    strokes = serializers.JSONField(help_text="The stroke log, oldest first.")

    class Meta(CorrectionSerializer.Meta):
        fields = [*CorrectionSerializer.Meta.fields, "photo", "prediction", "weights", "strokes", "seconds", "iou"]


class RunLengthsSerializer(serializers.Serializer):
    """COCO's run lengths of a mask cut at one half."""

    size = serializers.ListField(child=serializers.IntegerField(), help_text="Height, width.")
    counts = serializers.CharField(help_text="COCO's text; a list of numbers with ?uncompressed=1.")


class PhotoSerializer(serializers.ModelSerializer):
    image_url = serializers.SerializerMethodField()
    consent = serializers.SerializerMethodField()
    prediction = serializers.SerializerMethodField()
    correction = serializers.SerializerMethodField()

    class Meta:
        model = Photo
        fields = ["id", "name", "width", "height", "image_url", "consent", "created_at", "prediction", "correction"]

    def get_image_url(self, photo: Photo) -> str:
        return reverse("photo-image", args=[photo.id])

    def get_consent(self, photo: Photo) -> bool:
        return photo.consented_at is not None

    def get_prediction(self, photo: Photo) -> PredictionSerializer(allow_null=True):  # type: ignore[valid-type]
        prediction = selectors.latest_prediction(photo)
        return PredictionSerializer(prediction).data if prediction else None

    def get_correction(self, photo: Photo) -> CorrectionSerializer(allow_null=True):  # type: ignore[valid-type]
        correction = selectors.latest_correction(photo, self.context["owner"])
        return CorrectionSerializer(correction).data if correction else None


class UploadSerializer(StrictSerializer):
    """A photo as it comes in."""

    image = serializers.FileField(allow_empty_file=True)
    id = serializers.UUIDField(required=False, help_text="Made by the client: sent again, it is the same photo.")
    consent = serializers.BooleanField(
        allow_null=True,
        default=None,
        help_text="Allow learning from this photo. Left out: as this person answered before.",
    )


class DeletedSerializer(serializers.Serializer):
    deleted = serializers.UUIDField()
    weights_that_saw_it = serializers.ListField(child=serializers.CharField())


@extend_schema_field(OpenApiTypes.STR)
class RunLengthsField(serializers.Field):
    """COCO's run lengths: JSON text, or in a JSON request the object itself."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        try:
            return parsers.load(data)
        except ValueError:
            raise serializers.ValidationError(f"The run lengths must be JSON. {rle.ADVICE}") from None

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(OpenApiTypes.STR)
class StrokesField(serializers.Field):
    """The stroke log: JSON text of a list of objects."""

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        try:
            return strokes.read(data)
        except strokes.StrokesError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: Any) -> Any:
        return value


class SubmissionSerializer(StrictSerializer):
    """A correction as it comes in."""

    photo = serializers.UUIDField()
    prediction = serializers.UUIDField(required=False, help_text="What it started from; left out: the newest.")
    mask = serializers.FileField(
        required=False,
        allow_empty_file=True,
        help_text="A PNG of the photo's size: greyscale, white where the subject is, or with the mask as transparency.",
    )
    rle = RunLengthsField(required=False, help_text="Instead of `mask`: COCO's run lengths, compressed or not.")
    changes = serializers.FileField(
        required=False,
        allow_empty_file=True,
        help_text="Instead of `mask`: a greyscale PNG of 8 bits with what each pixel of a rectangle gained, modulo "
        "256, over the mask that the fix began on. With If-Match that is this correction's own, otherwise the "
        "prediction's refined mask. Where they don't make the mask that `sha256` names, the answer is 409 "
        "`other_base`, and the whole mask is to be sent.",
    )
    sha256 = serializers.RegexField(
        "^[0-9a-f]{64}$", required=False, help_text="With `changes`: of the whole mask's pixels, row by row."
    )
    left = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=1_000_000, help_text="Where the rectangle begins."
    )
    top = serializers.IntegerField(required=False, default=0, min_value=0, max_value=1_000_000)
    subject = serializers.CharField(
        required=False,
        default=subjects.ALL,
        max_length=64,
        help_text="With `changes` of a prediction's mask: the subject it was asked for, as `0.5,0.4`.",
    )
    strokes = StrokesField(
        required=False,
        default=list,
        help_text="The stroke log, a JSON list of objects; as a file it may be packed by gzip.",
    )
    seconds = serializers.FloatField(required=False, default=0, min_value=0, max_value=604_800)

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if sum(name in fields for name in ("mask", "rle", "changes")) != 1:
            raise serializers.ValidationError(
                "Send the mask as a PNG in `mask`, as COCO's run lengths in `rle`, or what it changes in `changes`."
            )
        if "changes" in fields and "sha256" not in fields:
            raise serializers.ValidationError("With `changes` goes `sha256`, of the whole mask's pixels.")
        return fields

    def validate_seconds(self, seconds: float) -> float:
        if not math.isfinite(seconds):
            raise serializers.ValidationError("The time spent must be a number of seconds.")
        return seconds


class ReviewInputSerializer(StrictSerializer):
    """A verdict as it comes in."""

    verdict = serializers.ChoiceField(choices=Review.Verdict.choices)
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)
    version = serializers.IntegerField(min_value=1, max_value=2_000_000_000)


class ReviewSerializer(serializers.ModelSerializer):
    reviewer = serializers.CharField(source="reviewer.get_username")

    class Meta:
        model = Review
        fields = ["id", "verdict", "reason", "reviewer", "created_at"]


class ReviewItemSerializer(serializers.Serializer):
    """A correction that waits for its review."""

    correction = CorrectionSerializer(source="*")
    photo = PhotoSerializer()
    prediction = PredictionSerializer()
    iou = serializers.FloatField(help_text="Of the two masks, 0 to 1.")
    seconds = serializers.FloatField()
