"""Asks a running service whether it is ready, over HTTP."""

import http.client
import json
from typing import NamedTuple

TIMEOUT_SECONDS = 10.0


class Ready(NamedTuple):
    weights: str  # sha256
    network: str
    device: str


def readiness(host: str, port: int, host_name: str) -> Ready | None:
    """What `/readyz` of the service at host:port says, or None while it is not ready.

    Args:
        host_name: a name that the service answers to, for the Host header.
    """
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": host_name})
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            return None
        answer = json.loads(body)
        return Ready(answer["weights"], answer["network"], answer["device"])
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
