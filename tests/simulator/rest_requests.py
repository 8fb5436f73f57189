"""Requests to a simulated REST side, made by hand so that they do not depend on our own client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import requests
from simulator.exchange_clients import WITHIN_S, run, signer

from streamer.simulator.rest_server import PREFIX
from streamer.simulator.simulator import Simulator

PLENTY = {"rest_refill_per_s": 1e6, "rest_capacity": 1e6}
"""A rate limit that does not get into the way of tests about other things."""

AT_MOST_S = 900.0
"""A simulator in a thread ends by itself after this, should nobody end it."""


class Asker:
    """Signs with one key, or with none for slot 0."""

    def __init__(self, simulator: Simulator, slot: int = 1) -> None:
        self.simulator = simulator
        self._signer = signer(simulator.keys[slot - 1]) if slot else None
        self._session = requests.Session()

    def get(self, path: str, params: Any = None, timeout: float = WITHIN_S) -> requests.Response:
        """One request, whatever the answer."""
        headers = self._signer.headers("GET", PREFIX + path) if self._signer else {}
        url = self.simulator.kalshi_rest_url + path
        return self._session.get(url, params=params, headers=headers, timeout=timeout)

    def ask(self, path: str, **params: Any) -> Any:
        """The answer to one request that must succeed."""
        response = self.get(path, params)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, path: str, **params: Any) -> tuple[int, str]:
        """Status and explanation of one request that must not succeed."""
        response = self.get(path, params)
        assert response.status_code != 200
        return response.status_code, response.json()["message"]

    def pages(self, path: str, field: str, **params: Any) -> Iterator[list[Any]]:
        """The items of page after page."""
        cursor = ""
        while True:
            page = self.ask(path, **params, **({"cursor": cursor} if cursor else {}))
            yield page[field]
            cursor = page["cursor"]
            if not cursor:
                return

    def every(self, path: str, field: str, **params: Any) -> list[Any]:
        """The items of all pages."""
        return [item for page in self.pages(path, field, **params) for item in page]


@contextmanager
def asked_beside(directory: Path, **changes: Any) -> Iterator[Asker]:
    """A simulator on an event loop in a thread of its own, for tests that are no coroutines."""
    started: Queue[Simulator | BaseException] = Queue()
    ended = threading.Event()

    async def until_ended(simulator: Simulator) -> None:
        started.put(simulator)
        await asyncio.to_thread(ended.wait)

    def whole() -> None:
        try:
            run(directory, until_ended, AT_MOST_S, **{**PLENTY, "lifecycle_every_s": 0, **changes})
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            started.put(error)

    thread = threading.Thread(target=whole)
    thread.start()
    try:
        simulator = started.get(timeout=WITHIN_S)
        if isinstance(simulator, BaseException):
            raise simulator
        yield Asker(simulator)
    finally:
        ended.set()
        thread.join(WITHIN_S)


def run_rest(directory: Path, test: Callable[[Asker], None], **changes: Any) -> Simulator:
    """Run ``test`` in a thread beside a simulator, which is returned stopped."""

    async def whole(simulator: Simulator) -> None:
        await asyncio.to_thread(test, Asker(simulator))

    return run(directory, whole, **{**PLENTY, "lifecycle_every_s": 0, **changes})
