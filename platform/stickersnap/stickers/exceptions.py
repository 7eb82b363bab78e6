"""What can go wrong with a sticker. The docstring is what the person reads."""

from annotations.exceptions import AnnotationError


class TooRich(AnnotationError):
    """The sticker has more detail than this target's bytes can hold, at any quality. Choose another target."""

    code, status = "too_rich", 422
