"""The labelled picture over HTTP. Thin: reads in `selectors`, writes in `services`."""

import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotations import admission, bringing, quota, recent, selectors, services, trash
from annotations.api import serializers
from annotations.api.answers import Timing, name_predictor, picture_response
from annotations.api.bodies import PICTURES
from annotations.api.parsers import JSONParser
from annotations.models import Correction, Photo, Prediction
from annotations.owners import owner_of
from annotations.permissions import IsReviewer
from annotations.submissions import Changes
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation.mask import exchange, rle, subjects

PICTURE = OpenApiResponse(OpenApiTypes.BINARY)
DOWNLOAD = OpenApiParameter("download", bool, description="Save it under the photo's name.")


class OwnerView(GenericAPIView):
    """Puts the requester's owner id where serializers find it."""

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "owner": owner_of(self.request)}


class PhotoListView(OwnerView, ListAPIView):
    """The requester's photos, newest first; a POST adds one and cuts it."""

    refusals = {"post": (409,)}
    permission_classes = [AllowAny]
    parser_classes = PICTURES
    picture_field = "image"
    serializer_class = serializers.PhotoSerializer

    def get_queryset(self) -> QuerySet[Photo]:
        return selectors.photos_of(owner_of(self.request))

    @extend_schema(
        request={"multipart/form-data": serializers.UploadSerializer}, responses={201: serializers.PhotoSerializer}
    )
    def post(self, request: Request) -> Response:
        given = serializers.UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        timing = Timing()
        with admission.photo(timing.stage) as sized:
            return self.create(request, timing, sized, **given.validated_data)

    def create(
        self,
        request: Request,
        timing: Timing,
        sized: Callable[[int], None],
        image: UploadedFile,
        consent: bool | None,
        **known: uuid.UUID,
    ) -> Response:
        owner = owner_of(request)
        if selectors.photo_uploaded(known.get("id")) is None:
            quota.room_for(owner, request.user)
        photo, seen = bringing.photo_bring(
            owner=owner,
            upload=image.read(),
            name=image.name or "",
            photo_id=known.get("id"),
            consent=consent,
            stage=timing.stage,
            sized=sized,
        )
        timing.add(seen.cut.timings)
        photo = selectors.photo_get(photo.id, owner, request.user)
        response = Response(self.get_serializer(photo).data, status=201)
        name_predictor(response, seen.predictor, timing)
        return response


class PhotoView(OwnerView):
    """One photo."""

    permission_classes = [AllowAny]
    serializer_class = serializers.PhotoSerializer

    @extend_schema(responses=serializers.PhotoSerializer)
    def get(self, request: Request, photo_id: uuid.UUID) -> Response:
        photo = selectors.photo_get(photo_id, owner_of(request), request.user)
        return Response(self.get_serializer(photo).data)

    @extend_schema(
        responses={200: serializers.DeletedSerializer},
        parameters=[OpenApiParameter("undo", bool, description="It can be restored for a quarter of an hour.")],
    )
    def delete(self, request: Request, photo_id: uuid.UUID) -> Response:
        photo = selectors.photo_owned(photo_id, owner_of(request))
        undo = "undo" in request.query_params
        seen_by = trash.photo_trash(photo=photo) if undo else services.photo_delete(photo=photo)
        recent.photos.forget(photo.sha256)
        return Response({"deleted": photo_id, "weights_that_saw_it": seen_by})


class PhotoRestoreView(OwnerView):
    """Brings back a photo that was deleted with `?undo=1`, and all that was made of it."""

    permission_classes = [AllowAny]
    serializer_class = serializers.PhotoSerializer

    @extend_schema(request=None, responses=serializers.PhotoSerializer)
    def post(self, request: Request, photo_id: uuid.UUID) -> Response:
        owner = owner_of(request)
        trash.photo_restore(photo_id=photo_id, owner=owner)
        return Response(self.get_serializer(selectors.photo_get(photo_id, owner, request.user)).data)


class PhotoImageView(APIView):
    """The normalised picture."""

    permission_classes = [AllowAny]

    @extend_schema(responses={(200, "image/jpeg"): PICTURE, (200, "image/png"): PICTURE})
    def get(self, request: Request, photo_id: uuid.UUID) -> HttpResponse:
        photo = selectors.photo_get(photo_id, owner_of(request), request.user)
        return picture_response(bytes(photo.image), photo.media_type, lent=lent(request, photo))


