from django.apps import AppConfig


class StickersConfig(AppConfig):
    """The product: stickers made of labelled pictures."""

    name = "stickersnap.stickers"
    label = "stickers"
