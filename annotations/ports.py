"""What lies above this app, reached by the dotted paths in the settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from segmentation.cut import Predictor


def predictor_current(owner: uuid.UUID | None = None) -> Predictor:
    """The predictor that answers now, and this owner. Raises annotations.exceptions.Busy when none is ready."""
    current: Callable[[uuid.UUID | None], Predictor] = import_string(settings.PREDICTOR)
    return current(owner)


def weights_trained_on(dataset_numbers: list[int]) -> list[str]:
    """sha256 of every set of weights that learned from one of these dataset versions."""
    trained_on: Callable[[list[int]], list[str]] = import_string(settings.WEIGHTS_TRAINED_ON)
    return trained_on(dataset_numbers)


def bytes_kept(owner: uuid.UUID) -> int:
    """How much is kept of what this owner brought and made, in bytes."""
    kept: Callable[[uuid.UUID], int] = import_string(settings.BYTES_KEPT)
    return kept(owner)


def consent_of(owner: uuid.UUID) -> bool:
    """Whether this owner allows learning from what they bring."""
    consent: Callable[[uuid.UUID], bool] = import_string(settings.CONSENT)
    return consent(owner)
