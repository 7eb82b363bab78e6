"""Pictures that come as the body itself: `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg'`."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from segmentation.picture import MAX_BYTES, FileTooLargeError


class PictureParser(BaseParser):
    """Gives the body as the file `view.picture_field`, as if it were a form with that one field."""

    media_type = "image/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> DataAndFiles:
        """Raises FileTooLargeError."""
        data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise FileTooLargeError(f"This is over {MAX_BYTES >> 20} MB: send a smaller photo.")
        file = SimpleUploadedFile("photo", data, media_type or "")
        return DataAndFiles(QueryDict(), MultiValueDict({parser_context["view"].picture_field: [file]}))


class BytesParser(PictureParser):
    """The same for a client that does not say what kind of picture it is."""

    media_type = "application/octet-stream"


PICTURES = [MultiPartParser, PictureParser, BytesParser]
