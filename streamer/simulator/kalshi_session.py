"""One client's conversation with the simulated Kalshi: commands in, answers out.

Protocol: Kalshi's AsyncAPI document (subscribe, update_subscription, unsubscribe,
list_subscriptions and their answers), with its error codes.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamer.simulator.kalshi_exchange import (
    BOOK,
    LIFECYCLE_CHANNEL,
    TICKER,
    TRADE,
    KalshiExchange,
    Subscription,
)
from streamer.simulator.outbox import Outbox

ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    19: "shard_factor must be > 0",
    20: "shard_factor is required when shard_key is set",
    21: "shard_key must be >= 0 and < shard_factor",
    22: "shard_factor must be <= 100",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
}
CHANNEL_ERROR, BUFFER_OVERFLOW = 10, 25

_MARKET_CHANNELS = frozenset({TICKER, TRADE, BOOK})
_QUIET_CHANNELS = frozenset(
    {
        "fill",
        "market_positions",
        "user_orders",
        "order_group_updates",
        "communications",
        "multivariate",
        "multivariate_market_lifecycle",
    }
)
"""Channels one may subscribe to and on which nothing happens here."""
CHANNELS = _MARKET_CHANNELS | _QUIET_CHANNELS | {LIFECYCLE_CHANNEL}
_ACTIONS = frozenset({"add_markets", "delete_markets", "get_snapshot"})
_MOST_SHARDS = 100


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one connection may do."""

    markets_per_subscription: int
    commands_per_second: int


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The command is answered with this error code."""

    def __init__(self, code: int) -> None:
        super().__init__(ERRORS[code])
        self.code = code


class KalshiSession:
    """The subscriptions of one connection and the commands that change them."""

    def __init__(
        self,
        exchange: KalshiExchange,
        outbox: Outbox,
        limits: SessionLimits,
        monotonic: Callable[[], float],
    ) -> None:
        self.exchange = exchange
        self.outbox = outbox
        self.subscriptions: dict[int, Subscription] = {}
        self._limits = limits
        self._monotonic = monotonic
        self._last_sid = 0
        self._recent_commands: deque[float] = deque()

    def handle(self, message: str | bytes) -> None:
        """Carry out one command and answer it; whatever it is, the connection stays open."""
        command: object = None
        with contextlib.suppress(ValueError, RecursionError):
            command = json.loads(message)
        if not isinstance(command, dict):
            self._answer(None, {"type": "error", "msg": _error(1)})
            return
        reference = command.get("id")
        try:
            self._count_command()
            self._carry_out(reference, command)
        except _Refused as refusal:
            self._answer(reference, {"type": "error", "msg": _error(refusal.code)})

    def end(self, subscription: Subscription, code: int) -> None:
        """End a subscription for a reason of the exchange's own (codes 10 and 25)."""
        del self.subscriptions[subscription.sid]
        self.exchange.unsubscribe(subscription)
        self._answer(None, {"sid": subscription.sid, "type": "error", "msg": _error(code)})

    def close(self) -> None:
        """Forget every subscription: the connection is gone."""
        for subscription in self.subscriptions.values():
            self.exchange.unsubscribe(subscription)
        self.subscriptions.clear()

    def _count_command(self) -> None:
        now = self._monotonic()
        recent = self._recent_commands
        while recent and now - recent[0] > 1.0:
            recent.popleft()
        if len(recent) >= self._limits.commands_per_second:
            raise _Refused(27)
        recent.append(now)

    def _carry_out(self, reference: object, command: dict[str, Any]) -> None:
        match command.get("cmd"):
            case "subscribe":
                self._subscribe(reference, _params(command))
            case "update_subscription":
                self._update(reference, _params(command))
            case "unsubscribe":
                self._unsubscribe(reference, _params(command))
            case "list_subscriptions":
                listed = [{"channel": s.channel, "sid": s.sid} for s in self.subscriptions.values()]
                self._answer(reference, {"type": "ok", "msg": listed})
            case _:
                raise _Refused(5)

    # subscribe

    def _subscribe(self, reference: object, params: dict[str, Any]) -> None:
        channels = params.get("channels")
        if not channels:
            raise _Refused(3)
        if not isinstance(channels, list) or not all(isinstance(c, str) for c in channels):
            raise _Refused(11)
        tickers = _tickers(params)
        if tickers is not None and len(tickers) > self._limits.markets_per_subscription:
            raise _Refused(26)
        for channel in dict.fromkeys(channels):
            try:
                _check_channel(channel, tickers, params)
            except _Refused as refusal:
                self._answer(reference, {"type": "error", "msg": _error(refusal.code)})
                continue
            self._open(reference, channel, tickers, params.get("send_initial_snapshot") is True)

    def _open(
        self, reference: object, channel: str, tickers: list[str] | None, with_quotes: bool
    ) -> None:
        self._last_sid += 1
        markets = set(tickers) if tickers is not None and channel in _MARKET_CHANNELS else None
        subscription = Subscription(self._last_sid, channel, self.outbox, markets)
        self.subscriptions[subscription.sid] = subscription
        self._answer(
            reference, {"type": "subscribed", "msg": {"channel": channel, "sid": subscription.sid}}
        )
        self.exchange.subscribe(subscription)
        if channel == BOOK:
            self._send_books(subscription, tickers or [])
        elif channel == TICKER and with_quotes:
            everything = [market.ticker for market in self.exchange.open_markets]
            for ticker in everything if tickers is None else dict.fromkeys(tickers):
                self.exchange.send_quote(subscription, ticker)

    def _send_books(self, subscription: Subscription, tickers: list[str]) -> None:
        for ticker in dict.fromkeys(tickers):
            self.exchange.send_book(subscription, ticker)

    # update_subscription

    def _update(self, reference: object, params: dict[str, Any]) -> None:
        subscription = self._one_subscription(params)
        action = params.get("action")
        if action is None:
            raise _Refused(15)
        if action not in _ACTIONS:
            raise _Refused(13)
        tickers = _tickers(params)
        if tickers is None:
            raise _Refused(14)
        if subscription.markets is None or (action == "get_snapshot" and not self._is_book(params)):
            raise _Refused(13)
        books: list[str] = []
        if action == "add_markets":
            together = subscription.markets.union(tickers)
            if len(together) > self._limits.markets_per_subscription:
                raise _Refused(26)
            books = self.exchange.add_markets(subscription, tickers)
        elif action == "delete_markets":
            self.exchange.remove_markets(subscription, tickers)
        else:
            books = [t for t in tickers if t in subscription.markets]
        listed = {"market_tickers": sorted(subscription.markets)}
        self._confirm(reference, subscription, {"type": "ok", "msg": listed})
        if subscription.channel == BOOK:
            self._send_books(subscription, books)

    def _is_book(self, params: dict[str, Any]) -> bool:
        return self._one_subscription(params).channel == BOOK

    def _one_subscription(self, params: dict[str, Any]) -> Subscription:
        sid, sids = params.get("sid"), params.get("sids")
        if sid is None and sids is None:
            raise _Refused(4)
        if sids is not None and (not isinstance(sids, list) or len(sids) != 1 or sid is not None):
            raise _Refused(12)
        return self._known(sid if sids is None else sids[0])

    def _known(self, sid: object) -> Subscription:
        if not isinstance(sid, int) or isinstance(sid, bool):
            raise _Refused(11)
        if sid not in self.subscriptions:
            raise _Refused(7)
        return self.subscriptions[sid]

    # unsubscribe

    def _unsubscribe(self, reference: object, params: dict[str, Any]) -> None:
        sids = params.get("sids")
        if not sids:
            raise _Refused(4)
        if not isinstance(sids, list):
            raise _Refused(11)
        for sid in sids:
            try:
                subscription = self._known(sid)
            except _Refused as refusal:
                self._answer(reference, {"type": "error", "msg": _error(refusal.code)})
                continue
            del self.subscriptions[subscription.sid]
            self.exchange.unsubscribe(subscription)
            self._confirm(reference, subscription, {"type": "unsubscribed"})

    # answers

    def _confirm(
        self, reference: object, subscription: Subscription, answer: dict[str, Any]
    ) -> None:
        """An answer that takes a number of the subscription's sequence."""
        numbered = {"sid": subscription.sid, "seq": subscription.next_seq()}
        self._answer(reference, {**numbered, **answer})

    def _answer(self, reference: object, answer: dict[str, Any]) -> None:
        told = answer if reference is None else {"id": reference, **answer}
        self.outbox.control(json.dumps(told, separators=(",", ":")).encode())


