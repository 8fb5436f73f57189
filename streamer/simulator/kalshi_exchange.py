"""The simulated Kalshi market and who is told about it: markets, channels, subscriptions.

Knows nothing of sockets but the outboxes its messages go to, and nothing of the clock but what
it is given; the same seed and the same calls give the same messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random

from hadron_tasks.local.ledger import LIFECYCLE, NULL
from hadron_tasks.tick import TickType
from streamer.simulator.config import KalshiMix
from streamer.simulator.kalshi_forms import PRICE_TEXT, KalshiForm, contracts
from streamer.simulator.market import ONE_DOLLAR, Delta, Event, Market, move_book, open_book, trade
from streamer.simulator.outbox import Outbox
from streamer.simulator.pool import Pool
from streamer.simulator.trade_tape import TradeTape

TICKER, TRADE, BOOK, LIFECYCLE_CHANNEL = "ticker", "trade", "orderbook_delta", "market_lifecycle_v2"
_QUOTE = TickType.QUOTE.value
_TRADE = TickType.TRADE.value
_SNAPSHOT = TickType.BOOK_SNAPSHOT.value
_DELTA = TickType.BOOK_DELTA.value


class Subscription:
    """One ``sid``: a channel for all markets or some, and its sequence counter."""

    __slots__ = (
        "channel",
        "markets",
        "numbered",
        "outbox",
        "seq",
        "seq_in_ledger",
        "sid",
        "skip_next",
    )

    def __init__(self, sid: int, channel: str, outbox: Outbox, markets: set[str] | None) -> None:
        self.sid = sid
        self.channel = channel
        self.outbox = outbox
        self.markets = markets
        """None for all of them."""
        self.numbered = channel != TICKER
        self.seq_in_ledger = self.numbered and channel != TRADE
        """A trade is itself by its id, over whatever connection and number it comes."""
        self.seq = 0
        self.skip_next = 0
        """Messages that a fault keeps back although they take a sequence number."""

    def next_seq(self) -> int:
        """The number of the next message on this sid."""
        self.seq += 1
        return self.seq

    def send(self, message_type: bytes, body: bytes, kind: str, before: str, after: str) -> int:
        """Send one data message; returns how many were sent (0 when a fault kept it back).

        ``before`` and ``after`` are the ledger's columns around the sequence number.
        """
        outbox = self.outbox
        if not self.numbered:
            payload = b'{"type":"%b","sid":%d,"msg":%b}' % (message_type, self.sid, body)
            outbox.data(payload, kind, f"{outbox.head}{before}{NULL}{after}")
            return 1
        self.seq = seq = self.seq + 1
        tail = f"{outbox.head}{before}{seq if self.seq_in_ledger else NULL}{after}"
        if self.skip_next:
            self.skip_next -= 1
            outbox.skip(tail)
            return 0
        payload = b'{"type":"%b","sid":%d,"seq":%d,"msg":%b}' % (message_type, self.sid, seq, body)
        outbox.data(payload, kind, tail)
        return 1


class Channel:
    """The subscribers of one channel."""

    __slots__ = ("by_market", "everything", "pool")

    def __init__(self) -> None:
        self.everything: list[Subscription] = []
        self.by_market: dict[str, list[Subscription]] = {}
        self.pool: Pool[Market] = Pool()
        """Open markets that somebody named."""

    def wants(self, ticker: str) -> bool:
        """Whether anybody is to be told about the market."""
        return bool(self.everything) or ticker in self.by_market

    def send(
        self, ticker: str, message_type: bytes, body: str, kind: str, before: str, after: str
    ) -> int:
        """Send one message to everybody who asked for the market; returns how many were sent."""
        data = body.encode()
        sent = 0
        for subscription in self.everything:
            sent += subscription.send(message_type, data, kind, before, after)
        for subscription in self.by_market.get(ticker, ()):
            sent += subscription.send(message_type, data, kind, before, after)
        return sent


class KalshiExchange:
    """Markets, their subscribers and the next thing to happen."""

    def __init__(
        self, form: KalshiForm, mix: KalshiMix, rng: Random, now_ms: Callable[[], int]
    ) -> None:
        self.form = form
        self.rng = rng
        self.now_ms = now_ms
        self.markets: dict[str, Market] = {}
        """Every market ever listed, by ticker."""
        self.all_events: dict[str, Event] = {}
        """Every event ever listed, by ticker."""
        self.tape = TradeTape()
        self.events: deque[Event] = deque()
        """Those that are open, the longest open first."""
        self.open_markets: Pool[Market] = Pool()
        self.channels = {name: Channel() for name in (TICKER, TRADE, BOOK, LIFECYCLE_CHANNEL)}
        self._actions: tuple[tuple[float, Callable[[], int], str], ...] = (
            (mix.ticker, self._send_ticker, TICKER),
            (mix.delta, self._send_delta, BOOK),
            (mix.trade, self._send_trade, TRADE),
            (mix.snapshot, self._send_snapshot, BOOK),
        )
        self._choices: list[tuple[float, Callable[[], int]]] = []
        self._goes_on_unheard = False
        self._deltas_ahead = 0

    # Markets

    def list_event(self, event: Event) -> None:
        """Add an event and open its markets."""
        self.events.append(event)
        self.all_events[event.ticker] = event
        for market in event.markets:
            self.markets[market.ticker] = market
            self.open_markets.add(market)
            for channel in self.channels.values():
                if market.ticker in channel.by_market:
                    channel.pool.add(market)
            # Whoever named it before it opened has had no book of it yet.
            for subscription in self.channels[BOOK].by_market.get(market.ticker, ()):
                self.send_book(subscription, market.ticker)
        self._choose_again()

    def close_market(self, market: Market) -> None:
        """No more quotes, trades or orders in this market."""
        self.open_markets.discard(market)
        for channel in self.channels.values():
            channel.pool.discard(market)
        self._choose_again()

    # Subscribers

    def subscribe(self, subscription: Subscription) -> None:
        """Begin to send what the subscription asks for."""
        channel = self.channels.get(subscription.channel)
        if channel is None:  # a private channel: nothing ever happens there
            return
        if subscription.markets is None:
            channel.everything.append(subscription)
        else:
            self._route(channel, subscription, subscription.markets)
        self._choose_again()

    def add_markets(self, subscription: Subscription, tickers: Iterable[str]) -> list[str]:
        """Extend a subscription that names its markets; returns those that are new to it."""
        if subscription.markets is None:
            return []
        added = [t for t in dict.fromkeys(tickers) if t not in subscription.markets]
        subscription.markets.update(added)
        self._route(self.channels[subscription.channel], subscription, added)
        self._choose_again()
        return added

    def remove_markets(self, subscription: Subscription, tickers: Iterable[str]) -> None:
        """Narrow a subscription that names its markets."""
        if subscription.markets is None:
            return
        removed = [t for t in dict.fromkeys(tickers) if t in subscription.markets]
        subscription.markets.difference_update(removed)
        self._unroute(self.channels[subscription.channel], subscription, removed)
        self._choose_again()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Send nothing more on this subscription."""
        channel = self.channels.get(subscription.channel)
        if channel is None:
            return
        if subscription.markets is None:
            channel.everything.remove(subscription)
        else:
            self._unroute(channel, subscription, subscription.markets)
        self._choose_again()

    def _route(self, channel: Channel, subscription: Subscription, tickers: Iterable[str]) -> None:
        for ticker in tickers:
            channel.by_market.setdefault(ticker, []).append(subscription)
            market = self.markets.get(ticker)
            if market is not None and market in self.open_markets:
                channel.pool.add(market)

    def _unroute(
        self, channel: Channel, subscription: Subscription, tickers: Iterable[str]
    ) -> None:
        for ticker in tickers:
            subscribers = channel.by_market[ticker]
            subscribers.remove(subscription)
            if not subscribers:
                del channel.by_market[ticker]
                market = self.markets.get(ticker)
                if market is not None:
                    channel.pool.discard(market)

    # What happens

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything that somebody would be told."""
        return bool(self._choices)

    def step(self) -> int:
        """Let one thing happen, by the mix; returns how many messages that sent."""
        chance = self.rng.random()
        for limit, action in self._choices:
            if chance < limit:
                # What nobody hears takes its time all the same.
                return max(action(), int(self._goes_on_unheard))
        return 0

    def go_on_unheard(self, goes_on: bool) -> None:
        """Let happen what happens now, whether or not anybody is still subscribed to it."""
        self._goes_on_unheard = goes_on
        self._choose_again()

    def announce(self, message_type: str, ticker: str, body: str) -> int:
        """Tell the lifecycle channel; ``ticker`` is the market's or the event's."""
        before = f"{LIFECYCLE}\t{ticker}\t{NULL}\t"
        after = f"\t{NULL}\t{NULL}\t{NULL}\t{NULL}\t{NULL}\n"
        channel = self.channels[LIFECYCLE_CHANNEL]
        return channel.send(ticker, message_type.encode(), body, LIFECYCLE, before, after)

    def send_book(self, subscription: Subscription, ticker: str) -> int:
        """Send one subscriber the whole book of a market that is open."""
        market = self._open_market(ticker)
        if market is None:
            return 0
        body = self.form.snapshot(market).encode()
        return subscription.send(b"orderbook_snapshot", body, _SNAPSHOT, *_book_columns(ticker))

    def send_quote(self, subscription: Subscription, ticker: str) -> int:
        """Send one subscriber the ticker of a market that is open."""
        market = self._open_market(ticker)
        if market is None:
            return 0
        body, before, after = self._quote(market)
        return subscription.send(b"ticker", body.encode(), _QUOTE, before, after)

    def tell_book(self, market: Market) -> int:
        """Send the whole book of a market to everybody who follows it."""
        body = self.form.snapshot(market)
        before, after = _book_columns(market.ticker)
        return self.channels[BOOK].send(
            market.ticker, b"orderbook_snapshot", body, _SNAPSHOT, before, after
        )

    def tell_quote(self, market: Market) -> int:
        """Send a market's ticker to everybody who follows it."""
        body, before, after = self._quote(market)
        return self.channels[TICKER].send(market.ticker, b"ticker", body, _QUOTE, before, after)

    def _open_market(self, ticker: str) -> Market | None:
        market = self.markets.get(ticker)
        if market is None or market not in self.open_markets:
            return None
        self._prepare(market)
        return market

    def _prepare(self, market: Market) -> None:
        if not market.has_book:
            open_book(market, self.rng)

    def _draw(self, channel: Channel) -> Market:
        everything = channel.everything or not len(channel.pool)
        pool = self.open_markets if everything else channel.pool
        market = pool.draw(self.rng)
        if market.last_ms >= self.now_ms():
            # It has had its message of this millisecond: a rate so high is for others, too, or
            # the times it states would run ahead of the clock.
            market = pool.draw_evenly(self.rng)
        if not market.has_book:
            open_book(market, self.rng)
        return market

    def _send_ticker(self) -> int:
        channel = self.channels[TICKER]
        market = self._draw(channel)
        if market.ticker not in self.channels[BOOK].by_market:
            # Whoever follows the book must see each of its changes; nobody does, so it may move.
            move_book(market, self.rng)
        return self.tell_quote(market)

    def _send_delta(self) -> int:
        if self._deltas_ahead > 0:  # trades have moved books too; they count in the mix
            self._deltas_ahead -= 1
            return 0
        market = self._draw(self.channels[BOOK])
        return self._tell_delta(market, move_book(market, self.rng))

    def _send_trade(self) -> int:
        channel = self.channels[TRADE]
        market = self._draw(channel)
        done = trade(market, self.rng)
        if done is None:
            return self._tell_delta(market, move_book(market, self.rng))
        now_ms = self.now_ms()
        ms = market.next_ms(now_ms)
        body = self.form.trade(market, done, ms)
        ticker = market.ticker
        self.tape.add(ticker, done, ms, now_ms)
        sent = channel.send(
            ticker,
            b"trade",
            body,
            _TRADE,
            f"{_TRADE}\t{ticker}\t{self.form.states_us(ms)}\t",
            f"\t{PRICE_TEXT[done.yes_price]}\t{contracts(done.size)}\t{NULL}\t{NULL}"
            f"\t{done.trade_id}\n",
        )
        deltas = self._tell_delta(market, done.delta)
        self._deltas_ahead += deltas
        return sent + deltas

    def _send_snapshot(self) -> int:
        return self.tell_book(self._draw(self.channels[BOOK]))

    def _tell_delta(self, market: Market, delta: Delta) -> int:
        channel = self.channels[BOOK]
        ticker = market.ticker
        if ticker not in channel.by_market:
            return 0
        ms = market.next_ms(self.now_ms())
        stated = self.form.states_us(ms) if self.form.delta_states_time else NULL
        return channel.send(
            ticker,
            b"orderbook_delta",
            self.form.delta(market, delta, ms),
            _DELTA,
            f"{_DELTA}\t{ticker}\t{stated}\t",
            f"\t{PRICE_TEXT[delta.price]}\t{contracts(delta.change)}\t{NULL}\t{NULL}\t{NULL}\n",
        )

    def _quote(self, market: Market) -> tuple[str, str, str]:
        ms = market.next_ms(self.now_ms())
        body = self.form.ticker(market, ms)
        bid = PRICE_TEXT[market.best_yes] if market.yes else NULL
        ask = PRICE_TEXT[ONE_DOLLAR - market.best_no] if market.no else NULL
        before = f"{_QUOTE}\t{market.ticker}\t{self.form.states_us(ms)}\t"
        return body, before, f"\t{NULL}\t{NULL}\t{bid}\t{ask}\t{NULL}\n"

    def _choose_again(self) -> None:
        """Work out anew which kinds of message somebody would get, and how often."""
        if self._goes_on_unheard and self._choices:
            return
        possible = [
            (weight, action)
            for weight, action, name in self._actions
            if weight > 0 and self._has_audience(self.channels[name])
        ]
        total = sum(weight for weight, _ in possible)
        self._choices = []
        reached = 0.0
        for weight, action in possible:
            reached += weight / total
            self._choices.append((reached, action))
        if self._choices:  # whatever rounding did, the last choice takes the rest
            self._choices[-1] = (1.0, self._choices[-1][1])

    def _has_audience(self, channel: Channel) -> bool:
        return len(self.open_markets) > 0 if channel.everything else len(channel.pool) > 0


def _book_columns(ticker: str) -> tuple[str, str]:
    return f"{_SNAPSHOT}\t{ticker}\t{NULL}\t", f"\t{NULL}\t{NULL}\t{NULL}\t{NULL}\t{NULL}\n"
