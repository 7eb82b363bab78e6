"""`manage.py up`: the whole service on this machine, until Ctrl-C."""

import contextlib
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from stickersnap import env
from stickersnap.embedded.children import ChildFailed
from stickersnap.embedded.claim import ClaimError
from stickersnap.embedded.exceptions import PostgresError
from stickersnap.embedded.supervisor import Supervisor


class Command(BaseCommand):
    help = "Starts PostgreSQL (unless DATABASE_URL names one), web and worker; one Ctrl-C stops them all."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Where the page is served (8000).")
        parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1: this machine; 0.0.0.0: all who reach it.")

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(
            state=settings.STATE,
            root=settings.BASE_DIR,
            host=options["host"],
            port=options["port"],
            host_name=next((name for name in settings.ALLOWED_HOSTS if name[0] not in ".*"), "localhost"),
            database_url=env.text("DATABASE_URL"),
            say=self._say,
        )
        try:
            supervisor.run()
        except (ChildFailed, ClaimError, PostgresError) as error:
            raise CommandError(str(error)) from None

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # what is written may go to a file on a disk that is full
            self.stdout.write(line)
            self.stdout.flush()
