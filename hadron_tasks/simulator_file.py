"""What a simulator says of itself, for those who are to use its exchanges."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from hadron_tasks.errors import ConfigurationError


class SimulatedKey(BaseModel):
    """One Kalshi API key that the simulator takes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    slot: int
    key_id: str
    private_key_path: Path


class SimulatorFile(BaseModel):
    """The part of ``simulator.json`` that others need. A venue that is off has no address."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kalshi_ws_url: str
    kalshi_rest_url: str
    kalshi_keys: tuple[SimulatedKey, ...]
    kalshi_series: tuple[str, ...]
    polygon_ws_url: str
    polygon_rest_url: str
    polygon_api_key: str
    polygon_requests_per_minute: int

    @classmethod
    def read(cls, path: Path) -> SimulatorFile:
        """What a simulator wrote.

        Raises:
            ConfigurationError: It is no such file; says what to do.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            raise ConfigurationError(
                f"HADRON_SIMULATOR_FILE names {path}, which no simulator wrote. Name the "
                "simulator.json that 'hadron simulate' writes, or unset it."
            ) from None
