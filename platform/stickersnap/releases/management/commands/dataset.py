"""Dataset versions on the command line."""

import json
import uuid
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotations.datasets import forgetting, history
from annotations.datasets.versions import dataset_freeze, dataset_restore, version_get
from annotations.exceptions import AnnotationError
from stickersnap.releases.models import TrainingRun
from stickersnap.releases.runs.runs import dataset_workspace

OPTIONS = ("number", "before", "after", "folder", "run", "json", "name", "owner", "purge")


class Command(BaseCommand):
    help = "Lists, shows, compares, freezes, restores and pins dataset versions, and forgets what they held."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every version")
        actions.add_parser("freeze", help="make a version of what is approved now")
        show = actions.add_parser("show", help="one version in figures, who saw it, and its .dvc text")
        show.add_argument("number", type=int)
        diff = actions.add_parser("diff", help="which photos two versions hold differently")
        diff.add_argument("before", type=int)
        diff.add_argument("after", type=int)
        diff.add_argument("--json", action="store_true", help="one JSON document with every photo")
        restore = actions.add_parser("restore", help="bring a version back into a folder that does not exist")
        restore.add_argument("number", type=int, nargs="?", help="of the version; or --run")
        restore.add_argument("folder", type=Path)
        restore.add_argument("--run", help="the version that this run learned from: its id, or how it begins")
        pin = actions.add_parser("pin", help="write data.dvc, to commit the version beside the code")
        pin.add_argument("number", type=int)
        forget = actions.add_parser("forget", help="which versions, runs and weights saw a photo; --purge removes it")
        forget.add_argument(
            "name", metavar="ID", type=uuid.UUID, help="of a photo or a correction; with --owner, of an owner"
        )
        forget.add_argument("--owner", action="store_true", help="everything that this owner brought")
        forget.add_argument("--purge", action="store_true", help="remove its bytes from the DVC remote and from here")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**{name: options[name] for name in OPTIONS if name in options})
        except AnnotationError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        versions = history.versions().order_by("number")
        if not versions:
            self.stdout.write("There is no dataset version yet: each run freezes one.")
        for version in versions:
            self._line(version)

    def _freeze(self) -> None:
        version = dataset_freeze(workspace=dataset_workspace())
        self._line(history.versions().get(number=version.number))

    def _show(self, number: int) -> None:
        found = history.summary(number)
        version = history.versions().get(number=number)
        runs = [f"{run.pk} ({run.state})" for run in TrainingRun.objects.filter(dataset=number)]
        self._line(version)
        self.stdout.write(
            f"sources: {_counts(found.sources)}\n"
            f"owners: {found.owners}, groups of near-duplicates: {found.groups}, {found.bytes / 1e6:.1f} MB\n"
            f"weights of samples: {found.weights['mean']:.2f} on average, {found.weights['least']:.2f} at least\n"
            f"left out: {_counts(found.left_out) or 'none'}"
        )
        for out in version.left_out.all()[:20]:
            self.stdout.write(f"  {out.correction}: {out.reason}")
        if found.purged:
            self.stdout.write(f"purged: {found.purged} samples; it can't be restored")
        self.stdout.write(
            f"runs: {', '.join(runs) or 'none'}\nweights that learned from it: {', '.join(found.trained) or 'none'}\n"
            f"digest: {version.digest}\n\n{version.dvc_text}"
        )

    def _diff(self, before: int, after: int, json: bool) -> None:
        changes = list(history.diff(before, after))
        if json:
            self.stdout.write(_document(before, after, changes))
            return
        for kind, count in history.counted(changes).items():
            self.stdout.write(f"{count:7}  {kind}")
        if not changes:
            self.stdout.write("They hold the same photos with the same masks.")

    def _restore(self, number: int | None, folder: Path, run: str | None) -> None:
        if run is not None and number is None:
            number = _of_run(run)
        elif number is None or run is not None:
            raise CommandError("Name a version's number, or --run and a run's id.")
        version = dataset_restore(number=number, folder=folder)
        self._line(history.versions().get(number=version.number))
        self.stdout.write(f"It is in {folder}.")

    def _pin(self, number: int) -> None:
        path = Path(settings.BASE_DIR) / "data.dvc"
        text = version_get(number).dvc_text
        try:
            path.write_text(text)
        except OSError as error:
            raise CommandError(
                f"{error}. Write this to data.dvc in a checkout that you may change:\n\n{text}"
            ) from error
        self.stdout.write(
            f"{path.name} names dataset version {number} now. Bring it to data/ with\n"
            f"  dvc remote add --local --force service {settings.DVC_REMOTE}\n"
            "  dvc pull --remote service"
        )

    def _forget(self, name: uuid.UUID, owner: bool, purge: bool) -> None:
        photos = history.photos_named(name, owner=owner)
        if not photos:
            raise CommandError(f"Nothing here was ever called {name}.")
        seen = history.seen_by(photos)
        runs = TrainingRun.objects.filter(dataset__in=seen.versions).order_by("created_at")
        self.stdout.write(
            f"photos: {len(photos)}\n"
            f"dataset versions that held them: {_list(seen.versions)}\n"
            f"runs on those versions: {_list(run.pk for run in runs)}\n"
            f"weights that learned from them, themselves or through their champion: {_list(seen.weights)}"
        )
        if not purge:
            if seen.versions:
                self.stdout.write(
                    "Nothing was removed. Once the photo is deleted, or the consent taken back, --purge removes its "
                    "files from the DVC remote and from here."
                )
            return
        alone = not owner and name not in photos
        what = {"corrections": [name]} if alone else {"photos": photos}
        purged = forgetting.dataset_purge(workspace=dataset_workspace(), **what)
        if not purged.versions:
            self.stdout.write("No dataset version held it: there was nothing to remove.")
            return
        self.stdout.write(
            f"{purged.files} files were removed from the DVC remote {settings.DVC_REMOTE} and from here.\n"
            + (f"{purged.left}\n" if purged.left else "")
            + f"Can't be restored any more: dataset versions {_list(purged.versions)}.\n"
            "Weights keep what they learned: `manage.py retrain --now` makes others, from a version without it. Sample "
            "pictures of the runs above, in their folders and in MLflow, may show the photos."
        )

    def _line(self, version: Any) -> None:
        self.stdout.write(
            f"{version.number}  {version.digest[:12]}  {version.created_at:%Y-%m-%d %H:%M}  "
            f"{version.train} to train, {version.holdout} held out, {version.unlabelled} without a mask"
            + (f", {version.purged} purged" if version.purged else "")
        )


def _of_run(name: str) -> int:
    found = [run for run in TrainingRun.objects.exclude(dataset=None) if str(run.pk).startswith(name.lower())]
    if len(found) != 1:
        raise CommandError(f"{len(found)} runs with a dataset version have an id that begins with {name}: name one.")
    assert found[0].dataset_id is not None
    return int(found[0].dataset_id)


def _document(before: int, after: int, changes: list[history.Change]) -> str:
    listed = [{"what": change.what, **asdict(change)} for change in changes]
    return json.dumps(
        {"before": before, "after": after, "counts": history.counted(changes), "changes": listed},
        default=str,
        indent=1,
    )


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


def _list(found: Any) -> str:
    return ", ".join(str(one) for one in found) or "none"
