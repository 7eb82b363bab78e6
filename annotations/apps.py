from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    """The labelled picture: photo, prediction, correction, review, dataset version."""

    name = "annotations"
    default_auto_field = "django.db.models.BigAutoField"
