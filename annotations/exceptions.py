"""What can go wrong with a labelled picture. The docstring is what the person reads."""


class AnnotationError(Exception):
    """Something is wrong with this request."""

    code = "invalid"
    status = 400

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or " ".join((self.__doc__ or "").split()))


class NotFound(AnnotationError):
    """There is no such thing here, or it is not yours."""

    code, status = "not_found", 404


class PhotoDeleted(AnnotationError):
    """This photo was deleted, so nothing can be made of it any more. Bring the photo again to begin anew."""

    code, status = "photo_deleted", 410


class NoSubjectFound(AnnotationError):
    """No subject was found in this photo. Paint it yourself with Fix, or try a photo where one thing stands out."""

    code, status = "no_subject_found", 422


class PhotoExists(AnnotationError):
    """Another photo was already uploaded under this id. Send this one under a new id."""

    code, status = "photo_exists", 409


class CorrectionExists(AnnotationError):
    """This correction was saved before with another mask. To change it, send its version in If-Match."""

    code, status = "correction_exists", 409


class AnotherCorrection(AnnotationError):
    """You already saved a fix of this photo, elsewhere perhaps. Load it, then decide which mask to keep."""

    code, status = "correction_exists", 409


class StaleCorrection(AnnotationError):
    """This correction changed in the meantime. Load it again, then decide which mask to keep."""

    code, status = "stale_correction", 412


class OtherBase(AnnotationError):
    """These changes were made on another mask than the one that is here. Send the whole mask."""

    code, status = "other_base", 409


class AlreadyReviewed(AnnotationError):
    """Someone has already reviewed this correction. Go on to the next one."""

    code, status = "already_reviewed", 409


class AlreadyFrozen(AnnotationError):
    """A dataset version was made with this correction, so the verdict stands. Quarantine its author to leave it out."""

    code, status = "already_frozen", 409


class OwnCorrection(AnnotationError):
    """You made this correction yourself, so another reviewer has to approve it. Where you are the only one here, an
    operator may set STICKERSNAP_OWN_APPROVAL=1."""

    code, status = "own_correction", 403


class QuotaExceeded(AnnotationError):
    """You keep as much here as anybody may. Delete photos, then try again."""

    code, status = "quota_exceeded", 403


class ReasonRequired(AnnotationError):
    """Say why the correction is rejected: a few words are enough."""

    code, status = "reason_required", 400


class NotReviewable(AnnotationError):
    """The person behind this photo does not allow learning from it, so there is nothing to review."""

    code, status = "not_reviewable", 409


class AlreadyQuarantined(AnnotationError):
    """This author is in quarantine already. Lift it first to place it with another reason."""

    code, status = "already_quarantined", 409


class Busy(AnnotationError):
    """Too many photos are being cut at the moment. Try again in a few seconds."""

    code, status = "busy", 503
    retry_after = 3


class DatasetError(AnnotationError):
    """The dataset version could not be made."""

    code, status = "dataset_failed", 500
