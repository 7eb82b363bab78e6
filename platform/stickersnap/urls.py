"""Every address of the service."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from stickersnap import health, pages
from stickersnap.accounts import api as accounts
from stickersnap.api.docs import DocsView
from stickersnap.api.shapes import rembg, removebg
from stickersnap.stickers import api as stickers
from stickersnap.validate.api import ValidateView

api: list[URLPattern | URLResolver] = [
    path("session/", accounts.SessionView.as_view(), name="session"),
    path("session/consent/", accounts.ConsentView.as_view(), name="consent"),
    path("photos/<uuid:photo_id>/consent/", accounts.PhotoConsentView.as_view(), name="photo-consent"),
    path("session/login/", accounts.LoginView.as_view(), name="login"),
    path("session/logout/", accounts.LogoutView.as_view(), name="logout"),
    path("", include("annotations.api.urls")),
    path("stickers/", stickers.StickerListView.as_view(), name="stickers"),
    path("stickers/preview/", stickers.StickerPreviewView.as_view(), name="sticker-preview"),
    path("stickers/<uuid:sticker_id>/file/", stickers.StickerFileView.as_view(), name="sticker-file"),
    path("", include("stickersnap.packs.urls")),
    path("validate/", ValidateView.as_view(), name="validate"),
    path("", include("stickersnap.releases.api.urls")),
]
urlpatterns = [
    path("", pages.root, name="maker"),
    path("api/v1/", include(api)),
    path("v1.0/removebg", removebg.RemoveBgView.as_view(), name="removebg"),
    path("v1.0/account", removebg.AccountView.as_view(), name="removebg-account"),
    path("api/remove", rembg.RembgView.as_view(), name="rembg"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", DocsView.as_view(), name="docs"),
    path("admin/login/", accounts.admin_login),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    *pages.addresses(),
]
admin.site.site_header = admin.site.site_title = "StickerSnap"
admin.site.index_title = "Tables"
handler400 = "stickersnap.api.errors.bad_request"
handler403 = "stickersnap.api.errors.permission_denied"
handler404 = "stickersnap.pages.not_found"
handler500 = "stickersnap.api.errors.server_error"
