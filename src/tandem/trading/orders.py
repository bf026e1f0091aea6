"""Orders, trades and prevented matches of every account, as the engine's events tell them.

Open orders are all here. Closed ones, trades and prevented matches are a bounded memory that starts at the snapshot the
process recovered from; older history is not kept here.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from tandem.platform.engine import (
    Batch,
    Credited,
    Debited,
    EngineClient,
    OpenOrder,
    OrderAccepted,
    OrderClosed,
    Result,
    SelfTradePrevented,
    Traded,
)
from tandem.platform.rate_limits import RateLimiter
from tandem.trading import names
from tandem.trading.retention import FairShare

CLOSED_LIMIT = 200_000
TRADES_LIMIT = 200_000
PREVENTED_LIMIT = 20_000
COMPACT_ABOVE = 64
"""Forgotten rows that a list may carry before they are worth removing."""

by_order_id = attrgetter("id")
by_accepted_us = attrgetter("accepted_us")


# Without cycle collection, and copied from events, which have it: hundreds of thousands of these live long, and a full
# collection that walks them stops the process for a tenth of a second. None is in a cycle once its blotter let it go.
class Order(msgspec.Struct, eq=False, gc=False):
    """An order and what became of it. Amounts in minor units, times in microseconds."""

    blotter: "Blotter"
    id: int
    account: int
    side: int
    kind: int
    tif: int
    price: int
    qty: int
    quote_qty: int
    stp: int
    strategy_id: int | None
    strategy_type: int | None
    client_id: str
    left: int
    accepted_us: int
    """Also its working time: every kind of order that exists works at once."""
    updated_us: int
    orig_client_id: str = ""
    """The id it had before it was canceled, once `client_id` is that of the cancel."""
    filled: int = 0
    filled_quote: int = 0
    prevented: int = 0
    prevented_match_id: int = -1
    """Of the latest; -1: none, or before the snapshot."""
    status: str = names.NEW
    expiry_reason: str = ""


class Fill(msgspec.Struct, eq=False, gc=False):
    """One side of a trade."""

    id: int
    """Of the trade."""
    order_id: int
    market: int
    time_us: int
    side: int
    is_maker: bool
    price: int
    qty: int
    quote_amount: int
    fee: int
    """In what the side receives."""


class PreventedMatch(msgspec.Struct, eq=False, gc=False):
    """A match inside one account that was prevented."""

    event: SelfTradePrevented
    time_us: int


class AccountOrders:
    """One account's blotters by market."""

    __slots__ = ("blotters", "updated_us")

    def __init__(self) -> None:
        self.blotters: dict[int, Blotter] = {}
        self.updated_us = 0
        """When an event last touched the account; 0: not since the snapshot."""


class Blotter:
    """One account's record in one market. `rows` rise by order id and by time, `fills` by trade id and by time."""

    __slots__ = ("account", "by_client_id", "fills", "first_fill", "forgotten", "market", "open", "prevented", "rows")

    def __init__(self, account: AccountOrders, market: int) -> None:
        self.account = account
        self.market = market
        self.open: dict[int, Order] = {}
        self.by_client_id: dict[str, Order] = {}
        """Also by the id that an order had before its cancel. The open order, or else the latest."""
        self.rows: list[Order] = []
        """Open and closed; forgotten orders stay until `forgotten` makes removing them worth it."""
        self.forgotten = 0
        self.fills: list[Fill] = []
        self.first_fill = 0
        """Fills before this index are forgotten."""
        self.prevented: list[PreventedMatch] = []


class Observer(Protocol):
    """Is told of each change to a watched account right after it, with the state the order had then."""

    def accepted(self, order: Order, result: Result) -> None: ...
    def traded(self, order: Order, fill: Fill, result: Result) -> None: ...
    def prevented(self, order: Order, event: SelfTradePrevented, result: Result) -> None: ...
    def closed(self, order: Order, result: Result) -> None: ...
    def moved(self, event: Credited | Debited, result: Result) -> None: ...
    def settled(self, result: Result) -> None:
        """All events of a result that carries balances have been told."""


