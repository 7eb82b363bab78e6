"""Corrections go out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.datasets.exports import corrections_export
from annotations.exceptions import AnnotationError


class Command(BaseCommand):
    help = "Writes all approved corrections of consented photos: images/, soft masks/ and a COCO annotations.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a new or empty folder")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            names = list(corrections_export(folder=folder))
        except (AnnotationError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(names)} corrections are in {folder}.")
