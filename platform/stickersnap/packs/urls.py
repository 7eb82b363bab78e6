from django.urls import path

from stickersnap.packs import api

urlpatterns = [
    path("packs/", api.PackListView.as_view(), name="packs"),
    path("packs/<uuid:pack_id>/", api.PackView.as_view(), name="pack"),
    path("packs/<uuid:pack_id>/stickers/", api.PackStickersView.as_view(), name="pack-stickers"),
    path("packs/<uuid:pack_id>/stickers/<uuid:sticker_id>/", api.PackStickerView.as_view(), name="pack-sticker"),
    path("packs/<uuid:pack_id>/order/", api.PackOrderView.as_view(), name="pack-order"),
    path("packs/<uuid:pack_id>/export/", api.PackExportView.as_view(), name="pack-export"),
]
