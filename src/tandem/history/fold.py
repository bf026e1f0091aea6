"""From the engine's results to rows: a pure fold over the log, the same whoever makes it and from wherever it starts.

At its start it needs what is open, each market's present candles and its last day; the rest of the past stays in SQL.
How the results are cut into takes does not matter to what the rows come to.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec.structs import astuple

from tandem.domain.trading import FEE_ACCOUNT, CloseReason, CloseStatus, OrderState, SelfTradePrevention
from tandem.history.candles import Candles, Days
from tandem.history.rows import CandleRow, DayRow, ListRow, LiveOrder, Rows, Values
from tandem.platform.engine import (
    Allocated,
    Credited,
    Debited,
    ListAccepted,
    ListClosed,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    ReferenceChanged,
    Result,
    SelfTradePrevented,
    Traded,
    TrailingStarted,
)

OUTSIDE = -1
"""In the ledger: where credits come from and debits go to."""
WORKING, PENDING = int(OrderState.WORKING), int(OrderState.PENDING)
NEW, PENDING_NEW, PARTIALLY_FILLED, FILLED = "NEW", "PENDING_NEW", "PARTIALLY_FILLED", "FILLED"
_REASONLESS = (CloseReason.USER, CloseReason.SELF_TRADE, CloseReason.AMENDED)
_EXPIRY = tuple("" if reason in _REASONLESS else reason.name for reason in CloseReason)
_STATUS = tuple(status.name for status in CloseStatus)
CANCELED = CloseStatus.CANCELED.name
_PLAIN = OrderExtra()


class Past(Protocol):
    """What the fold asks of SQL: what is there already at its start."""

    def live_orders(self, ids: Iterable[int]) -> Iterable[LiveOrder]: ...
    def live_lists(self, ids: Iterable[int]) -> Iterable[ListRow]: ...
    def candle(self, market: int, interval: str, open_us: int) -> CandleRow | None: ...
    def last_day(self, market: int) -> DayRow | None: ...


class Fold:
    """`tell` each result; `take` the rows since the last take."""

    def __init__(
        self,
        past: Past,
        assets_of: Callable[[int], tuple[int, int]],
        open_orders: Iterable[int],
        open_lists: Iterable[int],
    ) -> None:
        """`assets_of`: a market's base and quote asset. The others: ids, as they are at the start."""
        self._assets_of = assets_of
        self._orders = {order.id: order for order in past.live_orders(open_orders)}
        self._lists = {row.id: row for row in past.live_lists(open_lists)}
        self._candles = Candles(past.candle)
        self._days = Days(past.last_day)
        self._seq = self._time_us = self._n = self._moves = 0
        self._routed: Traded | None = None
        self._last_trade: tuple[int, int, int] | None = None
        """(market, taker's order, price) of the last trade of this command."""
        self._apply: dict[type, Callable[[Any], None]] = {
            OrderAccepted: self._accept,
            Traded: self._trade,
            Allocated: self._allocate,
            OrderClosed: self._close,
            OrderReleased: self._release,
            TrailingStarted: self._follow,
            OrderAmended: self._amend,
            SelfTradePrevented: self._prevent,
            ListAccepted: self._accept_list,
            ListClosed: self._close_list,
            Credited: self._credit,
            Debited: self._debit,
            ReferenceChanged: self._refer,
        }
        self._begin()

    def _begin(self) -> None:
        self._from_us = -1
        self._accepted: dict[int, Values] = {}
        self._touched: dict[int, LiveOrder] = {}
        self._changed_lists: dict[int, ListRow] = {}
        self._changes: list[Values] = []
        self._fills: list[Values] = []
        self._trades: list[Values] = []
        self._ledger: list[Values] = []
        self._transfers: list[Values] = []
        self._prevented: list[Values] = []
        self._references: set[tuple[str, int]] = set()

    def tell(self, result: Result) -> None:
        self._seq, self._time_us, self._n, self._moves = result.seq, result.time_us, 0, 0
        self._last_trade = None
        if self._from_us < 0:
            self._from_us = result.time_us
        apply = self._apply
        for event in result.events:
            handle = apply.get(type(event))
            if handle is not None:
                handle(event)
            self._n += 1

    def take(self) -> Rows:
        accepted, touched = self._accepted, self._touched
        rows = Rows(
            self._from_us,
            self._seq,
            self._time_us,
            [fixed + astuple(touched[order_id]) for order_id, fixed in accepted.items()],
            [astuple(order) for order_id, order in touched.items() if order_id not in accepted],
            {
                "order_changes": self._changes,
                "fills": self._fills,
                "trades": self._trades,
                "ledger": self._ledger,
                "transfers": self._transfers,
                "prevented_matches": self._prevented,
            },
            {
                "order_lists": [astuple(row) for row in self._changed_lists.values()],
                "candles": self._candles.take(),
                "daily": self._days.take(),
            },
            self._references,
        )
        self._begin()
        return rows

    # --- orders

    def _accept(self, event: OrderAccepted) -> None:
        order_id, market, seq, time_us = event.order_id, event.market, self._seq, self._time_us
        extra = event.extra or _PLAIN
        state, qty = extra.state, event.qty
        self._orders[order_id] = self._touched[order_id] = LiveOrder(
            order_id,
            time_us,
            event.account,
            market,
            event.side,
            extra.list_id,
            qty,
            event.client_order_id,
            "",
            state,
            PENDING_NEW if state == PENDING else NEW,
            "",
            qty,
            0,
            0,
            False,
            0,
            -1,
            0,
            extra.pegged_price,
            -1,
            time_us if state == WORKING else -1,
            time_us,
            seq,
        )
        self._accepted[order_id] = (
            event.kind,
            event.tif,
            event.price,
            event.quote_qty,
            event.stp,
            event.strategy_id,
            event.strategy_type,
            extra.stop_price,
            extra.trailing_delta,
            extra.iceberg_qty,
            extra.peg_price,
            extra.peg_offset,
            extra.use_sor,
            seq,
        )
        self._days.at(market, time_us, seq).orders += 1
        if extra.list_id >= 0:
            self._name(extra.list_id, order_id, event.client_order_id)

    def _touch(self, order_id: int) -> LiveOrder:
        order = self._touched[order_id] = self._orders[order_id]
        order.seq, order.updated_us = self._seq, self._time_us
        return order

    def _change(self, order: LiveOrder, change: str, *, detail: int = 0, old_client: str = "", old_qty: int) -> None:
        client_id = order.cancel_id or order.client_id
        self._changes.append(
            (
                self._seq,
                self._n,
                self._time_us,
                order.id,
                order.account,
                order.market,
                change,
                order.qty,
                order.left_qty,
                client_id,
                old_client,
                detail,
                old_qty,
            )
        )

    def _close(self, event: OrderClosed) -> None:
        order = self._touch(event.order_id)
        order.status = _STATUS[event.status]
        order.expiry_reason = _EXPIRY[event.reason]
        order.left_qty = event.left
        old_client = ""
        if order.status == CANCELED:
            old_client = order.client_id
            order.cancel_id = event.cancel_id or f"cancel{self._seq:016d}"
        self._change(order, "CLOSED", detail=event.reason, old_client=old_client, old_qty=order.qty)
        del self._orders[order.id]

    def _release(self, event: OrderReleased) -> None:
        order = self._touch(event.order_id)
        old_qty = order.qty
        order.qty = order.left_qty = event.qty
        order.status = NEW
        order.state = event.state
        order.pegged_price = event.pegged_price
        if event.state == WORKING:
            order.working_us = self._time_us
        self._change(order, "RELEASED", detail=event.cause, old_qty=old_qty)

    def _follow(self, event: TrailingStarted) -> None:
        order = self._touch(event.order_id)
        order.trailing_us = self._time_us
        self._change(order, "TRAILING", old_qty=order.qty)

    def _amend(self, event: OrderAmended) -> None:
        order = self._touch(event.order_id)
        order.qty, order.left_qty, order.client_id = event.qty, event.left, event.client_order_id
        order.amends += 1
        self._change(order, "AMENDED", old_client=event.old_client_order_id, old_qty=event.old_qty)
        if order.list_id >= 0:
            self._name(order.list_id, order.id, order.client_id)

    def _prevent(self, event: SelfTradePrevented) -> None:
        mode, match_id = event.mode, event.prevented_match_id
        self._prevented.append(
            (
                event.market,
                match_id,
                event.maker_market,
                event.taker_account,
                event.maker_account,
                event.taker_order,
                event.maker_order,
                -1 if event.trade_group is None else event.trade_group,
                mode,
                event.price,
                event.taker_prevented,
                event.maker_prevented,
                event.transferred,
                self._time_us,
                self._seq,
            )
        )
        for order_id, lost, left in (
            (event.taker_order, event.taker_prevented, event.taker_left),
            (event.maker_order, event.maker_prevented, event.maker_left),
        ):
            if lost:
                order = self._touch(order_id)
                order.prevented += lost
                order.prevented_match_id = match_id
                order.left_qty = left
                self._change(order, "PREVENTED", detail=mode, old_qty=order.qty)
        if event.transferred:
            assert mode == SelfTradePrevention.TRANSFER
            taker_sells = self._orders[event.taker_order].side
            self._exchange(
                event.market,
                event.taker_prevented,
                event.transferred,
                *_buyer_and_seller(event.taker_account, event.maker_account, taker_sells),
                "TRANSFER",
                event.taker_order,
            )

    # --- fills

    def _trade(self, event: Traded) -> None:
        market, side, price, qty, amount = event.market, event.taker_side, event.price, event.qty, event.quote_amount
        taker_id, taker_account = event.taker_order, event.taker_account
        maker_id, maker_account = event.maker_order, event.maker_account
        buyer, seller = _buyer_and_seller(taker_account, maker_account, side)
        self._exchange(market, qty, amount, buyer, seller, "TRADE", taker_id)
        maker = self._fill(maker_id, qty, amount, event.maker_left, False)
        fee, asset = event.maker_fee, event.maker_fee_asset
        if fee:
            self._move(asset, fee, maker_account, FEE_ACCOUNT, "FEE", maker_id)
        self._append_fill(maker, event, -1, 1 - side, True, fee, asset, market)
        if event.is_routed:
            self._routed = event
        else:
            taker = self._fill(taker_id, qty, amount, event.taker_left, False)
            fee, asset = event.taker_fee, event.taker_fee_asset
            if fee:
                self._move(asset, fee, taker_account, FEE_ACCOUNT, "FEE", taker_id)
            self._append_fill(taker, event, -1, side, False, fee, asset, market)
        self._publish(event, market, price, qty, amount, side, taker_id, maker_id)

    def _publish(
        self, event: Traded, market: int, price: int, qty: int, amount: int, side: int, taker: int, maker: int
    ) -> None:
        seq, time_us = self._seq, self._time_us
        day = self._days.at(market, time_us, seq)
        if self._last_trade != (market, taker, price):
            self._last_trade = (market, taker, price)
            day.next_aggregate += 1
        day.trades += 1
        day.volume += qty
        day.quote_volume += amount
        aggregate = day.next_aggregate - 1
        self._trades.append((market, event.trade_id, price, qty, amount, side, taker, maker, aggregate, time_us, seq))
        self._candles.add(market, time_us, price, qty, amount, side, seq)

    def _allocate(self, event: Allocated) -> None:
        """Right after its `Traded`: the account between the books passes on what it got, in the order's own assets."""
        assert self._routed is not None, "the trade comes first"
        buyer, seller = _buyer_and_seller(event.account, self._routed.taker_account, event.side)
        qty, amount, order_id = event.qty, event.quote_amount, event.order_id
        self._exchange(event.market, qty, amount, buyer, seller, "ALLOCATION", order_id)
        if event.fee:
            self._move(event.fee_asset, event.fee, event.account, FEE_ACCOUNT, "FEE", order_id)
        order = self._fill(order_id, qty, amount, event.left, True)
        maker_market, fee, asset = event.maker_market, event.fee, event.fee_asset
        self._append_fill(order, event, event.allocation_id, event.side, False, fee, asset, maker_market)
        self._routed = None

    def _fill(self, order_id: int, qty: int, amount: int, left: int, is_routed: bool) -> LiveOrder:
        order = self._touched[order_id] = self._orders[order_id]
        order.seq, order.updated_us = self._seq, self._time_us
        order.filled += qty
        order.filled_quote += amount
        order.left_qty = left
        order.is_routed = is_routed
        if left:
            order.status = PARTIALLY_FILLED
        else:
            order.status = FILLED
            del self._orders[order_id]
        return order

    def _append_fill(
        self,
        order: LiveOrder,
        event: Traded | Allocated,
        allocation_id: int,
        side: int,
        is_maker: bool,
        fee: int,
        fee_asset: int,
        maker_market: int,
    ) -> None:
        trade_id = event.trade_id
        self._fills.append(
            (
                self._seq,
                self._n,
                side,
                self._time_us,
                order.account,
                order.market,
                trade_id if allocation_id < 0 else -1,
                allocation_id,
                is_maker,
                order.id,
                order.list_id,
                event.price,
                event.qty,
                event.quote_amount,
                fee,
                fee_asset,
                maker_market,
                trade_id,
            )
        )

    # --- the ledger

    def _move(self, asset: int, amount: int, giver: int, receiver: int, cause: str, order: int) -> None:
        self._ledger.append((self._seq, self._moves, self._time_us, asset, amount, giver, receiver, cause, order))
        self._moves += 1

    def _exchange(self, market: int, qty: int, amount: int, buyer: int, seller: int, cause: str, order: int) -> None:
        base, quote = self._assets_of(market)
        seq, time_us, move = self._seq, self._time_us, self._moves
        self._ledger.append((seq, move, time_us, base, qty, seller, buyer, cause, order))
        self._ledger.append((seq, move + 1, time_us, quote, amount, buyer, seller, cause, order))
        self._moves = move + 2

    def _credit(self, event: Credited) -> None:
        self._move(event.asset, event.amount, OUTSIDE, event.account, "CREDIT", -1)
        self._transfer(event.account, event.asset, event.amount)

    def _debit(self, event: Debited) -> None:
        self._move(event.asset, event.amount, event.account, OUTSIDE, "DEBIT", -1)
        self._transfer(event.account, event.asset, -event.amount)

    def _transfer(self, account: int, asset: int, amount: int) -> None:
        self._transfers.append((self._seq, account, asset, amount, self._time_us))

    # --- lists and what everything refers to

    def _accept_list(self, event: ListAccepted) -> None:
        row = ListRow(
            event.list_id,
            event.account,
            event.market,
            event.kind,
            event.client_list_id,
            ",".join(map(str, event.orders)),
            "," * (len(event.orders) - 1),
            self._time_us,
            True,
            self._time_us,
            self._seq,
        )
        self._lists[row.id] = self._changed_lists[row.id] = row

    def _touch_list(self, list_id: int) -> ListRow:
        row = self._changed_lists[list_id] = self._lists[list_id]
        row.seq, row.updated_us = self._seq, self._time_us
        return row

    def _name(self, list_id: int, order_id: int, client_id: str) -> None:
        row = self._touch_list(list_id)
        names = row.client_ids.split(",")
        names[row.orders.split(",").index(str(order_id))] = client_id
        row.client_ids = ",".join(names)

    def _close_list(self, event: ListClosed) -> None:
        self._touch_list(event.list_id).is_open = False
        del self._lists[event.list_id]

    def _refer(self, event: ReferenceChanged) -> None:
        self._references.add((event.kind, event.id))


def _buyer_and_seller(taker: int, maker: int, taker_sells: int) -> tuple[int, int]:
    return (maker, taker) if taker_sells else (taker, maker)
