"""Benchmarks: folders of pictures with masks on which every challenger is judged."""

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.gate import benchmarks


class Command(BaseCommand):
    help = "Adds, lists and removes benchmarks: what a challenger must not get worse at, beside the held-out photos."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="import a folder with images/NAME.jpg|png|webp and masks/NAME.png")
        add.add_argument("name", help="lower-case letters, digits, hyphens")
        add.add_argument("folder", type=Path)
        actions.add_parser("list", help="those that challengers are judged on")
        remove = actions.add_parser("remove", help="judge on it no longer")
        remove.add_argument("name")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except ReleaseError as error:
            raise CommandError(str(error)) from error

    def _add(self, *, name: str, folder: Path, **_: Any) -> None:
        added = benchmarks.benchmark_add(name=name, folder=folder, by=getpass.getuser())
        self.stdout.write(f"{added.name}: {added.pictures} pictures. The next challenger is judged on them, too.")

    def _list(self, **_: Any) -> None:
        found = benchmarks.benchmarks()
        if not found:
            self.stdout.write("There is no benchmark yet. `manage.py benchmark add NAME FOLDER` adds one.")
        for benchmark in found:
            self.stdout.write(
                f"{benchmark.name} {benchmark.pictures} pictures {benchmark.digest[:12]} "
                f"{benchmark.created_at:%Y-%m-%d} {benchmark.by}"
            )

    def _remove(self, *, name: str, **_: Any) -> None:
        benchmarks.benchmark_remove(name=name)
        self.stdout.write(f"{name} is removed: challengers are judged on it no longer.")
