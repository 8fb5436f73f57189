"""Faults of the simulated REST side on demand: what goes wrong between a client and an exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RestFaultKind = Literal[
    "status", "hang", "truncate", "cut_off", "html", "repeat_cursor", "malformed_item"
]
"""``status``: an error with a status; ``hang``: no answer for some seconds; ``truncate``: JSON that
ends in the middle; ``cut_off``: the connection ends in the middle; ``html``: a proxy's page with
status 200; ``repeat_cursor``: the next page's cursor is this page's; ``malformed_item``: the first
item of the page has no ticker."""

ErrorForm = Literal["standard", "wrapped", "plain"]
"""How an error explains itself: an object, the same within ``error``, or plain text."""


@dataclass(slots=True)
class RestFault:
    """Strikes the next ``count`` requests whose path begins with ``path``."""

    kind: RestFaultKind
    count: int = 1
    path: str = ""
    """Without ``/trade-api/v2``: ``/markets``."""
    status: int = 500
    form: ErrorForm = "standard"
    retry_after: str = ""
    """Sent as Retry-After with a ``status`` fault."""
    seconds: float = 60.0
    """How long ``hang`` takes."""


class RestFaults:
    """The faults that wait for a request, the oldest first; one request meets at most one."""

    def __init__(self) -> None:
        self.refused_keys: set[str] = set()
        """Names of keys (``kalshi-2``) that are refused as if they had been revoked."""
        self._waiting: list[RestFault] = []

    def strike(self, fault: RestFault) -> None:
        """Let a fault wait for requests."""
        self._waiting.append(fault)

    def take(self, path: str, *, has_cursor: bool) -> RestFault | None:
        """The fault that a request meets, which is used up."""
        for fault in self._waiting:
            if not path.startswith(fault.path):
                continue
            if fault.kind == "repeat_cursor" and not has_cursor:
                continue
            fault.count -= 1
            if fault.count <= 0:
                self._waiting.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        """No more faults; keys work again."""
        self._waiting.clear()
        self.refused_keys.clear()
