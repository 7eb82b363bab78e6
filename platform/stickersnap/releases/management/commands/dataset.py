"""Dataset versions on the command line."""

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotations.datasets import dataset_freeze, dataset_restore
from annotations.exceptions import AnnotationError
from annotations.models import DatasetVersion
from stickersnap.releases.runs import dataset_workspace


class Command(BaseCommand):
    help = "Lists, shows, freezes, restores and pins dataset versions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="every version")
        actions.add_parser("freeze", help="make a version of what is approved now")
        show = actions.add_parser("show", help="one version, with its .dvc text")
        show.add_argument("number", type=int)
        restore = actions.add_parser("restore", help="bring a version back into a folder that does not exist")
        restore.add_argument("number", type=int)
        restore.add_argument("folder", type=Path)
        pin = actions.add_parser("pin", help="write data.dvc, to commit the version beside the code")
        pin.add_argument("number", type=int)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**{name: options[name] for name in ("number", "folder") if name in options})
        except AnnotationError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        for version in DatasetVersion.objects.order_by("number").prefetch_related("items"):
            self._line(version)

    def _freeze(self) -> None:
        self._line(dataset_freeze(workspace=dataset_workspace()))

    def _show(self, number: int) -> None:
        version = _version(number)
        self._line(version)
        self.stdout.write(f"{version.dvc_text}\nruns: {', '.join(str(run.pk) for run in version.runs.all()) or 'none'}")

    def _restore(self, number: int, folder: Path) -> None:
        self._line(dataset_restore(number=number, folder=folder))
        self.stdout.write(f"It is in {folder}.")

    def _pin(self, number: int) -> None:
        path = Path(settings.BASE_DIR) / "data.dvc"
        path.write_text(_version(number).dvc_text)
        self.stdout.write(
            f"{path.name} names dataset version {number} now. Bring it to data/ with\n"
            f"  dvc remote add --local --force service {settings.DVC_REMOTE}\n"
            "  dvc pull --remote service"
        )

    def _line(self, version: DatasetVersion) -> None:
        splits = Counter(item.split for item in version.items.all())
        self.stdout.write(
            f"{version.number}  {version.digest[:12]}  {version.created_at:%Y-%m-%d %H:%M}  "
            f"{splits['train']} to train, {splits['holdout']} held out"
        )


def _version(number: int) -> DatasetVersion:
    version = DatasetVersion.objects.filter(number=number).first()
    if version is None:
        raise CommandError(f"There is no dataset version {number}. `manage.py dataset list` shows those there are.")
    return version
