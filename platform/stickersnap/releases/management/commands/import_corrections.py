"""Masks made elsewhere come in."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.exceptions import AnnotationError
from segmentation.manifest import ManifestError
from stickersnap.accounts.models import User
from stickersnap.releases import imports


class Command(BaseCommand):
    help = "Imports a folder of pictures and masks as photos with approved corrections, owned by an operator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="with images/ and masks/ of equal names, or a manifest")
        parser.add_argument("--operator", required=True, help="whose photos they become")

    def handle(self, *args: Any, folder: Path, operator: str, **options: Any) -> None:
        user = User.objects.filter(username=operator).first()
        if user is None or not user.is_operator:
            raise CommandError(f"{operator} is no operator. `manage.py operator {operator}` makes one.")
        refused = 0
        try:
            total = len(imports.pictures_found(folder))
            for number, told in enumerate(imports.corrections_import(folder=folder, operator=user), 1):
                refused += told.refused
                self.stdout.write(f"{number} of {total}  {told.name}  {told.said}")
        except (AnnotationError, ManifestError) as error:
            raise CommandError(str(error)) from error
        if refused:
            raise CommandError(f"{refused} of {total} were refused; the others are in. Mend them and start again.")
