from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are: user, role, consent."""

    name = "stickersnap.accounts"
    label = "accounts"

    def ready(self) -> None:
        from stickersnap.accounts import signals  # noqa: F401
