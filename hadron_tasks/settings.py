"""Every setting of Hadron, in one place: read from the environment and from ``.env``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import (
    AliasChoices,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.setting_sources import SecretFileSettings
from hadron_tasks.simulator_file import SimulatorFile

MAX_KALSHI_KEYS = 10

KalshiEnv = Literal["production", "demo", "simulator"]

KALSHI_WS_URLS: dict[str, str] = {
    "production": "wss://external-api-ws.kalshi.com/trade-api/ws/v2",
    "demo": "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2",
}
KALSHI_REST_URLS: dict[str, str] = {
    "production": "https://external-api.kalshi.com/trade-api/v2",
    "demo": "https://external-api.demo.kalshi.co/trade-api/v2",
}
POLYGON_WS_URL = "wss://socket.massive.com"
POLYGON_REST_URL = "https://api.massive.com"

CommaList = Annotated[list[str], NoDecode]
"""A list written in the environment as ``a,b,c``."""


@dataclass(frozen=True, slots=True)
class KalshiKeyRef:
    """Where one Kalshi API key is found; the private key itself is read only by who signs."""

    slot: int
    """1 to 10: the number in the variable's name."""
    key_id: str
    private_key_path: Path

    @property
    def name(self) -> str:
        """What logs, gaps and metrics call the key and its connection: never the key id."""
        return f"kalshi-{self.slot}"

    @property
    def path_variable(self) -> str:
        """The environment variable that names the private key's file."""
        return f"KALSHI_PRIVATE_KEY_{self.slot}_PATH"


