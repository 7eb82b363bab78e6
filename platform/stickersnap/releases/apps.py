from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    """The loop's conductor: weights, training runs, promotion decisions, deployments."""

    name = "stickersnap.releases"
    default_auto_field = "django.db.models.BigAutoField"
