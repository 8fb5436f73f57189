"""Requests to a simulated Polygon's REST side, made by hand: not with our own client."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import requests
from simulator.exchange_clients import WITHIN_S

from streamer.simulator.polygon_forms import coin_trade, stock_trade
from streamer.simulator.polygon_tape import PolygonTrade
from streamer.simulator.simulator import Simulator


class PolygonAsker:
    """Asks with the simulator's key."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._session = requests.Session()
        key = simulator.config.polygon_api_key
        self._session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **params: Any) -> requests.Response:
        """One request, whatever the answer; ``ticker__gte`` is ``ticker.gte``."""
        said = {name.replace("__", "."): value for name, value in params.items()}
        url = self.simulator.polygon_rest_url + path
        return self._session.get(url, params=said, timeout=WITHIN_S)

    def ask(self, path: str, **params: Any) -> Any:
        """The answer to one request that must succeed."""
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def pages(self, path: str, **params: Any) -> Iterator[list[Any]]:
        """The results of page after page."""
        page = self.ask(path, **params)
        while True:
            assert page["status"] == "OK"
            assert page["count"] == len(page["results"])
            yield page["results"]
            if "next_url" not in page:
                return
            assert page["next_url"].startswith(f"{self.simulator.polygon_rest_url}{path}?cursor=")
            page = self._session.get(page["next_url"], timeout=WITHIN_S).json()

    def every(self, path: str, **params: Any) -> list[Any]:
        """The results of all pages."""
        return [item for page in self.pages(path, **params) for item in page]


def let_trade(simulator: Simulator, ticker: str, times_ms: list[int]) -> list[PolygonTrade]:
    """Let trades happen at these times, though nobody listens."""
    instrument = simulator.polygon.instruments[ticker]
    make = coin_trade if instrument.asset_class == "crypto" else stock_trade
    made = [make(instrument, ms, Random(ms)).trade for ms in times_ms]
    trades = [trade for trade in made if trade is not None]
    for trade in trades:
        simulator.polygon.tape.add(ticker, trade)
    return trades
