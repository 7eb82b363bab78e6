"""Starts the loop by hand."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stickersnap.releases import runs
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import TrainingRun

BY = "command line"


class Command(BaseCommand):
    help = "Freezes the approved corrections, fine-tunes the champion on them and deploys what beats it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, help="budget of the training; else the policy's")
        parser.add_argument("--epochs", type=int, help="epochs; else as many as the minutes allow")
        parser.add_argument("--enqueue", action="store_true", help="hand it to the worker instead of doing it here")

    def handle(self, *args: Any, minutes: float | None, epochs: int | None, enqueue: bool, **options: Any) -> None:
        if (minutes is not None and not 0 < minutes <= 1440) or (epochs is not None and not 1 <= epochs <= 10_000):
            raise CommandError("--minutes must be above 0 and at most 1440, --epochs from 1 to 10000.")
        try:
            run = runs.run_start(by=BY, minutes=minutes, epochs=epochs, enqueue=enqueue)
        except ReleaseError as error:
            raise CommandError(str(error)) from error
        if enqueue:
            self.stdout.write(f"Run {run.id} waits for the worker. See it at /releases.")
            return
        run = runs.run_execute(run_id=run.id, report=self._report)
        if run.state == TrainingRun.State.FAILED:
            raise CommandError(f"Run {run.id} failed: {run.message}")
        self.stdout.write(f"Run {run.id}: {run.state}.")

    def _report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
