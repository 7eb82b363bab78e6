"""Every write of weights: their files under STATE and the row that names them."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from segmentation import weights as sets
from segmentation.weights import pins
from stickersnap.releases import leases, signing
from stickersnap.releases.models import Deployment, PromotionDecision, TrainingRun, Weights


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
    _refuse_other_reading(found)
    if found.format == "safetensors":
        sets.load(found)
    card = _card(found)
    _copy_whole(found, card, weights_folder(found.sha256))
    with transaction.atomic():
        if run:
            leases.held(run)
        weights, _ = Weights.objects.get_or_create(
            sha256=found.sha256, defaults={"network": found.network, "card": card, "run": run}
        )
        if weights.card != card or not signing.verifies(weights):
            weights.card, weights.network = card, found.network
            weights.save(update_fields=["card", "network"])
            signing.signed(weights)
    return weights


def _card(found: sets.WeightsSet) -> dict[str, Any]:
    """The card that these weights have here: the one they were registered with, and the forms that came since.

    The shipped weights have that of the program.
    """
    known = Weights.objects.filter(sha256=found.sha256).first()
    shipped = pins.pinned(sets.starter_folder()) == pins.pins_of(found.card)
    if known is None or shipped or not signing.verifies(known) or not _read_alike(known.card, found.card):
        return found.card
    return {**known.card, "forms": found.forms} if found.forms else known.card


def _read_alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two cards of the same bytes feed and read a graph in the same way."""
    return (a.get("graph"), a.get("size")) == (b.get("graph"), b.get("size"))


def _refuse_other_reading(found: sets.WeightsSet) -> None:
    """Raises WeightsError where these bytes were judged or served under a card that reads them otherwise."""
    known = Weights.objects.filter(sha256=found.sha256).first()
    if known is None or _read_alike(known.card, found.card):
        return
    if Deployment.objects.filter(weights=known).exists() or PromotionDecision.objects.filter(challenger=known).exists():
        raise sets.WeightsError(
            f"These bytes are here already, fed and read otherwise ({known.card.get('graph')}), and were judged or "
            "served so: what was decided about them does not hold for another card. Keep that card, or export the "
            "graph anew."
        )


def _is_there(found: sets.WeightsSet, card: dict[str, Any], target: Path) -> bool:
    try:
        there = sets.inspect(target)
        whole = all(there.form(name) for name in there.forms)
    except sets.WeightsError:
        return False
    return whole and pins.pins_of(there.card) == pins.pins_of(card)


def _copy_whole(found: sets.WeightsSet, card: dict[str, Any], target: Path) -> None:
    if _is_there(found, card, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".arriving-") as aside:
        whole = Path(aside) / target.name
        try:
            shutil.copytree(found.folder, whole, ignore=shutil.ignore_patterns(pins.PINS))
            if card != found.card:
                sets.write_card(whole, card)
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
