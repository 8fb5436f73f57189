"""A REST client that others wrote for the real exchange works against the simulated one."""

from __future__ import annotations

from pathlib import Path

from pykalshi import KalshiClient
from simulator.rest_requests import Asker, run_rest


def test_pykalshi_reads_lists_and_single_things(tmp_path: Path) -> None:
    def check(asker: Asker) -> None:
        key = asker.simulator.keys[0]
        client = KalshiClient(
            key.key_id, str(key.private_key_path), api_base=asker.simulator.kalshi_rest_url
        )
        try:
            live = {market.ticker for market in asker.simulator.kalshi.open_markets}
            markets = client.get_markets(limit=50, fetch_all=True)
            found = {market.ticker for market in markets}
            assert live < found
            assert len(found) == len(markets) == 300 + len(live) + 50
            ticker = min(live)
            market = client.get_market(ticker)
            assert market.title is None or isinstance(market.title, str)
            assert market.event_ticker == asker.simulator.kalshi.markets[ticker].event.ticker
            assert client.get_event(market.event_ticker).event_ticker == market.event_ticker
            events = client.get_events(limit=20, fetch_all=True)
            assert len({event.event_ticker for event in events}) == len(events) > 20
            assert client.exchange.get_status().exchange_active is True
        finally:
            client.close()
        assert set(asker.simulator.rest.stats.by_status) == {200}
        assert set(asker.simulator.rest.stats.by_key) == {"kalshi-1"}

    run_rest(tmp_path, check, rest_markets=300)
