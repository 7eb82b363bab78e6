"""Decisions: looked at, approved, declined, and signed again after the key was replaced."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from stickersnap.accounts.models import User
from stickersnap.releases import signing
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.gate import approvals
from stickersnap.releases.models import PromotionDecision


class Command(BaseCommand):
    help = "Lists, approves and declines decisions, and checks their signatures."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="the newest decisions; * waits for approval")
        for action in ("approve", "decline"):
            word = actions.add_parser(action, help=f"{action} one that waits")
            word.add_argument("number", type=int)
            word.add_argument("--by", required=True, help="your name as an operator")
            word.add_argument("--comment", default="", help="why, for those who look later")
        actions.add_parser("verify", help="whether this installation's key signed all that makes weights serve")
        sign = actions.add_parser("sign", help="sign again with the present key, so that a former one can be dropped")
        sign.add_argument(
            "--trust", type=int, nargs="+", default=[], metavar="ID", help="decisions whose key is lost, to be believed"
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except ReleaseError as error:
            raise CommandError(str(error)) from error

    def _list(self, **_: Any) -> None:
        for decision in PromotionDecision.objects.select_related("approval")[:20]:
            mark = "*" if self._waits(decision) else " "
            self.stdout.write(f"{mark} {decision.pk} {decision.kind} {decision} {decision.reason.splitlines()[0]}")

    def _waits(self, decision: PromotionDecision) -> bool:
        return decision.passed and decision.approval_needed and getattr(decision, "approval", None) is None

    def _approve(self, **options: Any) -> None:
        decision = self._named(**options)
        deployment = approvals.decision_approve(decision=decision, by=options["by"], comment=options["comment"])
        done = f"deployment {deployment.pk} serves" if deployment else "it is on its way"
        self.stdout.write(f"Decision {decision.pk} is approved: {done}.")

    def _decline(self, **options: Any) -> None:
        decision = self._named(**options)
        approvals.decision_decline(decision=decision, by=options["by"], comment=options["comment"])
        self.stdout.write(f"Decision {decision.pk} is declined.")

    def _named(self, *, number: int, by: str, **_: Any) -> PromotionDecision:
        user = User.objects.filter(username=by).first()
        if user is None or not user.is_operator:
            raise CommandError(f"{by} is no operator. `manage.py operator {by}` makes one.")
        decision = PromotionDecision.objects.filter(pk=number).first()
        if decision is None:
            raise CommandError(f"There is no decision {number}. `manage.py decision list` shows those there are.")
        return decision

    def _verify(self, **_: Any) -> None:
        forged = []
        for what, rows in signing.all_rows():
            unsigned = [row.pk for row in rows if not signing.verifies(row)]
            if unsigned:
                forged.append(f"{what} {unsigned} of {rows.count()}")
        if forged:
            raise CommandError(f"Not signed by this installation: {', '.join(forged)}. They make nothing serve.")
        count = PromotionDecision.objects.count()
        self.stdout.write(
            f"All {count} decisions are signed by this installation, and so is what was made to serve by them."
        )

    def _sign(self, *, trust: list[int], **_: Any) -> None:
        signed, left = 0, []
        with transaction.atomic():
            for what, rows in signing.all_rows():
                for row in rows:
                    if signing.verifies(row, by_present_key=True):
                        continue
                    if not signing.verifies(row) and not signing.decisions_of(row) & set(trust):
                        left.append(f"{what} {row.pk}")
                        continue
                    signing.signed(row)
                    signed += 1
        self.stdout.write(f"{signed} rows are signed again.")
        if left:
            raise CommandError(
                f"{', '.join(left)}: signed by no key known here; they stay as they are. If you know a decision to be "
                "right: `manage.py decision sign --trust ID …`, with what was made to serve by it."
            )
