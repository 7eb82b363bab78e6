"""Sets of weights: what there is, and the shipped ones' way in."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segmentation.weights import WeightsError
from stickersnap.releases import selectors, services
from stickersnap.releases.models import Weights


class Command(BaseCommand):
    help = "Lists the registered weights, or deploys the shipped ones where nothing was deployed yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", "deploy-starter"])

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if action == "list":
            self._list()
            return
        try:
            deployment = services.starter_deploy()
        except WeightsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Deployment {deployment.pk}: weights {deployment.weights_id} serve.")

    def _list(self) -> None:
        current = selectors.deployment_current()
        for weights in Weights.objects.order_by("created_at"):
            mark = "*" if current and current.weights_id == weights.sha256 else " "
            figures = ", ".join(f"{name} {value:.3f}" for name, value in selectors.figures(weights).items())
            self.stdout.write(
                f"{mark} {weights.sha256} {weights.network} {weights.created_at:%Y-%m-%d %H:%M} {figures}"
            )
