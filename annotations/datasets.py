"""Dataset versions: approved corrections, frozen into a folder that DVC keeps and training reads."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from annotations import selectors
from annotations.dvc import DvcError, Workspace
from annotations.exceptions import DatasetError, NotFound
from annotations.models import Correction, DatasetItem, DatasetVersion, Photo
from segmentation import manifest
from segmentation.manifest import ManifestError, Sample

SOURCE = "corrections"
EXTENSIONS = {Photo.MediaType.JPEG: "jpg", Photo.MediaType.PNG: "png"}


def dataset_freeze(*, workspace: Path) -> DatasetVersion:
    """Freezes every approved correction of a consented photo; the folder is then `workspace`/data.

    The same samples are the same version again. Only pictures that are new are written and sent. The version exists
    once the DVC remote has all of it, not before. Raises DatasetError: nothing was recorded; it can be started again.
    """
    dvc = Workspace(workspace, settings.DVC_REMOTE)
    try:
        dvc.ensure()
        with _lock(workspace):
            return _freeze(dvc)
    except (OSError, DvcError, ManifestError) as error:
        raise DatasetError(f"The dataset could not be frozen: {error} Mend that and start again.") from error


def dataset_restore(*, number: int, folder: Path) -> DatasetVersion:
    """Brings a version back, bit for bit, into `folder`, which must not exist. Raises NotFound, DatasetError."""
    version = DatasetVersion.objects.filter(number=number).first()
    if version is None:
        raise NotFound(f"There is no dataset version {number}. `manage.py dataset list` shows those there are.")
    if folder.exists():
        raise DatasetError(f"{folder} is there already. Name a folder that is not.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".restoring-") as aside:
            dvc = Workspace(Path(aside), settings.DVC_REMOTE)
            dvc.ensure()
            restored = dvc.pull(version.dvc_text)
            _check(restored, version)
            restored.rename(folder)
    except (OSError, DvcError, ManifestError) as error:
        raise DatasetError(f"Dataset version {number} could not be restored: {error}") from error
    return version


def corrections_new() -> int:
    """How many approved corrections no dataset version holds yet, as they are now."""
    frozen = set(DatasetItem.objects.values_list("correction", "correction_version"))
    return sum((c.id, c.version) not in frozen for c in _newest_per_picture())


def _freeze(dvc: Workspace) -> DatasetVersion:
    samples, items = [], []
    for correction in _newest_per_picture():
        sample = _sample(dvc.data, correction)
        samples.append(sample)
        items.append(_item(sample, correction))
    if not samples:
        raise DatasetError("There is nothing to learn from yet: approve corrections of consented photos first.")
    number = (DatasetVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    digest = manifest.write(dvc.data, samples, number=number, created=timezone.now().isoformat()).digest
    if known := DatasetVersion.objects.filter(digest=digest).first():
        _check(dvc.pull(known.dvc_text), known)
        return known
    _prune(dvc.data, samples)
    text = dvc.add()
    dvc.push()
    return _record(number, digest, text, items)


@transaction.atomic
def _record(number: int, digest: str, dvc_text: str, items: list[DatasetItem]) -> DatasetVersion:
    try:
        version = DatasetVersion.objects.create(number=number, digest=digest, dvc_text=dvc_text)
    except IntegrityError as error:
        raise DatasetError("Another process froze a dataset at the same moment. Start again.") from error
    for item in items:
        item.dataset = version
    DatasetItem.objects.bulk_create(items, batch_size=1000)
    return version


def _newest_per_picture() -> list[Correction]:
    """Of each picture (by its bytes) the correction that was saved last."""
    newest: dict[str, Correction] = {}
    for correction in selectors.corrections_approved().order_by("updated_at", "id"):
        newest[correction.photo.sha256] = correction
    return list(newest.values())


def _sample(folder: Path, correction: Correction) -> Sample:
    photo = correction.photo
    group, identity = str(photo.group), str(correction.id)
    image = f"images/{photo.sha256}.{EXTENSIONS[Photo.MediaType(photo.media_type)]}"
    mask = f"masks/{correction.mask_sha256}.png"
    if (folder / image).exists() and (folder / mask).exists():
        split = manifest.split_of(group)
        return Sample(image, mask, photo.sha256, correction.mask_sha256, split, group, SOURCE, identity)
    sample = manifest.add(
        folder, bytes(photo.image), bytes(correction.mask), group=group, source=SOURCE, correction=identity
    )
    if (sample.image_sha256, sample.mask_sha256) != (photo.sha256, correction.mask_sha256):
        raise DatasetError(
            f"Correction {correction.id} or its photo is damaged in the database: its bytes are not those that were "
            "saved. Restore the row from a backup, or reject the correction."
        )
    return sample


def _item(sample: Sample, correction: Correction) -> DatasetItem:
    return DatasetItem(
        photo=correction.photo_id,
        correction=correction.id,
        correction_version=correction.version,
        image_sha256=sample.image_sha256,
        mask_sha256=sample.mask_sha256,
        group=correction.photo.group,
        split=sample.split,
        source=sample.source,
    )


def _prune(folder: Path, samples: list[Sample]) -> None:
    """Removes what an earlier version had and this one has not."""
    kept = {sample.image for sample in samples} | {sample.mask for sample in samples}
    for kind in ("images", "masks"):
        for path in (folder / kind).iterdir():
            if f"{kind}/{path.name}" not in kept:
                path.unlink()


def _check(folder: Path, version: DatasetVersion) -> None:
    manifest.read(folder)
    if manifest.digest(folder) != version.digest:
        raise ManifestError(f"What DVC brought back is not dataset version {version.number}.")


@contextmanager
def _lock(workspace: Path) -> Iterator[None]:
    with (workspace / "freeze.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