class PredictionMaskView(APIView):
    """The soft mask a network made, at the photo's size; `?refined=1` gives it as its sticker shows it.

    With `&subject=largest`, or a point as `0.5,0.4`, of that subject alone.
    """

    refusals = {"get": (422,)}
    permission_classes = [AllowAny]

    @extend_schema(
        responses={(200, "image/png"): PICTURE},
        parameters=[OpenApiParameter("refined", bool), OpenApiParameter("subject", str), DOWNLOAD],
    )
    def get(self, request: Request, prediction_id: uuid.UUID) -> HttpResponse:
        prediction = selectors.prediction_get(prediction_id, owner_of(request), request.user)
        subject = request.query_params.get("subject", subjects.ALL)
        which = subjects.parse(subject)
        with room_for(prediction.photo):
            if "refined" in request.query_params:
                refined = selectors.mask_refined(prediction, selectors.photo_pixels(prediction.photo), which)
                data = masks.encode_png(refined)
                services.refined_keep(prediction=prediction, subject=subject, mask=data)
            else:
                data = masks.encode_png(selectors.mask_predicted(prediction))
        name = download_name(request, prediction.photo, "mask.png")
        response = picture_response(data, "image/png", name, lent=lent(request, prediction.photo))
        response["X-Weights"] = prediction.weights
        response["X-Device"] = prediction.device
        return response


class CorrectionView(APIView):
    """A person's mask for a photo. PUT is idempotent: the client makes the id."""

    refusals = {"put": (409, 410, 412, 422)}
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser, JSONParser]

    @extend_schema(responses=serializers.CorrectionDetailSerializer)
    def get(self, request: Request, correction_id: uuid.UUID) -> Response:
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        data = serializers.CorrectionDetailSerializer(correction).data
        return Response(data, headers={"ETag": f'"{correction.version}"'})

    @extend_schema(
        request={
            "multipart/form-data": serializers.SubmissionSerializer,
            "application/json": serializers.SubmissionSerializer,
        },
        responses={200: serializers.CorrectionSerializer, 201: serializers.CorrectionSerializer},
        parameters=[
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The version to replace."),
            OpenApiParameter(
                "If-None-Match",
                str,
                OpenApiParameter.HEADER,
                enum=["*"],
                description="Only if this person has no other correction of the photo.",
            ),
        ],
    )
    def put(self, request: Request, correction_id: uuid.UUID) -> Response:
        given = serializers.SubmissionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields, owner = given.validated_data, owner_of(request)
        photo = selectors.photo_to_correct(fields["photo"], owner, request.user)
        if not Correction.objects.filter(id=correction_id).exists():  # a fix that is here may be mended
            quota.room_for(owner, request.user)
        correction, created = services.correction_submit(
            photo=photo,
            prediction=selectors.prediction_of(photo, fields.get("prediction")),
            author=owner,
            submission=services.Submission(
                correction_id=correction_id,
                mask=mask_in(fields, (photo.width, photo.height)),
                strokes=fields["strokes"],
                seconds=fields["seconds"],
                if_match=version_in(request.headers.get("If-Match", "")),
                first=request.headers.get("If-None-Match") == "*",
            ),
        )
        data = serializers.CorrectionSerializer(correction).data
        return Response(data, status=201 if created else 200, headers={"ETag": f'"{correction.version}"'})


def mask_in(fields: dict[str, Any], size: tuple[int, int]) -> bytes | Changes:
    """The mask of a submission, whichever way it came: our greyscale PNG, or what it changes of another.

    Raises segmentation.mask.MaskError.
    """
    if "rle" in fields:
        return masks.encode_png(rle.decode(fields["rle"], size))
    if "changes" in fields:
        return Changes(
            difference=fields["changes"].read(),
            **{name: fields[name] for name in ("sha256", "left", "top", "subject")},
        )
    return exchange.as_grey_png(fields["mask"].read(), size)


def version_in(if_match: str) -> int | None:
    """The version an If-Match header names: None without one, 0 (which never matches) for anything else."""
    if not if_match:
        return None
    version = if_match.strip().removeprefix("W/").strip('"')
    return int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0


class CorrectionMaskView(APIView):
    """The soft mask a person made, at the photo's size."""

    permission_classes = [AllowAny]

    @extend_schema(responses={(200, "image/png"): PICTURE}, parameters=[DOWNLOAD])
    def get(self, request: Request, correction_id: uuid.UUID) -> HttpResponse:
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        return labelled_response(request, correction, bytes(correction.mask), "mask.png")


