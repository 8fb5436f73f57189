"""Answering Prometheus' scrapes over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.registry import Collector


class Served(NamedTuple):
    """A metrics endpoint that answers."""

    port: int
    stop: Callable[[], None]


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """A registry with these collectors and no others."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def serve(registry: CollectorRegistry, address: str, port: int) -> Served:
    """Answer scrapes in threads of its own.

    Args:
        port: 0 chooses a free one.

    Raises:
        OSError: The address cannot be listened on.
    """
    server, _thread = start_http_server(port, address, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return Served(server.server_port, stop)
