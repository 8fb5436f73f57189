"""Signing of REST requests, and which of the configured API keys signs the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from urllib.parse import urlsplit

import structlog
from requests import PreparedRequest
from requests.auth import AuthBase

from hadron_tasks.venues.kalshi.signing import KalshiSigner

_log = structlog.get_logger(__name__)


class KalshiAuth(AuthBase):
    """Signs a request as it is sent: the full path with its prefix, without the query string."""

    def __init__(self, signer: KalshiSigner) -> None:
        self._signer = signer

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the three headers."""
        path = urlsplit(request.url or "").path
        request.headers.update(self._signer.headers(request.method or "GET", str(path)))
        return request


class KeyRing:
    """The configured keys, the one to use next first.

    A key that the exchange refused goes to the back: it is tried again only when those before it
    are refused, too, so a key that was revoked costs one request and a warning, and one that was
    put right needs no restart.
    """

    def __init__(self, signers: Iterable[KalshiSigner]) -> None:
        self._signers = deque(signers)

    def __len__(self) -> int:
        return len(self._signers)

    def in_order(self) -> tuple[KalshiSigner, ...]:
        """Every key once, in the order to try them."""
        return tuple(self._signers)

    def refused(self, signer: KalshiSigner, endpoint: str, status: int, explanation: str) -> None:
        """Put a key last, and tell people."""
        self._signers.remove(signer)
        self._signers.append(signer)
        _log.warning(
            "Kalshi refused an API key",
            key=signer.name,
            endpoint=endpoint,
            status=status,
            explanation=explanation,
            next_key=self._signers[0].name if len(self._signers) > 1 else None,
            remedy=f"Check the key id, the private key and this machine's clock; {signer.name} "
            "is the key of the slot with that number.",
        )
