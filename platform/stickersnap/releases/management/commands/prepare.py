"""`manage.py prepare`: what must be done to the database before the service starts."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from stickersnap.embedded.roles import as_owner
from stickersnap.releases.services import starter_deploy


class Command(BaseCommand):
    help = "Brings the database up to date, and puts the starter weights in service where none are."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            self._say(f"Database: {len(missing)} migrations …")
            call_command("migrate", interactive=False, verbosity=0)
        else:
            self._say("Database: up to date")
        starter_deploy()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
