"""Ports for servers under test."""

import os
import random
import socket

FIRST, EACH, WORKERS = 20_000, 1_000, 12
"""Below those that systems give to clients, so that no connection takes one away; each worker of xdist has its own."""


def free_port() -> int:
    """A port of loopback that nothing listens on, and that no other worker of this run is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    start = FIRST + worker * EACH
    for port in random.sample(range(start, start + EACH), EACH):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0 and _binds(port):
                return port
    raise AssertionError(f"Nothing is free from {start} to {start + EACH}.")


def _binds(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
