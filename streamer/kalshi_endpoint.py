"""One of Kalshi's API keys, as a streamer connects with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from hadron_tasks.venues.kalshi.signing import KalshiSigner
from streamer.kalshi import KalshiConversation
from streamer.kalshi_wire import SENT_MS


class KalshiEndpoint:
    """One Kalshi API key and the address it connects to."""

    venue = "kalshi"

    def __init__(
        self, slot: int, signer: KalshiSigner, address: str, selection: Collection[str] = ()
    ) -> None:
        self.name = signer.name
        self.lease = str(slot)
        self.remedy = (
            f"check that KALSHI_API_KEY_{slot} and KALSHI_PRIVATE_KEY_{slot}_PATH belong together, "
            "that KALSHI_ENV is where the key was made, and that this host's clock is right"
        )
        self.address = address
        self._signer = signer
        self._selection = frozenset(selection)
        self._path = urlsplit(address).path

    def __repr__(self) -> str:
        return f"KalshiEndpoint({self.name})"

    def headers(self) -> Mapping[str, str]:
        """The handshake's signature: ``GET`` and the path of the address, now."""
        return self._signer.headers("GET", self._path)

    def converse(self) -> KalshiConversation:
        """A conversation for a new connection."""
        return KalshiConversation(self._selection)

    def sent_ns(self, data: bytes) -> int | None:
        """The message's ``ts_ms``; order book snapshots have none."""
        found = SENT_MS.search(data)
        return int(found[1]) * 1_000_000 if found else None