class CutoutView(APIView):
    """The photo cut with a prediction's or a correction's mask, at the photo's size, transparent around it."""

    permission_classes = [AllowAny]

    @extend_schema(responses={(200, "image/png"): PICTURE}, parameters=[DOWNLOAD])
    def get(self, request: Request, **ids: uuid.UUID) -> HttpResponse:
        labelled = labelled_by(request, **ids)
        with room_for(labelled.photo):
            data = pictures.encode_png(selectors.cutout_of(labelled))
        return labelled_response(request, labelled, data, "cutout.png")


class RunLengthsView(APIView):
    """A prediction's or a correction's mask, cut at one half, as COCO's run lengths; `?uncompressed=1` as numbers."""

    permission_classes = [AllowAny]

    @extend_schema(
        responses=serializers.RunLengthsSerializer, parameters=[OpenApiParameter("uncompressed", bool), DOWNLOAD]
    )
    def get(self, request: Request, **ids: uuid.UUID) -> HttpResponse:
        labelled = labelled_by(request, **ids)
        with room_for(labelled.photo):
            lengths = rle.encode(selectors.mask_of(labelled))
            if "uncompressed" in request.query_params:
                lengths["counts"] = rle.decompress(lengths["counts"]).tolist()
        response = labelled_response(request, labelled, json.dumps(lengths).encode(), "mask.json")
        response["Cache-Control"] = "private, no-store"
        return response


def room_for(photo: Photo) -> AbstractContextManager[None]:
    """A place to make something of a photo that is here, as stickers have. Raises annotations.exceptions.Busy."""
    return admission.made_of(photo.width * photo.height)


def labelled_by(
    request: Request, *, prediction_id: uuid.UUID | None = None, correction_id: uuid.UUID | None = None
) -> Prediction | Correction:
    """The prediction or correction that an address names. Raises annotations.exceptions.NotFound."""
    if prediction_id is not None:
        return selectors.prediction_get(prediction_id, owner_of(request), request.user)
    assert correction_id is not None
    return selectors.correction_get(correction_id, owner_of(request), request.user)


def download_name(request: Request, photo: Photo, kind: str) -> str:
    """What a file is to be saved as, empty when it is only to be looked at."""
    return selectors.file_name(photo, kind) if "download" in request.query_params else ""


def lent(request: Request, photo: Photo) -> bool:
    """Whether whoever asks sees this photo because its owner allows it, not as its owner."""
    return photo.owner != owner_of(request)


KINDS = {".png": "image/png", ".json": "application/json"}


def labelled_response(request: Request, labelled: Prediction | Correction, data: bytes, kind: str) -> HttpResponse:
    """What was made of a prediction or a correction; of the latter it names the version.

    Without a version in the address what is there may change.
    """
    name, seen = download_name(request, labelled.photo, kind), lent(request, labelled.photo)
    response = picture_response(data, KINDS[PurePath(kind).suffix], name, lent=seen)
    if isinstance(labelled, Correction):
        response["ETag"] = f'"{labelled.version}"'
        if "version" not in request.query_params and not seen:
            response["Cache-Control"] = "private, no-cache"
    return response


class CorrectionDifferenceView(APIView):
    """What a correction changed: added in green, removed in red, over the faded photo; 512 pixels at most."""

    permission_classes = [IsReviewer]

    @extend_schema(responses={(200, "image/png"): PICTURE})
    def get(self, request: Request, correction_id: uuid.UUID) -> HttpResponse:
        correction = selectors.correction_get(correction_id, owner_of(request), request.user)
        with room_for(correction.photo):
            data = pictures.encode_png(selectors.correction_difference(correction))
        return picture_response(data, "image/png", lent=True)


class QueueCorrectView(OwnerView, ListAPIView):
    """Consented photos that nobody has corrected, the most uncertain first."""

    permission_classes = [IsReviewer]
    serializer_class = serializers.PhotoSerializer

    def get_queryset(self) -> QuerySet[Photo]:
        return selectors.queue_correct(owner_of(self.request))


class QueueReviewView(OwnerView, ListAPIView):
    """Corrections that wait for a review, the oldest first."""

    permission_classes = [IsReviewer]
    serializer_class = serializers.ReviewItemSerializer

    def get_queryset(self) -> QuerySet[Correction]:
        return selectors.queue_review(owner_of(self.request))