class _KalshiKeys(SecretFileSettings):
    """The numbered key variables, spelled out so that ``.env`` and environment both work."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    kalshi_api_key_1: SecretStr | None = None
    kalshi_api_key_2: SecretStr | None = None
    kalshi_api_key_3: SecretStr | None = None
    kalshi_api_key_4: SecretStr | None = None
    kalshi_api_key_5: SecretStr | None = None
    kalshi_api_key_6: SecretStr | None = None
    kalshi_api_key_7: SecretStr | None = None
    kalshi_api_key_8: SecretStr | None = None
    kalshi_api_key_9: SecretStr | None = None
    kalshi_api_key_10: SecretStr | None = None
    kalshi_private_key_1_path: Path | None = None
    kalshi_private_key_2_path: Path | None = None
    kalshi_private_key_3_path: Path | None = None
    kalshi_private_key_4_path: Path | None = None
    kalshi_private_key_5_path: Path | None = None
    kalshi_private_key_6_path: Path | None = None
    kalshi_private_key_7_path: Path | None = None
    kalshi_private_key_8_path: Path | None = None
    kalshi_private_key_9_path: Path | None = None
    kalshi_private_key_10_path: Path | None = None

    def refs(self) -> tuple[KalshiKeyRef, ...]:
        """The configured keys, in slot order."""
        found = []
        for slot in range(1, MAX_KALSHI_KEYS + 1):
            key: SecretStr | None = getattr(self, f"kalshi_api_key_{slot}")
            path: Path | None = getattr(self, f"kalshi_private_key_{slot}_path")
            if key is None and path is None:
                continue
            if key is None:
                raise ConfigurationError(
                    f"KALSHI_PRIVATE_KEY_{slot}_PATH is set but KALSHI_API_KEY_{slot} is not. "
                    f"Set KALSHI_API_KEY_{slot} to the key id that Kalshi shows beside the key."
                )
            if path is None:
                raise ConfigurationError(
                    f"KALSHI_API_KEY_{slot} is set but KALSHI_PRIVATE_KEY_{slot}_PATH is not. "
                    f"Set it to the PEM file of that key, for example .kalshi_keys/{slot}.pem."
                )
            found.append(KalshiKeyRef(slot, key.get_secret_value(), path.expanduser()))
        return tuple(found)


class Settings(SecretFileSettings, BaseSettings):
    """All settings but the numbered Kalshi keys, which :meth:`kalshi_keys` gives.

    Names in the environment are the field names in capitals with the prefix ``HADRON_``; those
    that the exchanges' own documents name (``KALSHI_ENV``, ``POLYGON_API_KEY``) keep their names.
    """

    model_config = SettingsConfigDict(
        env_prefix="HADRON_",
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    _simulated_keys: tuple[KalshiKeyRef, ...] = PrivateAttr(default=())

    # Services
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    """Broker, raw streams, leases and the beat schedule."""
    redis_password: SecretStr | None = None
    """Put into the address, where that has none: so a container can have it from a file."""
    database_url: SecretStr = SecretStr("postgresql://hadron@127.0.0.1:5432/hadron")
    """PostgreSQL 16 or newer."""
    database_password: SecretStr | None = None
    """As ``HADRON_REDIS_PASSWORD``."""
    data_dir: Path = Path(".hadron")
    """Spool, logs and, under ``hadron up``, the embedded services' files."""

    # Venues
    simulator_file: Path | None = None
    """A simulator's ``simulator.json``: if it is there, its exchanges stand in for venues that
    have no key."""
    venues: CommaList = ["kalshi", "polygon"]
    """Whose messages are drained and whose schedules run."""
    kalshi_env: KalshiEnv = Field(
        default="production", validation_alias=AliasChoices("kalshi_env", "KALSHI_ENV")
    )
    """Which of the exchange's addresses; ``simulator`` needs them given below."""
    kalshi_ws_url: str | None = None
    """Overrides the WebSocket address that ``KALSHI_ENV`` implies."""
    kalshi_rest_url: str | None = None
    """Overrides the REST address that ``KALSHI_ENV`` implies."""
    kalshi_channels: CommaList = ["ticker", "trade", "market_lifecycle_v2"]
    """All-markets channels to record."""
    kalshi_books: CommaList = []
    """Order books to record: series, event or market tickers (``KXBTCD``, ``KXFED-26DEC``)."""
    kalshi_max_books_per_connection: int = Field(default=2000, ge=1)
    """Most order books on one connection; those that find no room are left out, and logged."""
    polygon_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("polygon_api_key", "POLYGON_API_KEY")
    )
    """For the WebSocket and the REST API."""
    polygon_ws_url: str = POLYGON_WS_URL
    """Without the asset class, which is appended as the path (``.../stocks``)."""
    polygon_rest_url: str = POLYGON_REST_URL
    """Without a path."""
    polygon_requests_per_minute: int = Field(default=5, ge=1)
    """How many REST requests the plan allows: 5 on the free one, more on the others."""
    polygon_subscriptions: CommaList = [
        "stocks:T.*",
        "stocks:Q.*",
        "stocks:AM.*",
        "indices:V.*",
        "crypto:XT.*",
        "forex:C.*",
    ]
    """What to record: ``asset_class:CHANNEL.SYMBOL``; one connection an asset class."""

    # Streamer
    flush_max_frames: int = Field(default=2000, ge=1)
    """Most frames in one pipelined write to Redis."""
    redis_memory_mark: float = Field(default=0.85, gt=0, le=1)
    """Share of Redis' maxmemory above which frames go to the spool instead."""
    spool_max_bytes: int = Field(default=20 * 1024**3, ge=1)
    """Most bytes of frames that the spool keeps on disk, 20 GiB unless set; what is beyond is lost,
    and recorded as a gap."""
    lease_ttl_s: float = Field(default=10.0, gt=1)
    """How long a dead streamer's API key stays taken."""
    stale_after_s: float = Field(default=30.0, gt=0)
    """A connection that received nothing, not even a ping, for so long is reconnected."""

    # Workers
    drain_batch: int = Field(default=5000, ge=1)
    """Most frames in one database transaction."""
    drain_budget_s: float = Field(default=2.0, gt=0)
    """How long one drain task runs before it hands over to the next."""
    drain_max_parallel: int = Field(default=8, ge=1)
    """Most drain tasks at work on one venue's stream at once."""
    instrument_cache_size: int = Field(default=1_000_000, ge=1)
    """Instruments whose ids a worker process remembers; about 200 bytes each."""
    audit_sample: int = Field(default=5, ge=0)
    """How many minutes of each hour (of Polygon: instruments) are compared with the exchange; 0 for
    no audits."""
    tick_retention_days: int | None = Field(default=None, ge=1)
    """Days after which partitions of ticks are dropped; unset keeps everything."""

    # Crawl
    crawl_page_tries: int = Field(default=6, ge=1)
    """Tasks that try for one page, minutes apart at last, before it is given up."""
    crawl_retry_pause_s: float = Field(default=4.0, gt=0)
    """Before a page is tried for the second time; each pause is four times the one before, up to a
    minute."""
    crawl_combo_pages: int = Field(default=60, ge=0)
    """Pages of a thousand combos that one run of their schedule reads; 0 leaves combos alone."""
    crawl_history_days: int = Field(default=30, ge=1)
    """How long the records of crawls that have ended are kept."""

    reconciliation_retention_days: int = Field(default=30, ge=1)
    """Days after which price reconciliations are dropped."""

    # Observability
    metrics_address: str = "127.0.0.1"
    """Where the fleet's metrics and those of streamers are served; ``0.0.0.0`` in a container."""
    metrics_port: int = Field(default=9309, ge=0, le=65535)
    """Of ``hadron metrics serve``; 0 chooses a free one."""
    streamer_metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Of each streamer's own metrics; unset serves none, 0 chooses a free one."""
    metrics_disks: CommaList = []
    """Volumes whose free space is told: ``name=directory``; the data directory when left out."""
    log_format: Literal["console", "json"] = "console"
    """``console`` for people, ``json`` (one object a line) for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is less important is not logged."""

    @field_validator(
        "venues",
        "kalshi_channels",
        "kalshi_books",
        "polygon_subscriptions",
        "metrics_disks",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @model_validator(mode="after")
    def _complete_addresses(self) -> Self:
        if self.redis_password is not None:
            self.redis_url = _with_password(self.redis_url, self.redis_password)
        if self.database_password is not None:
            self.database_url = _with_password(self.database_url, self.database_password)
        return self

    def kalshi_keys(self) -> tuple[KalshiKeyRef, ...]:
        """The configured Kalshi keys, else those of a simulator that stands in.

        Raises:
            ConfigurationError: A key id without its file or a file without its key id.
        """
        return _KalshiKeys().refs() or self._simulated_keys

    def with_simulators(self) -> Settings:
        """These settings, with simulated exchanges for venues without a key, if there are any.

        Raises:
            ConfigurationError: ``simulator_file`` is there and cannot be used.
        """
        path = self.simulator_file
        if path is None or not path.exists():
            return self
        told = SimulatorFile.read(path)
        found: dict[str, object] = {}
        keys: tuple[KalshiKeyRef, ...] = ()
        if told.kalshi_ws_url and not _KalshiKeys().refs():
            keys = tuple(
                KalshiKeyRef(key.slot, key.key_id, key.private_key_path) for key in told.kalshi_keys
            )
            found |= {
                "kalshi_env": "simulator",
                "kalshi_ws_url": told.kalshi_ws_url,
                "kalshi_rest_url": told.kalshi_rest_url,
                "kalshi_books": self.kalshi_books or list(told.kalshi_series),
            }
        if told.polygon_ws_url and self.polygon_api_key is None:
            found |= {
                "polygon_api_key": SecretStr(told.polygon_api_key),
                "polygon_ws_url": told.polygon_ws_url,
                "polygon_rest_url": told.polygon_rest_url,
                "polygon_requests_per_minute": told.polygon_requests_per_minute,
            }
        changed = self.model_copy(update=found)
        changed._simulated_keys = keys
        return changed

    @property
    def polygon_classes(self) -> frozenset[str]:
        """The asset classes that are recorded from Polygon."""
        return frozenset(entry.partition(":")[0] for entry in self.polygon_subscriptions)

    @property
    def metrics_volumes(self) -> dict[str, Path]:
        """Directories whose free space is told, by name."""
        if not self.metrics_disks:
            return {"data": self.data_dir}
        named = (entry.partition("=") for entry in self.metrics_disks)
        return {name: Path(path or name) for name, _, path in named}

    @property
    def kalshi_ws_address(self) -> str:
        """The Kalshi WebSocket address in force."""
        return self._kalshi_address(self.kalshi_ws_url, KALSHI_WS_URLS, "HADRON_KALSHI_WS_URL")

    @property
    def kalshi_rest_address(self) -> str:
        """The Kalshi REST address in force."""
        return self._kalshi_address(
            self.kalshi_rest_url, KALSHI_REST_URLS, "HADRON_KALSHI_REST_URL"
        )

    def _kalshi_address(self, override: str | None, known: dict[str, str], variable: str) -> str:
        if override:
            return override
        if self.kalshi_env not in known:
            raise ConfigurationError(
                f"KALSHI_ENV is {self.kalshi_env} but {variable} is not set. Start the simulators "
                f"with 'hadron simulate' and set {variable} to the address they print."
            )
        return known[self.kalshi_env]


def _with_password(address: SecretStr, password: SecretStr) -> SecretStr:
    """An address with the password put in, unless it names one."""
    parts = urlsplit(address.get_secret_value())
    if parts.password or not parts.hostname:
        return address
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user}:{quote(password.get_secret_value(), safe='')}@{host}"
    return SecretStr(urlunsplit(parts._replace(netloc=netloc)))


def describe_invalid_settings(error: ValidationError) -> str:
    """One line a fault: the variable, what is wrong with it; never its value."""
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        field = str(fault["loc"][0]) if fault["loc"] else "settings"
        own_name = re.match(r"(kalshi_env|polygon_api_key)$", field, re.IGNORECASE)
        name = field.upper() if own_name else f"HADRON_{field.upper()}"
        lines.append(f"{name}: {fault['msg']}")
    return "Settings cannot be used. " + "; ".join(lines)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        ConfigurationError: A value cannot be used; names the variable.
    """
    try:
        return Settings().with_simulators()
    except ValidationError as error:
        raise ConfigurationError(describe_invalid_settings(error)) from None
