"""Where a request comes from, by the one rule that limits, counters and `/metrics` go by."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")
V6_PREFIX = 64  # bits: one household or one server has all the addresses behind them


def address(request: HttpRequest) -> str:
    """The client's address; of IPv6 the network that one client has. A proxy's word counts where one is set up."""
    said = request.META.get("REMOTE_ADDR", "")
    if settings.REST_FRAMEWORK["NUM_PROXIES"]:
        said = request.headers.get("X-Forwarded-For", said).rsplit(",", 1)[-1].strip()
    try:
        found = ipaddress.ip_address(said)
    except ValueError:
        return said[:64]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, V6_PREFIX), strict=False))
    return str(found)


def within(request: HttpRequest, networks: list[str]) -> bool:
    """Whether it came straight from one of these networks: whatever a proxy passed on did not."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        found = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in networks)
