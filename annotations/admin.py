"""The labelled picture in Django's admin, with pictures. Reviewing here goes through the same services."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotations import selectors, services
from annotations.exceptions import AnnotationError
from annotations.models import Correction, DatasetItem, DatasetVersion, Photo, Prediction, Quarantine, Review
from annotations.trust import trust


class ReviewForm(ActionForm):
    """What is asked beside the action: a rejection says why."""

    reason = forms.CharField(required=False, max_length=300, label="Reason", help_text="A rejection needs one.")


def thumbnail(url: str, label: str) -> SafeString:
    """A small picture for a table."""
    return format_html('<img src="{}" alt="{}" style="max-height:96px;max-width:128px">', url, label)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Photo)
class PhotoAdmin(ReadOnlyAdmin):
    list_display = ["picture", "name", "width", "height", "consented_at", "created_at"]
    list_filter = ["created_at"]
    exclude = ["image"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Photo]:
        return super().get_queryset(request).filter(consented_at__isnull=False)

    @admin.display(description="photo")
    def picture(self, photo: Photo) -> SafeString:
        return thumbnail(reverse("photo-image", args=[photo.id]), photo.name)


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ["picture", "photo", "network", "uncertainty", "subject_found", "created_at"]
    list_filter = ["network", "subject_found"]
    exclude = ["mask"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        return super().get_queryset(request).filter(photo__consented_at__isnull=False)

    @admin.display(description="mask")
    def picture(self, prediction: Prediction) -> SafeString:
        return thumbnail(reverse("prediction-mask", args=[prediction.id]), "mask")


class WaitingFilter(admin.SimpleListFilter):
    """Shows what waits for a review, which is what a reviewer came for."""

    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "waiting"), ("approved", "approved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Correction]) -> QuerySet[Correction]:
        if self.value() == "waiting":
            return queryset.filter(id__in=selectors.queue_review().values("id"))
        if self.value() == "approved":
            return queryset.filter(id__in=selectors.corrections_approved().values("id"))
        return queryset


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin):
    list_display = ["photo_picture", "old_mask", "new_mask", "changed", "state", "seconds", "updated_at"]
    list_filter = [WaitingFilter, "created_at"]
    exclude = ["mask", "strokes", "sketch"]
    search_fields = ["author"]
    actions = ["approve", "reject", "quarantine"]
    action_form = ReviewForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Correction]:
        return selectors.corrections().filter(photo__consented_at__isnull=False)

    def has_review_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_reviewer", False))

    @admin.display(description="photo")
    def photo_picture(self, correction: Correction) -> SafeString:
        return thumbnail(reverse("photo-image", args=[correction.photo_id]), "photo")

    @admin.display(description="old mask")
    def old_mask(self, correction: Correction) -> SafeString:
        return thumbnail(reverse("prediction-mask", args=[correction.prediction_id]), "old mask")

    @admin.display(description="new mask")
    def new_mask(self, correction: Correction) -> SafeString:
        url = f"{reverse('correction-mask', args=[correction.id])}?version={correction.version}"
        return thumbnail(url, "new mask")

    @admin.display(description="difference")
    def changed(self, correction: Correction) -> SafeString:
        url = f"{reverse('correction-difference', args=[correction.id])}?version={correction.version}"
        return thumbnail(url, "difference: added in green, removed in red")

    @admin.display(description="state")
    def state(self, correction: Correction) -> str:
        return selectors.correction_state(correction)[0]

    @admin.action(description="Approve", permissions=["review"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Correction]) -> None:
        self._each(request, queryset, services.correction_approve)

    @admin.action(description="Reject", permissions=["review"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Correction]) -> None:
        self._each(request, queryset, services.correction_reject)

    def has_quarantine_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_operator", False))

    @admin.action(description="Put the authors in quarantine", permissions=["quarantine"])
    def quarantine(self, request: HttpRequest, queryset: QuerySet[Correction]) -> None:
        for author in sorted(set(queryset.order_by().values_list("author", flat=True))):
            try:
                trust.quarantine_place(author=author, operator=request.user, reason=request.POST.get("reason", ""))
            except AnnotationError as error:
                self.message_user(request, f"{author}: {error}", messages.ERROR)

    def _each(self, request: HttpRequest, queryset: QuerySet[Correction], write: Any) -> None:
        reason = request.POST.get("reason", "")
        for correction in queryset:
            try:
                write(correction=correction, version=correction.version, reviewer=request.user, reason=reason)
            except AnnotationError as error:
                self.message_user(request, f"{correction.id}: {error}", messages.ERROR)


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    list_display = ["correction", "version", "verdict", "reason", "reviewer", "created_at"]
    list_filter = ["verdict"]


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    list_display = ["author", "reason", "placed_by", "placed_at", "lifted_by", "lifted_at"]
    actions = ["lift"]

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_operator", False))

    @admin.action(description="Lift", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Quarantine]) -> None:
        for row in queryset:
            try:
                trust.quarantine_lift(author=row.author, operator=request.user)
            except AnnotationError as error:
                self.message_user(request, f"{row.author}: {error}", messages.ERROR)


class DatasetItemInline(admin.TabularInline):
    model = DatasetItem
    extra = 0
    can_delete = False


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin):
    list_display = ["number", "digest", "created_at"]
    inlines = [DatasetItemInline]
