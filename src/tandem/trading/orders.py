"""Orders, lists, trades, allocations and prevented matches of every account, as the engine's events tell them.

Open orders and lists are all here. Closed ones, and what was traded, prevented and amended, are a bounded memory that
starts at the snapshot the process recovered from; what is older has to be asked of the past (`tandem.trading.past`).
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from tandem.domain.history import NEVER_US
from tandem.domain.trading import OrderState
from tandem.platform.engine import (
    Allocated,
    Batch,
    Credited,
    Debited,
    EngineClient,
    ListAccepted,
    ListClosed,
    OpenOrder,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    Result,
    SelfTradePrevented,
    Traded,
    TrailingStarted,
)
from tandem.platform.rate_limits import RateLimiter
from tandem.trading import names
from tandem.trading.lists import OrderLists
from tandem.trading.observer import Observer
from tandem.trading.records import (
    WORKING,
    AccountOrders,
    Allocation,
    Amendment,
    Blotter,
    Extra,
    Fill,
    Order,
    PreventedMatch,
    execution_id,
)
from tandem.trading.retention import COMPACT_ABOVE, FairShare

CLOSED_LIMIT = 200_000
TRADES_LIMIT = 200_000
PREVENTED_LIMIT = 20_000
RARE_LIMIT = 20_000
"""Of ended lists, of allocations and of amendments, each."""
LIMITS_WITH_PAST = {"closed_limit": 100_000, "trades_limit": 50_000, "prevented_limit": 5_000, "rare_limit": 20_000}
"""Where the past can be asked. A closed order takes about 700 bytes, a trade about 250: these take some 90 MB."""

PENDING, WAITING = int(OrderState.PENDING), int(OrderState.WAITING)


class OrderView:
    """Listens to the engine. Make it before `EngineClient.start`, so that it sees what recovery replays.

    Memory: closed orders, trades and prevented matches are bounded over all accounts (200,000, 200,000 and 20,000
    unless said otherwise), and so are ended lists, allocations and amendments (20,000 each), shared by `FairShare`.
    What is not here any more is older than what `Gone` says. `limiter` is told of each order's first fill.
    """

    def __init__(
        self,
        client: EngineClient,
        *,
        closed_limit: int = CLOSED_LIMIT,
        trades_limit: int = TRADES_LIMIT,
        prevented_limit: int = PREVENTED_LIMIT,
        rare_limit: int = RARE_LIMIT,
        floor: int = 256,
        limiter: RateLimiter | None = None,
    ) -> None:
        self.by_id: dict[int, Order] = {}
        self.accounts: dict[int, AccountOrders] = {}
        self.lists = OrderLists(rare_limit, floor=floor)
        self.watched: set[int] = set()
        self.observer: Observer | None = None
        self._limiter = limiter
        self._closed = FairShare(closed_limit, self._forget_order, floor=floor)
        self._fills = FairShare(trades_limit, self._forget_fill, floor=floor)
        self._prevented = FairShare(prevented_limit, self._forget_prevented, floor=floor)
        self._allocations = FairShare(rare_limit, self._forget_allocation, floor=floor)
        self._amends = FairShare(rare_limit, self._forget_amendment, floor=floor)
        self._followed: tuple[Result | None, set[int]] = None, set()
        """A result with the orders that begin to follow in it, gathered once: it may tell of hundreds."""
        self.start_seq: int = client.engine.recovery()["events_from_seq"]
        """Where the events begin that this is told."""
        self.start_us = NEVER_US if self.start_seq else -1
        """What was placed later was told here."""
        self.seq = self.start_seq
        """What this was told up to."""
        self.unsure: dict[int, int] = {}
        """Orders of the snapshot of which something is not known until `recall`: id to what was filled then."""
        self._apply: dict[type, Callable[[Any, Result], None]] = {
            OrderAccepted: self._accept,
            OrderReleased: self._release,
            TrailingStarted: self._follow,
            OrderAmended: self._amend,
            Traded: self._trade,
            Allocated: self._allocate,
            SelfTradePrevented: self._prevent,
            OrderClosed: self._close,
            ListAccepted: self._accept_list,
            ListClosed: self._close_list,
            Credited: self._move,
            Debited: self._move,
        }
        for order in sorted(client.engine.snapshot_orders(), key=attrgetter("accepted.order_id")):
            self._seed(order)
        for opened in sorted(client.engine.snapshot_lists(), key=attrgetter("list_id")):
            known = (self.by_id.get(order_id) for order_id in opened.orders)
            self.lists.seed(opened, ["" if order is None else order.client_id for order in known])
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
        if batch.results:
            self.seq = batch.results[-1].seq
            if self.start_us == NEVER_US:
                self.start_us = batch.results[0].time_us
        for result in batch.results:
            for event in result.events:
                handle = apply.get(type(event))
                if handle is not None:
                    handle(event, result)
            if self.observer is not None and self.watched and result.balances:
                self.observer.settled(result)
        if self.observer is not None and self.watched:
            self.observer.deliver()

    def _seed(self, opened: OpenOrder) -> None:
        order = self._order(opened.accepted, opened.accepted_us)
        order.left = opened.left
        order.filled = opened.filled
        order.filled_quote = opened.filled_quote
        order.prevented = opened.prevented
        order.updated_us = opened.updated_us
        if order.filled:
            order.status = names.PARTIALLY_FILLED
        extra = order.extra
        if extra is not None:
            extra.working_us = opened.working_us
            extra.trailing_us = opened.trailing_us
        if order.prevented or (extra is not None and extra.used_sor):
            self.unsure[order.id] = order.filled
        self._file(order)

    def _accept(self, event: OrderAccepted, result: Result) -> None:
        order = self._order(event, result.time_us)
        if order.extra is not None:
            self._follow_at_once(order.id, order.extra, result)
        self._file(order)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.accepted(order, result)

    def _order(self, event: OrderAccepted, time_us: int) -> Order:
        account, qty, extra = event.account, event.qty, event.extra
        order = Order(
            self._blotter(account, event.market),
            event.order_id,
            account,
            event.side,
            event.kind,
            event.tif,
            event.price,
            qty,
            event.quote_qty,
            event.stp,
            event.strategy_id,
            event.strategy_type,
            event.client_order_id,
            qty,
            time_us,
            time_us,
        )
        if extra is not None:
            special = order.extra = _extra(extra)
            if special.state == WORKING:
                special.working_us = time_us
            elif special.state == PENDING:
                order.status = names.PENDING_NEW
        return order

    def _file(self, order: Order) -> None:
        self.by_id[order.id] = order
        blotter = order.blotter
        blotter.rows.append(order)
        blotter.open[order.id] = order
        if order.client_id:
            blotter.by_client_id[order.client_id] = order
        blotter.account.updated_us = order.updated_us

    def _release(self, event: OrderReleased, result: Result) -> None:
        order = self.by_id[event.order_id]
        extra = order.extra
        assert extra is not None
        order.qty = order.left = event.qty
        order.status = names.NEW
        order.updated_us = order.blotter.account.updated_us = result.time_us
        extra.state = event.state
        extra.pegged_price = event.pegged_price
        if event.state == WORKING:
            extra.working_us = result.time_us
        self._follow_at_once(order.id, extra, result)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.released(order, result)

    def _follow_at_once(self, order_id: int, extra: Extra, result: Result) -> None:
        """What begins to follow the price as it is accepted or activated says so from the start. With a stop price it
        begins by a later trade, and while pending not at all, whatever else its command brings about."""
        if extra.trailing_delta and not extra.stop_price and extra.state == WAITING:
            if self._followed[0] is not result:
                self._followed = result, {e.order_id for e in result.events if type(e) is TrailingStarted}
            if order_id in self._followed[1]:
                extra.trailing_us = result.time_us

    def _follow(self, event: TrailingStarted, result: Result) -> None:
        order = self.by_id[event.order_id]
        assert order.extra is not None
        order.extra.trailing_us = result.time_us
        order.updated_us = order.blotter.account.updated_us = result.time_us

    def _amend(self, event: OrderAmended, result: Result) -> None:
        order = self.by_id[event.order_id]
        if order.extra is None:
            order.extra = Extra(working_us=order.accepted_us)
        amendment = Amendment(
            execution_id(result.seq, _place_in(result, event)),
            order.id,
            result.time_us,
            event.old_qty,
            event.qty,
            event.old_client_order_id,
            event.client_order_id,
        )
        if order.extra.amends is None:
            order.extra.amends = []
        order.extra.amends.append(amendment)
        order.qty, order.left = event.qty, event.left
        order.updated_us = order.blotter.account.updated_us = result.time_us
        is_renamed = order.client_id != event.client_order_id
        if is_renamed:
            by_client_id = order.blotter.by_client_id
            if by_client_id.get(order.client_id) is order:
                del by_client_id[order.client_id]
            order.client_id = event.client_order_id
            by_client_id[order.client_id] = order
        self._amends.add(order.account, amendment)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.amended(order, amendment, result)
        if is_renamed and order.extra.list_id >= 0:
            renamed = self.lists.rename(order.extra.list_id, order.id, order.client_id)
            if order.account in self.watched:
                assert self.observer is not None
                self.observer.list_renamed(renamed, result)

    def _trade(self, event: Traded, result: Result) -> None:
        taker, maker, side = event.taker_order, event.maker_order, event.taker_side
        trade_id, market, time_us = event.trade_id, event.market, result.time_us
        price, qty, amount = event.price, event.qty, event.quote_amount
        if not event.is_routed:
            order, fee, asset = self.by_id[taker], event.taker_fee, event.taker_fee_asset
            took = Fill(trade_id, taker, market, time_us, side, False, price, qty, amount, fee, asset, order.list_id)
            self._fill(order, took, event.taker_left, result)
        order, fee, asset = self.by_id[maker], event.maker_fee, event.maker_fee_asset
        made = Fill(trade_id, maker, market, time_us, 1 - side, True, price, qty, amount, fee, asset, order.list_id)
        self._fill(order, made, event.maker_left, result)

    def _allocate(self, event: Allocated, result: Result) -> None:
        order = self.by_id[event.order_id]
        allocation = Allocation(
            -1,
            event.order_id,
            event.market,
            result.time_us,
            event.side,
            False,
            event.price,
            event.qty,
            event.quote_amount,
            event.fee,
            event.fee_asset,
            order.list_id,
            event.allocation_id,
        )
        self._fill(order, allocation, event.left, result)

    def _fill(self, order: Order, fill: Fill, left: int, result: Result) -> None:
        if self._limiter is not None and not order.filled:
            self._limiter.order_filled(order.account, fill.time_us, is_maker=fill.is_maker)
        order.filled += fill.qty
        order.filled_quote += fill.quote_amount
        order.left = left
        order.updated_us = order.blotter.account.updated_us = fill.time_us
        if order.extra is not None:
            order.extra.is_routed = type(fill) is Allocation
        if left:
            order.status = names.PARTIALLY_FILLED
        else:
            order.status = names.FILLED
            self._end(order)
        if type(fill) is Allocation:
            order.blotter.allocations.append(fill)
            self._allocations.add(order.account, fill)
        else:
            order.blotter.fills.append(fill)
            self._fills.add(order.account, fill)
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.traded(order, fill, result)

    def _prevent(self, event: SelfTradePrevented, result: Result) -> None:
        taker, maker = self.by_id[event.taker_order], self.by_id[event.maker_order]
        group = -1 if event.trade_group is None else event.trade_group
        match = PreventedMatch(event, event.market, result.time_us, group, result.seq)
        taker.blotter.prevented.append(match)
        self._prevented.add(taker.account, match)
        if maker.blotter is not taker.blotter:
            seen = PreventedMatch(event, event.maker_market, result.time_us, group, result.seq)
            maker.blotter.prevented.append(seen)
            self._prevented.add(maker.account, seen)
        if event.taker_prevented:
            self._lose(taker, match, event.taker_prevented, event.taker_left, result)
        if event.maker_prevented:
            self._lose(maker, match, event.maker_prevented, event.maker_left, result)
        if event.transferred and not self.watched.isdisjoint((taker.account, maker.account)):
            assert self.observer is not None
            self.observer.transferred(event, taker.side, result)

    def _lose(self, order: Order, match: PreventedMatch, lost: int, left: int, result: Result) -> None:
        order.prevented += lost
        order.prevented_match_id = match.event.prevented_match_id
        order.left = left
        order.updated_us = order.blotter.account.updated_us = result.time_us
        if not left:
            order.status = names.EXPIRED_IN_MATCH  # its OrderClosed follows in the same result
        if order.account in self.watched:
            assert self.observer is not None
            self.observer.prevented(order, match, result)

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

    def _accept_list(self, event: ListAccepted, result: Result) -> None:
        accepted = self.lists.accept(event, result)
        if event.account in self.watched:
            assert self.observer is not None
            self.observer.list_accepted(accepted, result)

    def _close_list(self, event: ListClosed, result: Result) -> None:
        closed = self.lists.close(event, result.time_us)
        if event.account in self.watched:
            assert self.observer is not None
            self.observer.list_closed(closed, result)

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
        blotter.orders_gone.add(order.accepted_us, order.updated_us)
        blotter.forgotten += 1
        if blotter.forgotten > COMPACT_ABOVE and blotter.forgotten * 2 > len(blotter.rows):
            blotter.rows = [row for row in blotter.rows if row.id in self.by_id]
            blotter.forgotten = 0

    def _forget_fill(self, account: int, fill: Fill) -> None:
        blotter = self.accounts[account].blotters[fill.market]
        blotter.fills_gone.add(fill.time_us, fill.time_us)
        blotter.first_fill += 1
        if blotter.first_fill > COMPACT_ABOVE and blotter.first_fill * 2 > len(blotter.fills):
            del blotter.fills[: blotter.first_fill]
            blotter.first_fill = 0

    def _forget_prevented(self, account: int, match: PreventedMatch) -> None:
        blotter = self.accounts[account].blotters[match.market]
        blotter.prevented_gone.add(match.time_us, match.time_us)
        del blotter.prevented[0]

    def _forget_allocation(self, account: int, allocation: Allocation) -> None:
        blotter = self.accounts[account].blotters[allocation.market]
        blotter.allocations_gone.add(allocation.time_us, allocation.time_us)
        del blotter.allocations[0]

    def _forget_amendment(self, account: int, amendment: Amendment) -> None:
        self.accounts[account].amendments_gone.add(amendment.time_us, amendment.time_us)
        order = self.by_id.get(amendment.order_id)
        if order is not None and order.extra is not None and order.extra.amends:
            del order.extra.amends[0]


def cancel_id_of(seq: int) -> str:
    """The id of a cancel that was sent without one (CancelAll has none): the same on every replica."""
    return f"cancel{seq:016d}"


def _extra(terms: OrderExtra) -> Extra:
    return Extra(
        stop_price=terms.stop_price,
        trailing_delta=terms.trailing_delta,
        iceberg_qty=terms.iceberg_qty,
        peg_price=terms.peg_price,
        peg_offset=terms.peg_offset,
        pegged_price=terms.pegged_price,
        used_sor=terms.use_sor,
        list_id=terms.list_id,
        state=terms.state,
    )


def _place_in(result: Result, amended: OrderAmended) -> int:
    """0 for the order that was asked for, which comes first; 1 for the other order of its pair."""
    first = result.events[0]
    return 0 if type(first) is OrderAmended and first.order_id == amended.order_id else 1
