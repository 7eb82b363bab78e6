"""Every write of weights: their files under STATE and the row that names them."""

import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import transaction

from segmentation import weights as sets
from stickersnap.releases import leases
from stickersnap.releases.models import TrainingRun, Weights


def weights_folder(sha256: str) -> Path:
    """Where the files of a registered set of weights lie."""
    return Path(settings.STATE) / "weights" / sha256


def run_folder(run: TrainingRun) -> Path:
    """Where a run keeps its checkpoint, its weights and its evaluation."""
    return Path(settings.STATE) / "runs" / str(run.id)


def weights_register(*, folder: Path, run: TrainingRun | None = None) -> Weights:
    """Copies a set of weights to STATE/weights/<sha256>, checked and whole or not at all, and records it.

    The same weights again are the same row; a damaged copy is healed, and forms that came since are taken over. Raises
    segmentation.weights.WeightsError for files that are no weights, OSError where they can't be kept, RunLost where
    `run` is another holder's by now.
    """
    found = sets.inspect(folder)
    if found.format == "safetensors":
        sets.load(folder)
    _copy_whole(found, weights_folder(found.sha256))
    with transaction.atomic():
        if run:
            leases.held(run)
        weights, _ = Weights.objects.get_or_create(
            sha256=found.sha256, defaults={"network": found.network, "card": found.card, "run": run}
        )
    if found.forms and weights.card.get("forms") != found.forms:
        weights.card = found.card
        weights.save(update_fields=["card"])
    return weights


def _is_there(found: sets.WeightsSet, target: Path) -> bool:
    try:
        there = sets.inspect(target)
        whole = all(there.form(name) for name in there.forms)
    except sets.WeightsError:
        return False
    return whole and found.forms in ({}, there.forms)


def _copy_whole(found: sets.WeightsSet, target: Path) -> None:
    if _is_there(found, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".arriving-") as aside:
        whole = Path(aside) / target.name
        try:
            shutil.copytree(found.folder, whole)
        except shutil.Error as error:  # a list of all that could not be copied
            (_, _, why), *_ = error.args[0]
            raise OSError(f"The weights can't be kept in {target.parent}: {why}. Mend that first.") from error
        for path in [*whole.rglob("*"), whole]:
            _sync(path)
        if target.exists():
            target.rename(Path(aside) / "damaged")
        whole.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
