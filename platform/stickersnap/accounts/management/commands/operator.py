"""`manage.py operator NAME`: make somebody an operator."""

import getpass
import os
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from stickersnap.accounts.models import User
from stickersnap.accounts.services import operator_create


class Command(BaseCommand):
    help = "Makes NAME an operator and asks for a password (or takes it from STICKERSNAP_OPERATOR_PASSWORD)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        try:
            User(username=name).clean_fields(exclude=["password"])
            password = os.environ.get("STICKERSNAP_OPERATOR_PASSWORD") or _ask(name)
            validate_password(password, User(username=name))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        operator_create(username=name, password=password)
        self.stdout.write(f"{name} is an operator: log in at /login.")


def _ask(name: str) -> str:
    try:
        return getpass.getpass(f"Password for {name}: ")
    except EOFError:
        raise CommandError(
            "There is no terminal to ask at: give a password in STICKERSNAP_OPERATOR_PASSWORD."
        ) from None
    except KeyboardInterrupt:
        raise CommandError("Nothing was changed.") from None
