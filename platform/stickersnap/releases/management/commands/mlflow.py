"""`manage.py mlflow`: MLflow's own pages on the service's runs."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from stickersnap.releases.weights import registry


class Command(BaseCommand):
    help = "Serves MLflow's pages on the service's own runs until Ctrl-C; they ask for no password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=5000, help="where (5000)")
        parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container whose port is published")

    def handle(self, *args: Any, **options: Any) -> None:
        uri, secrets = registry.tracking_prepare()
        if not uri:
            raise CommandError("MLflow's database can't be had. `manage.py doctor` says what is wrong.")
        self.stdout.write(f"MLflow is starting at http://127.0.0.1:{options['port']}")
        self.stdout.flush()
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", options["host"]]
        command += ["--port", str(options["port"]), "--default-artifact-root", str(settings.MLFLOW_ARTIFACTS)]
        os.execve(sys.executable, command, {**os.environ, **secrets})  # noqa: S606
