"""Fields that come in, of which none is unknown: a misspelt one says so instead of doing nothing."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.settings import api_settings

TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - Django's name of a field that HTML forms bring


class StrictSerializer(serializers.Serializer):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for an unknown field, by its name."""
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields) - {TOKEN}):
            names = ", ".join(sorted(map(str, unknown)))[:200]
            said = f"Unknown: {names}. Known are {', '.join(self.fields)}."
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [said]})
        return super().to_internal_value(data)