class OrderView:
    """Listens to the engine. Make it before `EngineClient.start`, so that it sees what recovery replays.

    Memory: closed orders, trades and prevented matches are bounded over all accounts (200,000, 200,000 and 20,000
    unless said otherwise), shared by `FairShare`. A forgotten order is as unknown as one that never was.
    `limiter` is told of each order's first fill.
    """

    def __init__(
        self,
        client: EngineClient,
        *,
        closed_limit: int = CLOSED_LIMIT,
        trades_limit: int = TRADES_LIMIT,
        prevented_limit: int = PREVENTED_LIMIT,
        floor: int = 256,
        limiter: RateLimiter | None = None,
    ) -> None:
        self.by_id: dict[int, Order] = {}
        self.accounts: dict[int, AccountOrders] = {}
        self.watched: set[int] = set()
        self.observer: Observer | None = None
        self._limiter = limiter
        self._closed = FairShare(closed_limit, self._forget_order, floor=floor)
        self._fills = FairShare(trades_limit, self._forget_fill, floor=floor)
        self._prevented = FairShare(prevented_limit, self._forget_prevented, floor=floor)
        self._apply: dict[type, Callable[[Any, Result], None]] = {
            OrderAccepted: self._accept,
            Traded: self._trade,
            SelfTradePrevented: self._prevent,
            OrderClosed: self._close,
            Credited: self._move,
            Debited: self._move,
        }
        for order in sorted(client.engine.snapshot_orders(), key=attrgetter("order_id")):
            self._seed(order)
        client.add_listener(self.on_batch)

    # --- reading

    def blotter(self, account: int, market: int) -> "Blotter | None":
        holder = self.accounts.get(account)
        return None if holder is None else holder.blotters.get(market)

    def updated_us(self, account: int) -> int:
        """When an event last touched the account; 0: not since the snapshot."""
        holder = self.accounts.get(account)
        return 0 if holder is None else holder.updated_us

    # --- following

    def on_batch(self, batch: Batch) -> None:
        apply = self._apply
        for result in batch.results:
            for event in result.events:
                handle = apply.get(type(event))
                if handle is not None:
                    handle(event, result)
            if self.observer is not None and self.watched and result.balances:
                self.observer.settled(result)

    def _seed(self, terms: OpenOrder) -> None:
        order = self._order(terms, terms.accepted_us)
        order.left = terms.left
        order.filled = terms.filled
        order.filled_quote = terms.filled_quote
        order.prevented = terms.prevented
        order.updated_us = terms.updated_us
        if order.filled:
            order.status = names.PARTIALLY_FILLED
        self._file(order)

    def _accept(self, event: OrderAccepted, result: Result) -> None:
        order = self._order(event, result.time_us)
        self._file(order)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.accepted(order, result)

    def _order(self, terms: OrderAccepted | OpenOrder, time_us: int) -> Order:
        account, qty = terms.account, terms.qty
        return Order(
            self._blotter(account, terms.market),
            terms.order_id,
            account,
            terms.side,
            terms.kind,
            terms.tif,
            terms.price,
            qty,
            terms.quote_qty,
            terms.stp,
            terms.strategy_id,
            terms.strategy_type,
            terms.client_order_id,
            qty,
            time_us,
            time_us,
        )

    def _file(self, order: Order) -> None:
        self.by_id[order.id] = order
        blotter = order.blotter
        blotter.rows.append(order)
        blotter.open[order.id] = order
        if order.client_id:
            blotter.by_client_id[order.client_id] = order
        blotter.account.updated_us = order.updated_us

    def _trade(self, event: Traded, result: Result) -> None:
        taker, maker, side = event.taker_order, event.maker_order, event.taker_side
        trade_id, market, time_us = event.trade_id, event.market, result.time_us
        price, qty, amount = event.price, event.qty, event.quote_amount
        took = Fill(trade_id, taker, market, time_us, side, False, price, qty, amount, event.taker_fee)
        made = Fill(trade_id, maker, market, time_us, 1 - side, True, price, qty, amount, event.maker_fee)
        self._fill(self.by_id[taker], took, event.taker_left, result)
        self._fill(self.by_id[maker], made, event.maker_left, result)

    def _fill(self, order: Order, fill: Fill, left: int, result: Result) -> None:
        if self._limiter is not None and not order.filled:
            self._limiter.order_filled(order.account, fill.time_us, is_maker=fill.is_maker)
        order.filled += fill.qty
        order.filled_quote += fill.quote_amount
        order.left = left
        order.updated_us = order.blotter.account.updated_us = fill.time_us
        order.blotter.fills.append(fill)
        if left:
            order.status = names.PARTIALLY_FILLED
        else:
            order.status = names.FILLED
            self._end(order)
        self._fills.add(order.account, fill)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.traded(order, fill, result)

    def _prevent(self, event: SelfTradePrevented, result: Result) -> None:
        match = PreventedMatch(event, result.time_us)
        taker, maker = self.by_id[event.taker_order], self.by_id[event.maker_order]
        taker.blotter.prevented.append(match)
        self._prevented.add(event.account, match)
        if event.taker_prevented:
            self._lose(taker, event, event.taker_prevented, event.taker_left, result)
        if event.maker_prevented:
            self._lose(maker, event, event.maker_prevented, event.maker_left, result)

    def _lose(self, order: Order, event: SelfTradePrevented, lost: int, left: int, result: Result) -> None:
        order.prevented += lost
        order.prevented_match_id = event.prevented_match_id
        order.left = left
        order.updated_us = order.blotter.account.updated_us = result.time_us
        if not left:
            order.status = names.EXPIRED_IN_MATCH  # its OrderClosed follows in the same result
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.prevented(order, event, result)

    def _close(self, event: OrderClosed, result: Result) -> None:
        order = self.by_id[event.order_id]
        was_told = order.status == names.EXPIRED_IN_MATCH
        order.status = names.CLOSE_STATUSES[event.status]
        order.expiry_reason = names.EXPIRY_REASONS[event.reason]
        order.left = event.left
        order.updated_us = order.blotter.account.updated_us = result.time_us
        if order.status == names.CANCELED:
            self._rename(order, event.cancel_id or cancel_id_of(result.seq))
        self._end(order)
        if order.account in self.watched and not was_told:
            assert self.observer is not None
            self.observer.closed(order, result)

    def _rename(self, order: Order, cancel_id: str) -> None:
        order.orig_client_id, order.client_id = order.client_id, cancel_id
        blotter = order.blotter
        holder = blotter.by_client_id.get(cancel_id)
        if holder is None or holder.id not in blotter.open:
            blotter.by_client_id[cancel_id] = order

    def _end(self, order: Order) -> None:
        del order.blotter.open[order.id]
        self._closed.add(order.account, order)

    def _move(self, event: Credited | Debited, result: Result) -> None:
        self._account(event.account).updated_us = result.time_us
        if event.account in self.watched:
            assert self.observer is not None
            self.observer.moved(event, result)

    def _account(self, account: int) -> AccountOrders:
        holder = self.accounts.get(account)
        if holder is None:
            holder = self.accounts[account] = AccountOrders()
        return holder

    def _blotter(self, account: int, market: int) -> Blotter:
        blotters = self._account(account).blotters
        blotter = blotters.get(market)
        if blotter is None:
            blotter = blotters[market] = Blotter(self.accounts[account], market)
        return blotter

    # --- forgetting

    def _forget_order(self, _account: int, order: Order) -> None:
        del self.by_id[order.id]
        blotter = order.blotter
        for client_id in (order.client_id, order.orig_client_id):
            if blotter.by_client_id.get(client_id) is order:
                del blotter.by_client_id[client_id]
        blotter.forgotten += 1
        if blotter.forgotten > COMPACT_ABOVE and blotter.forgotten * 2 > len(blotter.rows):
            blotter.rows = [row for row in blotter.rows if row.id in self.by_id]
            blotter.forgotten = 0

    def _forget_fill(self, account: int, fill: Fill) -> None:
        blotter = self.accounts[account].blotters[fill.market]
        blotter.first_fill += 1
        if blotter.first_fill > COMPACT_ABOVE and blotter.first_fill * 2 > len(blotter.fills):
            del blotter.fills[: blotter.first_fill]
            blotter.first_fill = 0

    def _forget_prevented(self, account: int, match: PreventedMatch) -> None:
        del self.accounts[account].blotters[match.event.market].prevented[0]


def cancel_id_of(seq: int) -> str:
    """The id of a cancel that was sent without one (CancelAll has none): the same on every replica."""
    return f"cancel{seq:016d}"
