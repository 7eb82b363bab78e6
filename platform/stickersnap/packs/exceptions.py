"""What can go wrong with a pack. The docstring is what the person reads."""

from annotations.exceptions import AnnotationError, QuotaExceeded


class TooManyPacks(QuotaExceeded):
    """You have as many packs as anybody may. Delete one, then try again."""


class PackFull(AnnotationError):
    """The pack holds as many stickers as a pack may. Put the others into another pack."""

    code, status = "pack_full", 409


class PackChanged(AnnotationError):
    """The pack changed in the meantime. Look at it again, then try once more."""

    code, status = "pack_changed", 409


class PackRefused(AnnotationError):
    """The pack is not what the target accepts."""

    code, status = "pack_refused", 422
