"""The bound on a request's body, checked before a byte of it is read."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler

from segmentation.picture import MAX_BYTES, FileTooLargeError

MULTIPART_OVERHEAD = 2_000_000
"""Room for the other fields of a form, a stroke log above all."""
TOO_LARGE = f"This is over {MAX_BYTES >> 20} MB: send a smaller photo."


class CappedUploadHandler(FileUploadHandler):
    """Refuses a request that declares, or a file that turns out to have, more bytes than a photo may."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        if content_length > MAX_BYTES + MULTIPART_OVERHEAD:
            raise FileTooLargeError(TOO_LARGE)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.received += len(raw_data)
        if self.received > MAX_BYTES:
            raise FileTooLargeError(TOO_LARGE)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
