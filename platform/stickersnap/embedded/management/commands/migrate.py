"""Django's `migrate`, as the role that owns the tables; then the role that serves may use them."""

from typing import Any

from django.core.management.commands import migrate

from stickersnap.embedded.roles import as_owner


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            super().handle(*args, **options)
