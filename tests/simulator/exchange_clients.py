"""Plain clients for the simulated exchanges, and what a received frame says in ledger terms."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from simulator.hand_clock import HandClock
from websockets.asyncio.client import ClientConnection, connect

from hadron_tasks.local.ledger import LedgerLine
from hadron_tasks.settings import KalshiKeyRef
from hadron_tasks.venues.kalshi.signing import KalshiSigner
from streamer.simulator.config import SimulatorConfig
from streamer.simulator.keys import SimulatedKey, ensure_keys
from streamer.simulator.simulator import Simulator

PATH = "/trade-api/ws/v2"
WITHIN_S = 60.0
"""What is waited for comes at once; on a machine that stands still meanwhile, later."""
Said = tuple[Any, ...]


def run(
    directory: Path,
    test: Callable[[Simulator], Coroutine[Any, Any, None]],
    within_s: float = 180.0,
    clock: HandClock | None = None,
    **changes: Any,
) -> Simulator:
    """Run ``test`` against a simulator, which is returned stopped.

    Unless it is told otherwise, the exchange has patience with a client that does not read.
    """
    options: dict[str, Any] = {"keys": 1, "markets": 60, "rate": 2000.0, "seed": 7}
    options |= {"slow_client_after_s": within_s} | changes
    for key in ready_keys():
        if key.slot <= options["keys"]:
            place = directory / "keys" / key.private_key_path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(key.private_key_path.read_bytes())
    config = SimulatorConfig(data_dir=directory, **options)
    if clock is None:
        simulator = Simulator(config)
    else:
        simulator = Simulator(config, monotonic=clock.monotonic, sleep=clock.sleep)

    async def whole() -> None:
        async with simulator, asyncio.timeout(within_s):
            await test(simulator)

    asyncio.run(whole())
    return simulator


@cache
def ready_keys() -> tuple[SimulatedKey, ...]:
    """Keys made once: making one takes a tenth of a second."""
    directory = tempfile.mkdtemp(prefix="hadron-keys-")
    atexit.register(shutil.rmtree, directory)
    return ensure_keys(Path(directory), 2)


def signer(key: SimulatedKey) -> KalshiSigner:
    return KalshiSigner.load(KalshiKeyRef(key.slot, key.key_id, key.private_key_path))


class Client:
    """One connection: sends commands, keeps every frame it received."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.frames: list[bytes] = []

    async def receive(self) -> Any:
        """The next message."""
        return json.loads(await self.receive_bytes())

    async def receive_bytes(self) -> bytes:
        """The next frame as it came."""
        async with asyncio.timeout(WITHIN_S):
            return await self._receive()

    async def _receive(self) -> bytes:
        frame = await self.websocket.recv(decode=False)
        self.keep(frame)
        return frame

    def keep(self, frame: bytes) -> None:
        """Called with each frame that was received."""
        self.frames.append(frame)

    async def command(self, command: str, **params: Any) -> None:
        """Send a Kalshi command."""
        await self.websocket.send(json.dumps({"id": 1, "cmd": command, "params": params}))

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """Receive until a message is what is wanted, and return it."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                message = await self.receive()
                if wanted(message):
                    return message

    async def subscribe(self, *channels: str, **params: Any) -> list[int]:
        """Subscribe to Kalshi channels; returns their sids once all are confirmed."""
        await self.command("subscribe", channels=list(channels), **params)
        sids: list[int] = []
        while len(sids) < len(channels):
            answer = await self.until(lambda m: m.get("type") in ("subscribed", "error"))
            assert answer["type"] == "subscribed", answer
            sids.append(answer["msg"]["sid"])
        return sids

    async def take(self, count: int) -> None:
        """Receive so many frames more."""
        for _ in range(count):
            await self.receive_bytes()

    async def take_rest(self) -> None:
        """Receive all that was sent before now: up to the answer to a ping, which comes after."""
        async with asyncio.timeout(WITHIN_S):
            pong = await self.websocket.ping()
            reading = asyncio.create_task(self._read_on())
            await asyncio.wait({reading, pong}, return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await pong
        await self.take_arrived()

    async def take_arrived(self) -> None:
        """Receive what is here already; wait for nothing."""
        try:
            while True:
                async with asyncio.timeout(0):
                    await self._receive()
        except TimeoutError:
            return

    async def _read_on(self) -> None:
        while True:
            await self._receive()


def connected(url: str, **options: Any) -> connect:
    """A connection that is not given up because this machine stands still for a while."""
    return connect(url, open_timeout=WITHIN_S, ping_interval=None, close_timeout=0.05, **options)


@asynccontextmanager
async def kalshi(simulator: Simulator, slot: int = 1, **options: Any) -> AsyncIterator[Client]:
    headers = signer(simulator.keys[slot - 1]).headers("GET", PATH)
    async with connected(
        simulator.kalshi_ws_url, additional_headers=headers, **options
    ) as websocket:
        yield Client(websocket)


@asynccontextmanager
async def polygon(simulator: Simulator, asset_class: str, *channels: str) -> AsyncIterator[Client]:
    """An authenticated client, subscribed to ``channels``."""
    async with connected(f"{simulator.polygon_ws_url}/{asset_class}") as websocket:
        client = Client(websocket)
        assert (await client.receive())[0]["status"] == "connected"
        await send(client, "auth", simulator.config.polygon_api_key)
        answer = await client.receive()
        assert answer[0]["status"] == "auth_success", answer
        if channels:
            await send(client, "subscribe", ",".join(channels))
            answers = await client.receive()
            assert {a["status"] for a in answers} == {"success"}, answers
        yield client


async def send(client: Client, action: str, params: object) -> None:
    """Send a Polygon command."""
    await client.websocket.send(json.dumps({"action": action, "params": params}))


def _us(ms: int) -> int:
    return ms * 1000


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def said(line: LedgerLine) -> Said:
    """What a ledger line says of its message."""
    numbers = (_decimal(v) for v in (line.price, line.size, line.bid, line.ask))
    return (line.kind, line.ticker, line.event_us, line.sequence, *numbers, line.trade_id)


def said_by_kalshi(frame: bytes) -> list[Said]:
    """What a frame of the dollar form says, read here independently of the simulator."""
    whole = json.loads(frame, parse_float=Decimal)
    kind, body, seq = whole["type"], whole.get("msg"), whole.get("seq")
    empty = (None, None, None, None, None)
    match kind:
        case "ticker":
            bid, ask = Decimal(body["yes_bid_dollars"]), Decimal(body["yes_ask_dollars"])
            at = _us(body["ts_ms"])
            sides = (bid or None, None if ask == 1 else ask)
            return [("quote", body["market_ticker"], at, None, None, None, *sides, None)]
        case "trade":
            numbers = (Decimal(body["yes_price_dollars"]), Decimal(body["count_fp"]), None, None)
            at = _us(body["ts_ms"])
            return [("trade", body["market_ticker"], at, None, *numbers, body["trade_id"])]
        case "orderbook_snapshot":
            return [("book_snapshot", body["market_ticker"], None, seq, *empty)]
        case "orderbook_delta":
            numbers = (Decimal(body["price_dollars"]), Decimal(body["delta_fp"]), None, None)
            at = _us(body["ts_ms"])
            return [("book_delta", body["market_ticker"], at, seq, *numbers, None)]
        case "market_lifecycle_v2":
            return [("lifecycle", body["market_ticker"], None, seq, *empty)]
        case "event_lifecycle":
            return [("lifecycle", body["event_ticker"], None, seq, *empty)]
        case _:
            return []


def said_by_polygon(frame: bytes) -> list[Said]:
    """What the events of a frame say, read here independently of the simulator."""
    return [
        found
        for event in json.loads(frame, parse_float=Decimal)
        if (found := _said_by_event(event)) is not None
    ]


def _said_by_event(event: dict[str, Any]) -> Said | None:
    def line(kind: str, ticker: str, ms: int, *rest: Any) -> Said:
        numbers = (_decimal(v) for v in rest[:4])
        return (kind, ticker, _us(ms), None, *numbers, rest[4])

    match event["ev"]:
        case "T":
            return line(
                "trade", event["sym"], event["t"], event["p"], event["s"], None, None, event["i"]
            )
        case "Q":
            return line(
                "quote", event["sym"], event["t"], None, None, event["bp"], event["ap"], None
            )
        case "XT":
            ticker, trade_id = f"X:{event['pair']}", str(event["i"])
            return line("trade", ticker, event["t"], event["p"], event["s"], None, None, trade_id)
        case "XQ":
            ticker = f"X:{event['pair']}"
            return line("quote", ticker, event["t"], None, None, event["bp"], event["ap"], None)
        case "C":
            ticker = "C:" + event["p"].replace("/", "-")
            return line("quote", ticker, event["t"], None, None, event["b"], event["a"], None)
        case "V":
            return line("index_value", event["T"], event["t"], event["val"], *([None] * 4))
        case "A" | "AM":
            volume = event.get("v")
            return line("bar", event["sym"], event["s"], event["c"], volume, None, None, None)
        case "XA" | "XAS":
            ticker = f"X:{event['pair']}"
            return line("bar", ticker, event["s"], event["c"], event["v"], None, None, None)
        case _:
            return None
