"""Starts the loop by hand, or says what it would find."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stickersnap.releases.doctor import forecast
from stickersnap.releases.doctor.checkup import Health
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import TrainingRun
from stickersnap.releases.runs import runs

BY = "command line"
MARKS = {Health.WELL: "ok  ", Health.NOTE: "note", Health.ILL: "STOP"}

SAID = {
    "process": "",
    "checkpoint": "",
    "sample": "",
    "start": "Training …",
    "interpolate": "Took as much of the new weights as helps without forgetting.",
    "evaluate": "Compared with what serves, on the held-out photos.",
    "forms": "Made the ONNX forms.",
    "done": "Trained.",
}
"""What the training's events mean to a person; nothing where there is no more to say."""


class Command(BaseCommand):
    help = "Freezes the approved corrections, fine-tunes the champion on them and deploys what beats it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--now", action="store_true", help="start a run now, whatever the schedule says: the default")
        what.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would happen and why; exits 1 where something is in the way",
        )
        parser.add_argument("--minutes", type=float, help="budget of the training; else the policy's")
        parser.add_argument("--epochs", type=int, help="epochs; else as many as the minutes allow")
        parser.add_argument("--enqueue", action="store_true", help="hand it to the worker instead of doing it here")

    def handle(self, *args: Any, minutes: float | None, epochs: int | None, enqueue: bool, **options: Any) -> None:
        if options["dry_run"]:
            self._forecast()
            return
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
        while run.state == TrainingRun.State.QUEUED:  # it was handed back; a worker may be quicker to take it up
            run = runs.run_execute(run_id=run.id, report=self._report)
        if run.state in TrainingRun.WORKING:
            self.stdout.write(f"A worker leads run {run.id} by now. See it at /releases.")
            return
        if run.state == TrainingRun.State.FAILED:
            raise CommandError(f"Run {run.id} failed: {run.message}")
        self.stdout.write(f"Run {run.id}: {run.state}.")

    def _forecast(self) -> None:
        findings = forecast.forecast()
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            self.stdout.write(f"{MARKS[finding.health]}  {finding.subject:<{width}}  {finding.sentence}")
        if any(finding.health is Health.ILL for finding in findings):
            raise CommandError("A run started now would end without a promotion. Nothing was changed.")
        self.stdout.write("Nothing is in the way of `manage.py retrain --now`. Nothing was changed.")

    def _report(self, line: str) -> None:
        if said := SAID.get(line, line):
            self.stdout.write(said)
            self.stdout.flush()
