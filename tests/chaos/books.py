"""Rebuilt order books beside the exchange's own, after a storm."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import redis
from fleet.running_fleet import RunningFleet

from hadron_tasks.books.drift_check import BookChecker, Findings
from hadron_tasks.settings import KalshiKeyRef
from hadron_tasks.simulator_file import SimulatorFile
from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.kalshi.signing import KalshiSigner


def compare_books(fleet: RunningFleet) -> Findings:
    """Whether the books that say they are exact are the exchange's, while nothing moves."""
    told = SimulatorFile.model_validate(fleet.simulator)
    keys = [KalshiKeyRef(key.slot, key.key_id, key.private_key_path) for key in told.kalshi_keys]
    with (
        redis.Redis.from_url(fleet.redis_url) as client,
        closing(psycopg2.connect(fleet.database_url)) as connection,
    ):
        signers = [KalshiSigner.load(key) for key in keys]
        rest = KalshiRest(told.kalshi_rest_url, signers, TokenBucket(client, "storm"))
        return BookChecker(connection, client, rest).check_some()
