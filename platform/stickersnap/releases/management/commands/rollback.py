"""Goes back to the weights that served before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from stickersnap.releases import services
from stickersnap.releases.exceptions import ReleaseError


class Command(BaseCommand):
    help = "Deploys the weights that served before the present ones. Servers follow within seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            deployment = services.rollback(by="command line")
        except ReleaseError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Deployment {deployment.pk}: weights {deployment.weights_id} serve again.")
