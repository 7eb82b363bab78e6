from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from stickersnap.accounts.models import Consent, User


class SuperuserOnly:
    """A reviewer or a member of the staff must not be able to make themselves more than that."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = (
        lambda self, request, obj=None: self.has_module_permission(request)
    )


@admin.register(User)
class PersonAdmin(SuperuserOnly, UserAdmin):
    list_display = ["username", "role", "is_active", "is_staff", "last_login"]
    list_filter = ["role", "is_active"]
    fieldsets = [*UserAdmin.fieldsets, ("StickerSnap", {"fields": ["role"]})]  # type: ignore[misc]


@admin.register(Consent)
class ConsentAdmin(admin.ModelAdmin):
    list_display = ["owner", "given", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Consent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Consent | None = None) -> bool:
        return False
