"""Says what is running where."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from stickersnap.embedded import claim
from stickersnap.releases.doctor import checkup

MARKS = {checkup.Health.WELL: "ok  ", checkup.Health.NOTE: "note", checkup.Health.ILL: "FAIL"}

URL = "http://localhost:8000"


class Command(BaseCommand):
    help = "Says what is running where; exits 1 when something is broken, or a GPU was asked for and is not used."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", help=f"where the web server should answer; else as `manage.py up` says, or {URL}")

    def handle(self, *args: Any, url: str | None, **options: Any) -> None:
        findings = checkup.findings(url or claim.address(settings.STATE) or URL)
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            self.stdout.write(f"{MARKS[finding.health]}  {finding.subject:<{width}}  {finding.sentence}")
        if any(finding.health is checkup.Health.ILL for finding in findings):
            raise SystemExit(1)
