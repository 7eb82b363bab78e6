"""Dataset versions: approved corrections, frozen into a folder that DVC keeps and training reads."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from annotations.datasets import gathering, pictures
from annotations.datasets.gathering import Entry, Gathered
from annotations.dvc.workspace import DvcError, Workspace
from annotations.exceptions import DatasetError, NotFound
from annotations.models import DatasetItem, DatasetVersion, LeftOut
from segmentation import manifest
from segmentation.manifest import ManifestError

log = logging.getLogger(__name__)

BATCH = 1000


def dataset_freeze(*, workspace: Path) -> DatasetVersion:
    """Freezes every approved correction of a consented photo; the folder is then `workspace`/data.

    The same samples are the same version again. Only pictures that are new are read, written and sent. A damaged
    correction is left out, and the version says so. The version exists once the DVC remote has all of it, not before.
    Raises DatasetError: nothing was recorded; it can be started again.
    """
    dvc = Workspace(workspace, settings.DVC_REMOTE)
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        with locked(workspace):
            dvc.ensure()
            with pictures.all_or_checked(workspace, dvc.data):
                return _freeze(dvc)
    except DatabaseAway as error:
        connection.close()
        raise DatasetError(f"The dataset could not be frozen: the database is away ({error}). Start again.") from error
    except (OSError, DvcError, ManifestError) as error:
        dvc.forget_state()
        said = str(error).rstrip(".")
        raise DatasetError(f"The dataset could not be frozen: {said}. Mend that and start again.") from error


def dataset_restore(*, number: int, folder: Path) -> DatasetVersion:
    """Brings a version back, bit for bit, into `folder`, which must not exist. Raises NotFound, DatasetError."""
    version = version_get(number)
    if folder.exists():
        raise DatasetError(f"{folder} is there already. Name a folder that is not.")
    _refuse_purged(version)
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


def dataset_checkout(*, number: int, workspace: Path) -> Path:
    """Makes `workspace`/data that version again, for a run that goes on. Raises NotFound, DatasetError."""
    version = version_get(number)
    _refuse_purged(version)
    dvc = Workspace(workspace, settings.DVC_REMOTE)
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        with locked(workspace):
            dvc.ensure()
            _check(dvc.pull(version.dvc_text), version)
    except (OSError, DvcError, ManifestError) as error:
        raise DatasetError(f"Dataset version {number} could not be restored: {error}") from error
    return dvc.data


def version_get(number: int) -> DatasetVersion:
    """A version by its number. Raises NotFound."""
    version = DatasetVersion.objects.filter(number=number).first()
    if version is None:
        raise NotFound(f"There is no dataset version {number}. `manage.py dataset list` shows those there are.")
    return version


def corrections_new(without: Collection[int] = ()) -> int:
    """How many approved corrections no version holds yet, as they are now, nor was made without, on purpose.

    Versions whose numbers are in `without` do not count.
    """
    rows = gathering.approved()
    seen: set[tuple[uuid.UUID | None, int | None]] = set()
    for start in range(0, len(rows), BATCH):
        some = [row.correction for row in rows[start : start + BATCH]]
        for model in (DatasetItem, LeftOut):
            known = model.objects.filter(correction__in=some).exclude(dataset__in=without).order_by()
            seen.update(known.values_list("correction", "correction_version").distinct())
    return sum((row.correction, row.version) not in seen for row in rows)


def _freeze(dvc: Workspace) -> DatasetVersion:
    gathered = gathering.gather()
    damaged = pictures.write_new(dvc.data, gathered.entries)
    gathered.leave_out(damaged)
    if not any(entry.correction for entry in gathered.entries):
        raise DatasetError(" ".join([NOTHING, *(out.reason for out in gathered.left_out[:5])]))
    lines = manifest.compose(entry.sample for entry in gathered.entries)
    digest = hashlib.sha256(lines).hexdigest()
    known = DatasetVersion.objects.filter(digest=digest).first()
    if known and not known.items.exclude(purged_at=None).exists():
        return _again(dvc, known, gathered)
    number = known.number if known else (DatasetVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    manifest.write_lines(dvc.data, lines, number=number, created=timezone.now().isoformat())
    pictures.prune(dvc.data, gathered.entries)
    text = dvc.add_and_push(_base())
    os.sync()  # what is recorded is on the disk
    return _record(known or DatasetVersion(number=number, digest=digest), text, gathered)


NOTHING = "There is nothing to learn from yet: approve corrections of consented photos first."


def _base() -> str | None:
    """The text of the newest version, if the remote still has all of it."""
    newest = DatasetVersion.objects.first()
    return newest.dvc_text if newest and not newest.items.exclude(purged_at=None).exists() else None


def _again(dvc: Workspace, known: DatasetVersion, gathered: Gathered) -> DatasetVersion:
    """The version that holds just these samples; what was left out this time is told of it."""
    if dvc.text() == known.dvc_text and manifest.names(dvc.data, known.digest):
        pictures.prune(dvc.data, gathered.entries)  # all that it needs was written just now, if it was not there
    elif manifest.digest(dvc.pull(known.dvc_text)) != known.digest:
        raise ManifestError(f"What DVC brought back is not dataset version {known.number}.")
    with transaction.atomic():
        _tell_left_out(known, gathered)
    return known


@transaction.atomic
def _record(version: DatasetVersion, dvc_text: str, gathered: Gathered) -> DatasetVersion:
    """Records a new version, or, for one whose pictures had been purged and are allowed again, that it is whole."""
    version.dvc_text = dvc_text
    try:
        if version.created_at is not None:
            version.save(update_fields=["dvc_text"])
            version.items.update(purged_at=None)
        else:
            version.save(force_insert=True)
            gathered.splits.record()
            _copy_items(version, gathered)
        _tell_left_out(version, gathered)
    except IntegrityError as error:
        raise DatasetError("Another process froze a dataset at the same moment. Start again.") from error
    return version


def _copy_items(version: DatasetVersion, gathered: Gathered) -> None:
    """Writes the items by COPY: every version has as many as it has samples."""
    columns = ", ".join(connection.ops.quote_name(name) for name in ("dataset_id", *Entry.COLUMNS))
    into = f"COPY {connection.ops.quote_name(DatasetItem._meta.db_table)} ({columns}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(into) as copy:
        for entry in gathered.entries:
            copy.write_row((version.number, *entry.row()))


def _tell_left_out(version: DatasetVersion, gathered: Gathered) -> None:
    LeftOut.objects.filter(dataset=version).delete()
    for out in gathered.left_out:
        out.dataset = version
    LeftOut.objects.bulk_create(gathered.left_out, batch_size=BATCH)
    for why, count in Counter(out.why for out in gathered.left_out).items():
        log.warning("Dataset version %s is without %d corrections: %s.", version.number, count, why)


def _refuse_purged(version: DatasetVersion) -> None:
    gone = version.items.exclude(purged_at=None)
    if first := gone.order_by("purged_at").first():
        raise DatasetError(
            f"Dataset version {version.number} can't come back: {gone.count()} of its samples were purged for good, "
            f"the first on {first.purged_at:%Y-%m-%d}, as `manage.py dataset forget` was asked to. Its list of samples "
            f"is still there: `manage.py dataset show {version.number}`."
        )


def _check(folder: Path, version: DatasetVersion) -> None:
    manifest.read(folder)
    if manifest.digest(folder) != version.digest:
        raise ManifestError(f"What DVC brought back is not dataset version {version.number}.")


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """One at a time works in a workspace."""
    with (workspace / "freeze.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
