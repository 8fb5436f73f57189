"""What a simulated exchange can be told: sizes, rate, era, ports, the mix of messages."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Literal

from hadron_tasks.errors import ConfigurationError
from streamer.simulator.bulk_markets import MOST_MARKETS
from streamer.simulator.polygon_reference import MOST_FURTHER

Era = Literal["dollars", "cents"]
"""``dollars`` is the form the live exchange sends; ``cents`` that of 2025 recordings."""

PolygonPlan = Literal["basic", "advanced"]
"""What the Polygon key may ask: ``basic`` has reference data, ``advanced`` trades, too."""

VENUES = ("kalshi", "polygon")


@dataclass(frozen=True, slots=True)
class KalshiMix:
    """Relative frequency of Kalshi's data messages; only what is subscribed to takes part."""

    ticker: float = 60.0
    delta: float = 30.0
    trade: float = 8.0
    snapshot: float = 2.0

    @classmethod
    def parse(cls, text: str) -> KalshiMix:
        """Read ``ticker=60,delta=30,trade=8,snapshot=2``; kinds left out do not occur.

        Raises:
            ConfigurationError: An unknown kind, or a weight that is no number from zero up.
        """
        known = [field.name for field in fields(cls)]
        weights = dict.fromkeys(known, 0.0)
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            kind, _, weight = part.partition("=")
            try:
                value = float(weight)
            except ValueError:
                value = -1.0
            if kind not in weights or not 0.0 <= value < float("inf"):
                raise ConfigurationError(
                    f"The message mix says {part!r}. Write KIND=WEIGHT, with a weight of zero or "
                    f"more and a kind of: {', '.join(known)}."
                )
            weights[kind] = value
        if not any(weights.values()):
            raise ConfigurationError("The message mix leaves no message to send.")
        return cls(**weights)


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """One simulator. Ports of 0 are chosen by the system and told when it listens."""

    data_dir: Path
    """Holds the keys, the ledgers and ``simulator.json``."""
    host: str = "127.0.0.1"
    kalshi_port: int = 0
    polygon_port: int = 0
    control_port: int = 0
    keys: int = 4
    """Kalshi API keys; each gets one connection."""
    seed: int = 1
    """The same seed, first day and subscriptions give the same markets and movements."""
    rate: float = 200.0
    """Data messages a second over both venues together; 0 is as fast as the sockets take."""
    markets: int = 400
    """Kalshi markets open at any time."""
    era: Era = "dollars"
    venues: tuple[str, ...] = VENUES
    mix: KalshiMix = KalshiMix()
    polygon_share: float = 0.2
    """Polygon's part of the data messages while both venues have subscribers."""
    lifecycle_every_s: float = 5.0
    """How often an event closes, settles and is replaced by a new one; 0 is never."""
    first_day: date | None = None
    """The day of the first markets; tomorrow when left out."""
    polygon_api_key: str = "simulated-polygon-key"
    subscription_market_limit: int = 50_000
    """Markets one Kalshi subscription may name; beyond it error 26."""
    commands_per_second: int = 200
    """Commands a Kalshi connection may send within a second; beyond it error 27."""
    heartbeat_s: float = 10.0
    """Between Kalshi's pings."""
    slow_client_after_s: float = 10.0
    """A client that takes no data for so long is cut off as too slow."""
    rest_markets: int = 0
    """Further Kalshi markets, which only the REST side knows; up to two million."""
    rest_combos: int = 50
    """Multivariate markets, which only the REST side knows."""
    rest_refill_per_s: float = 200.0
    """Tokens a second of a Kalshi account's bucket for reading."""
    rest_capacity: float = 200.0
    rest_announced_per_s: float | None = None
    """What ``GET /account/limits`` says the refill is, if not the truth."""
    rest_costs: tuple[tuple[str, int], ...] = ()
    """Endpoints (``GET /markets``) that cost other than ten tokens."""
    rest_tells_retry_after: bool = False
    """Whether a 429 says when to come back; the exchange promises nothing."""
    polygon_requests_per_minute: int = 300
    """REST requests that the Polygon key may make within any minute."""
    polygon_plan: PolygonPlan = "advanced"
    polygon_reference: int = 0
    """Further stocks, of which only the REST side knows; up to a million."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
            ConfigurationError: Names the value and what it may be.
        """
        unknown = set(self.venues) - set(VENUES)
        if unknown or not self.venues:
            raise ConfigurationError(f"Venues must be among {', '.join(VENUES)}: {self.venues}.")
        if self.rate < 0:
            raise ConfigurationError(f"A rate is messages a second, 0 for no limit: {self.rate}.")
        if self.markets < 1:
            raise ConfigurationError(f"There must be at least one market: {self.markets}.")
        if not 0 <= self.rest_markets <= MOST_MARKETS:
            raise ConfigurationError(
                f"Markets that only REST knows are 0 to {MOST_MARKETS}: {self.rest_markets}."
            )
        if self.rest_combos < 0:
            raise ConfigurationError(f"Combos are zero or more: {self.rest_combos}.")
        if self.rest_refill_per_s <= 0 or self.rest_capacity <= 0:
            raise ConfigurationError("The REST rate limit's refill and capacity are above zero.")
        if self.polygon_requests_per_minute < 1:
            raise ConfigurationError("Polygon's REST API allows at least one request a minute.")
        if not 0 <= self.polygon_reference <= MOST_FURTHER:
            raise ConfigurationError(
                f"Stocks that only REST knows are 0 to {MOST_FURTHER}: {self.polygon_reference}."
            )
        if not 1 <= self.keys <= 10:
            raise ConfigurationError(f"There may be 1 to 10 Kalshi keys: {self.keys}.")
        if not 0 <= self.polygon_share <= 1:
            raise ConfigurationError(f"Polygon's share is 0 to 1: {self.polygon_share}.")