def _error(code: int) -> dict[str, Any]:
    return {"code": code, "msg": ERRORS[code]}


def _params(command: dict[str, Any]) -> dict[str, Any]:
    params = command.get("params")
    if not isinstance(params, dict) or not params:
        raise _Refused(2)
    return params


def _tickers(params: dict[str, Any]) -> list[str] | None:
    """The markets a command names; None when it names none."""
    one, many = params.get("market_ticker"), params.get("market_tickers")
    if one is None and many is None:
        return None
    tickers = [*([one] if one is not None else []), *(many if isinstance(many, list) else [])]
    is_list = many is None or isinstance(many, list)
    if not is_list or not tickers or not all(isinstance(t, str) and t for t in tickers):
        raise _Refused(11)
    return tickers


def _check_channel(channel: str, tickers: list[str] | None, params: dict[str, Any]) -> None:
    if channel not in CHANNELS:
        raise _Refused(8)
    if channel == BOOK and tickers is None:
        raise _Refused(14)
    if channel == LIFECYCLE_CHANNEL and tickers is not None:
        raise _Refused(11)
    if channel == "communications":
        _check_shards(params)


def _check_shards(params: dict[str, Any]) -> None:
    factor, key = params.get("shard_factor"), params.get("shard_key")
    if factor is None:
        if key is not None:
            raise _Refused(20)
        return
    if not isinstance(factor, int) or factor <= 0:
        raise _Refused(19)
    if factor > _MOST_SHARDS:
        raise _Refused(22)
    if key is not None and (not isinstance(key, int) or not 0 <= key < factor):
        raise _Refused(21)
