"""Releases in Django's admin: to be looked at; only the policy can be edited."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from annotations.admin import ReadOnlyAdmin
from stickersnap.releases import selectors, signing
from stickersnap.releases.exceptions import ReleaseError
from stickersnap.releases.gate import approvals
from stickersnap.releases.models import (
    Approval,
    Benchmark,
    Deployment,
    PromotionDecision,
    RetrainPolicy,
    Rollout,
    StudentDeployment,
    TrainingRun,
    Weights,
)

PLOT = (320, 120)
SHOWN = 60


@admin.register(Weights)
class WeightsAdmin(ReadOnlyAdmin):
    list_display = ["short", "network", "run", "created_at"]
    fields = ["sha256", "network", "run", "created_at", "card_text"]

    @admin.display(description="sha256")
    def short(self, weights: Weights) -> str:
        return weights.sha256[:12]

    @admin.display(description="card")
    def card_text(self, weights: Weights) -> SafeString:
        card = {name: value for name, value in weights.card.items() if name != "golden"}
        return format_html("<pre>{}</pre>", json.dumps(card, indent=1, ensure_ascii=False))


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "state", "network", "dataset", "requested_by", "created_at", "finished_at"]
    list_filter = ["state"]
    exclude = ["metrics"]
    readonly_fields = ["loss", "iou"]

    @admin.display(description="training loss")
    def loss(self, run: TrainingRun) -> SafeString:
        return curve([point["train_loss"] for point in run.metrics if point.get("train_loss") is not None])

    @admin.display(description="IoU on validation photos")
    def iou(self, run: TrainingRun) -> SafeString:
        return curve([point["val_iou"] for point in run.metrics if point.get("val_iou") is not None])


@admin.register(PromotionDecision)
class PromotionDecisionAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "passed", "waits", "signed", "by", "short_reason", "created_at"]
    list_filter = ["passed", "kind", "approval_needed"]
    list_select_related = ["approval"]
    fields = ["kind", "passed", "by", "reason", "champion", "challenger", "run", "created_at", "pictures"]
    actions = ["approve", "decline"]

    @admin.display(boolean=True)
    def waits(self, decision: PromotionDecision) -> bool:
        return decision.passed and decision.approval_needed and getattr(decision, "approval", None) is None

    @admin.display(boolean=True)
    def signed(self, decision: PromotionDecision) -> bool:
        return signing.verifies(decision)

    @admin.action(description="Approve: it serves from now on")
    def approve(self, request: HttpRequest, decisions: QuerySet[PromotionDecision]) -> None:
        self._settle(request, decisions, approvals.decision_approve)

    @admin.action(description="Decline: it never serves")
    def decline(self, request: HttpRequest, decisions: QuerySet[PromotionDecision]) -> None:
        self._settle(request, decisions, approvals.decision_decline)

    def _settle(self, request: HttpRequest, decisions: QuerySet[PromotionDecision], settle: Callable[..., Any]) -> None:
        for decision in decisions:
            try:
                settle(decision=decision, by=request.user.get_username())
            except ReleaseError as error:
                self.message_user(request, f"Decision {decision.pk}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"Decision {decision.pk}: done.")

    @admin.display(description="reason")
    def short_reason(self, decision: PromotionDecision) -> str:
        return decision.reason[:100]

    @admin.display(description="held-out photos, worst change first")
    def pictures(self, decision: PromotionDecision) -> SafeString:
        """A table of IoU before and after, with a bar for the change."""
        images = [image for image in decision.evidence.get("images", []) if scored(image)]
        images.sort(key=change)
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    str(image.get("image_sha256"))[:12],
                    f"{image['champion_iou']:.3f}",
                    f"{image['challenger_iou']:.3f}",
                    bar(change(image)),
                )
                for image in images[:SHOWN]
            ),
        )
        return format_html(
            "<table><tr><th>photo</th><th>champion IoU</th><th>challenger IoU</th><th>change</th></tr>{}</table>", rows
        )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ["decision", "approved", "by", "comment", "created_at"]
    list_select_related = ["decision"]


@admin.register(Benchmark)
class BenchmarkAdmin(ReadOnlyAdmin):
    list_display = ["name", "pictures", "by", "created_at", "removed_at"]


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "weights", "current", "decided", "rollback_of", "by", "created_at"]
    list_select_related = ["weights", "decision"]

    @admin.display(description="decided by")
    def decided(self, deployment: Deployment) -> str:
        return deployment.decision.get_kind_display()

    @admin.display(boolean=True)
    def current(self, deployment: Deployment) -> bool:
        newest = selectors.deployment_current()
        return newest is not None and newest.pk == deployment.pk


@admin.register(Rollout)
class RolloutAdmin(ReadOnlyAdmin):
    list_display = ["id", "stage", "weights", "message", "by", "created_at", "ended_at"]
    list_filter = ["stage"]
    list_select_related = ["weights"]


@admin.register(StudentDeployment)
class StudentDeploymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "weights", "champion", "by", "created_at"]
    list_select_related = ["weights", "champion"]


@admin.register(RetrainPolicy)
class RetrainPolicyAdmin(admin.ModelAdmin):
    list_display = ["__str__", "corrections_minimum", "interval_hours", "hour", "minutes", "heldout_minimum"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not RetrainPolicy.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def scored(image: Any) -> bool:
    names = ("champion_iou", "challenger_iou")
    return isinstance(image, dict) and all(isinstance(image.get(name), int | float) for name in names)


def change(image: dict[str, Any]) -> float:
    return float(image["challenger_iou"]) - float(image["champion_iou"])


def bar(gain: float) -> SafeString:
    """Green to the right for a gain, red for a loss; the figure beside it, in points."""
    width = min(150, round(abs(gain) * 300))
    colour = "#2e7d32" if gain >= 0 else "#c62828"
    return format_html(
        '<svg width="{}" height="10"><rect width="{}" height="10" fill="{}"/></svg> {}',
        width,
        width,
        colour,
        f"{100 * gain:+.1f}",
    )


def curve(values: list[float]) -> SafeString:
    """A small line over the epochs, with its first and last value."""
    if not values:
        return format_html("{}", "–")
    width, height = PLOT
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = width / max(1, len(values) - 1)
    points = " ".join(
        f"{i * step:.1f},{height - 4 - (height - 8) * (value - low) / span:.1f}" for i, value in enumerate(values)
    )
    return format_html(
        '<svg width="{}" height="{}" role="img" aria-label="{}"><polyline fill="none" stroke="#1565c0" '
        'stroke-width="2" points="{}"/></svg><br>{}',
        width,
        height,
        f"from {values[0]:.4f} to {values[-1]:.4f} in {len(values)} epochs",
        points,
        f"{values[0]:.4f} → {values[-1]:.4f}",
    )
