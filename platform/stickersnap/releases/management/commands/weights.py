"""Sets of weights: what there is, how more come in, and which of them serve."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from segmentation.backends import DeviceError
from segmentation.convert import families
from segmentation.trial import UselessError
from segmentation.weights import WeightsError, published
from segmentation.weights.download import DownloadError
from segmentation.weights.golden import GoldenError
from segmentation.weights.published import Graph
from stickersnap.accounts.models import User
from stickersnap.releases import selectors, services
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.models import Weights
from stickersnap.releases.weights import arrivals

REFUSALS = (WeightsError, DownloadError, GoldenError, DeviceError, UselessError, ReleaseError, OSError)


class Command(BaseCommand):
    help = "Lists weights, brings published or own ones in, and says which of them serve."
    table = published.TABLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="registered and published weights")
        pull = actions.add_parser("pull", help="download published weights, checked by their pinned digest")
        pull.add_argument("name", help=", ".join(entry.name for entry in self.table))
        come = actions.add_parser("import", help="bring in a .pth, .safetensors or .onnx file, or a folder of weights")
        come.add_argument("path", type=Path)
        come.add_argument("--name", default="", help="what to call them from now on")
        come.add_argument("--family", choices=families.NAMES, help="an ONNX file is fed and read as these are")
        come.add_argument("--size", type=int, help="the side of its input, where the graph leaves it open")
        come.add_argument("--mean", type=float, nargs=3, help="what is subtracted of red, green and blue")
        come.add_argument("--std", type=float, nargs=3, help="what they are divided by after that")
        come.add_argument("--scale", choices=published.SCALES, help="pixels are divided by the photo's maximum, by 255")
        come.add_argument("--answers", choices=("logits", "sigmoid", "minmax"), help="what the graph's numbers are")
        come.add_argument("--channel", type=int, help="which channel of its answer is the subject, from 0")
        come.add_argument("--anyway", action="store_true", help="take them though they don't cut the trial photographs")
        use = actions.add_parser("use", help="make registered weights serve, by an operator's own decision")
        use.add_argument("name", help="name, sha256 or its beginning, or starter")
        use.add_argument("--by", required=True, help="your name as an operator")
        use.add_argument("--reason", default="", help="why, for those who look later")
        use.add_argument("--yes", action="store_true", help="replace what serves now")
        actions.add_parser("deploy-starter", help="the shipped weights, where nothing was deployed yet")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        steps: dict[str, Callable[..., None]] = {
            "list": self._list,
            "pull": self._pull,
            "import": self._import,
            "use": self._use,
            "deploy-starter": self._deploy_starter,
        }
        try:
            steps[action](**options)
        except REFUSALS as error:
            raise CommandError(str(error)) from error

    def _list(self, **_: Any) -> None:
        current = selectors.deployment_current()
        for weights in Weights.objects.order_by("created_at"):
            mark = "*" if current and current.weights_id == weights.sha256 else " "
            figures = ", ".join(f"{name} {value:.3f}" for name, value in selectors.figures(weights).items())
            name = weights.card.get("published") or weights.card.get("name") or "–"
            self.stdout.write(
                f"{mark} {weights.sha256} {weights.network} {weights.created_at:%Y-%m-%d %H:%M} {name} {figures}"
            )
        self.stdout.write("\nPublished, for `manage.py weights pull NAME`:")
        for entry in self.table:
            here = "here" if arrivals.registered(entry).exists() else f"{entry.about / published.MB:.0f} MB"
            self.stdout.write(f"  {entry.name:<22} {here:>7}  {entry.source}\n{'':>33}Licence: {entry.licence}.")

    def _pull(self, *, name: str, **_: Any) -> None:
        try:
            entry = published.named(name, self.table)
        except KeyError as error:
            raise CommandError(str(error.args[0])) from error
        self.stdout.write(f"{entry.name}: {entry.source}. Licence: {entry.licence}.")
        with _bar(entry.file) as progress:
            weights = arrivals.weights_pull(entry=entry, progress=progress)
        self._arrived(weights, entry.name)

    def _import(self, *, path: Path, name: str, anyway: bool, size: int | None, **options: Any) -> None:
        if not path.exists():
            raise CommandError(f"There is no {path}.")
        graph = _graph(**options)
        if graph and path.suffix != ".onnx":
            raise CommandError("How a graph is fed and read is said of .onnx files alone: leave these options out.")
        weights = arrivals.weights_import(path=path, name=name, size=size, graph=graph, anyway=anyway)
        if tried := weights.card.get("tried"):
            self.stdout.write("Tried on five photographs: " + ", ".join(f"{n} IoU {v:.2f}" for n, v in tried.items()))
        self._arrived(weights, name if weights.card.get("name") == name else "")

    def _arrived(self, weights: Weights, name: str) -> None:
        self.stdout.write(
            f"Weights {weights.sha256} ({weights.network}) are here. "
            f"`manage.py weights use {name or weights.sha256[:12]} --by YOURNAME` makes them serve."
        )

    def _use(self, *, name: str, by: str, reason: str, yes: bool, **_: Any) -> None:
        user = User.objects.filter(username=by).first()
        if user is None or not user.is_operator:
            raise CommandError(f"{by} is no operator. `manage.py operator {by}` makes one.")
        weights = arrivals.weights_find(name)
        current = selectors.deployment_current()
        if current and not yes:
            raise CommandError(
                f"{current.weights} serves now. To replace it with {weights}, without the gate's comparison, add --yes."
            )
        try:
            deployment = services.weights_use(weights=weights, by=by, reason=reason)
        except DatabaseError as error:
            raise CommandError(f"Not deployed, what served goes on serving: {error}") from error
        self.stdout.write(
            f"Deployment {deployment.pk}: weights {deployment.weights_id} serve, chosen by {by}. "
            "Servers follow within seconds; `manage.py rollback` goes back."
        )

    def _deploy_starter(self, **_: Any) -> None:
        deployment = services.starter_deploy()
        self.stdout.write(f"Deployment {deployment.pk}: weights {deployment.weights_id} serve.")


def _graph(*, family: str | None, answers: str | None, **given: Any) -> Graph | None:
    """How an ONNX file is fed and read, as far as the options say; None where they say nothing."""
    values = {key: given[key] for key in ("mean", "std", "scale", "channel") if given.get(key) is not None}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    if answers:
        values["answers"] = "probabilities" if answers == "sigmoid" else answers
    if not family and not values:
        return None
    graph = replace(families.family_get(family).graph if family else Graph(), **values)
    if fault := published.graph_fault(graph.as_card()):
        raise CommandError(f"What is said of the graph {fault}.")
    return graph


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error while something is downloaded; none where nobody looks."""
    from tqdm import tqdm

    with tqdm(desc=title, unit="B", unit_scale=True, unit_divisor=1000, disable=None, file=sys.stderr) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
