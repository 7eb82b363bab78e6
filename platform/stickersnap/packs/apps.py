from django.apps import AppConfig


class PacksConfig(AppConfig):
    """Stickers that belong together, and the files that messengers take them as."""

    name = "stickersnap.packs"
    label = "packs"
