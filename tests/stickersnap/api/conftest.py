import uuid

import pytest
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter
from django.urls.resolvers import URLPattern, URLResolver


def patterns(resolver: URLResolver, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        found += patterns(entry, path) if isinstance(entry, URLResolver) else [(path, entry)]
    return found


@pytest.fixture
def addresses() -> dict[str, str]:
    """Every address of the API by its name, made from the URL configuration, with ids of nothing that there is."""
    found = {}
    for path, entry in patterns(get_resolver()):
        if path.startswith(("api/v1/", "api/remove", "v1.0/")):
            converters = entry.pattern.converters.values()
            arguments = [1 if isinstance(one, IntConverter) else uuid.uuid4() for one in converters]
            found[entry.name] = reverse(entry.name, args=arguments)
    return found
