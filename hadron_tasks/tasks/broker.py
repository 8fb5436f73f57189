"""kombu's Redis transport, but what is on a queue and is no message harms no worker.

kombu takes an item from the queue and reads it in the worker's event loop: one that is not JSON, or
has not the fields of its messages, ends the worker and is lost. Here it is a dead letter.
"""

from __future__ import annotations

import base64
from typing import Any

import redis
from kombu.transport import redis as kombu_redis
from kombu.utils.json import loads

from hadron_tasks.tasks import lost_work


class _Client(redis.Redis):
    """Takes items from queues, and sets aside those that are no messages."""

    def parse_response(
        self, connection: redis.Connection, command_name: str, **options: Any
    ) -> Any:
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        queue, item = answer
        fault = fault_of_item(item)
        if fault is None:
            return answer
        lost_work.set_aside(queue.decode().rpartition(_PRIORITY)[0] or queue.decode(), item, fault)
        return None  # as if nothing had come


class _Channel(kombu_redis.Channel):  # type: ignore[misc]
    def _get_client(self) -> type[redis.Redis]:
        super()._get_client()
        return _Client


class Transport(kombu_redis.Transport):  # type: ignore[misc]
    """What ``redis://`` is in every process of the application (see ``app.py``)."""

    Channel = _Channel


_PRIORITY = kombu_redis.Channel.sep
"""Stands between a queue's name and a priority."""


def fault_of_item(item: bytes) -> str | None:
    """Why a queue's item is no message, or None when kombu can take it."""
    try:
        envelope = loads(item)
    except Exception as error:  # noqa: BLE001 - the decoder runs whatever the item asks for
        return f"it is not JSON ({error})"
    if not isinstance(envelope, dict):
        return "it is no JSON object"
    properties = envelope.get("properties")
    if not isinstance(properties, dict):
        return "it has no properties"
    delivery = properties.get("delivery_info")
    if not isinstance(delivery, dict) or not {"exchange", "routing_key"} <= delivery.keys():
        return "its properties have no delivery_info"
    if not isinstance(properties.get("delivery_tag"), str):
        return "its properties have no delivery_tag"
    if not isinstance(envelope.get("headers", {}), dict):
        return "its headers are no object"
    return _fault_of_body(envelope.get("body"), properties.get("body_encoding"))


def _fault_of_body(body: Any, encoding: Any) -> str | None:
    if not isinstance(body, str):
        return "its body is no text"
    if encoding == "base64":
        try:
            base64.b64decode(body)
        except ValueError as error:
            return f"its body is not base64 ({error})"
    return None
