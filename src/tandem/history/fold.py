"""From the engine's results to rows: a pure fold over the log, the same whoever makes it and from wherever it starts.

It needs the open orders and lists at its start, and each market's last trade; the rest of the past stays in SQL.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from tandem.domain.intervals import DAY, INTERVALS
from tandem.domain.trading import CloseReason, CloseStatus, OrderState
from tandem.history.rows import CandleRow, DayRow, ListRow, OrderRow, Rows
from tandem.platform.engine import (
    Allocated,
    Credited,
    Debited,
    ListAccepted,
    ListClosed,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderReleased,
    Result,
    SelfTradePrevented,
    Traded,
    TrailingStarted,
)

OUTSIDE = -1
"""In the ledger: where credits come from and debits go to."""
FEE_ACCOUNT = 0
WORKING, PENDING = int(OrderState.WORKING), int(OrderState.PENDING)
NEW, PENDING_NEW, PARTIALLY_FILLED, FILLED = "NEW", "PENDING_NEW", "PARTIALLY_FILLED", "FILLED"
_REASONLESS = (CloseReason.USER, CloseReason.SELF_TRADE, CloseReason.AMENDED)
_EXPIRY = tuple("" if reason in _REASONLESS else reason.name for reason in CloseReason)
_STATUS = tuple(status.name for status in CloseStatus)
CANCELED = CloseStatus.CANCELED.name


class Past(Protocol):
    """What the fold asks of SQL: what is there already at its start."""

    def open_orders(self) -> Iterable[OrderRow]: ...
    def open_lists(self) -> Iterable[ListRow]: ...
    def candle(self, market: int, interval: str, open_us: int) -> CandleRow | None: ...
    def day(self, market: int, day_us: int) -> DayRow | None: ...
    def last_trade(self, market: int) -> tuple[int, int, int] | None:
        """Taker order, price, aggregate id."""


class Fold:
    """`tell` each result; `take` the rows since the last take."""

    def __init__(self, past: Past, assets_of: Callable[[int], tuple[int, int]]) -> None:
        """`assets_of`: a market's base and quote asset."""
        self._past = past
        self._assets_of = assets_of
        self._orders = {row.id: row for row in past.open_orders()}
        self._lists = {row.id: row for row in past.open_lists()}
        self._aggregates: dict[int, tuple[int, int, int]] = {}
        self._candles: dict[tuple[int, str], CandleRow] = {}
        self._days: dict[int, DayRow] = {}
        self._rows = Rows()
        self._seq = self._time_us = self._n = self._entries = 0
        self._routed: Traded | None = None
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
        }

    def tell(self, result: Result) -> None:
        self._seq, self._time_us, self._n, self._entries = result.seq, result.time_us, 0, 0
        apply = self._apply
        for event in result.events:
            handle = apply.get(type(event))
            if handle is not None:
                handle(event)
            self._n += 1

    def take(self) -> Rows:
        rows, self._rows = self._rows, Rows()
        return rows

    # --- orders

    def _accept(self, event: OrderAccepted) -> None:
        row = _accepted(event, self._seq, self._time_us)
        self._orders[row.id] = self._rows.new_orders[row.id] = row
        self._change(row, "ACCEPTED")
        self._day(row.market).orders += 1

    def _touch(self, order_id: int) -> OrderRow:
        row = self._orders[order_id]
        if order_id not in self._rows.new_orders:
            self._rows.changed_orders[order_id] = row
        row.seq, row.updated_us = self._seq, self._time_us
        return row

    def _change(self, row: OrderRow, change: str, detail: int = 0, old_client: str = "", old_qty: int = -1) -> None:
        self._rows.appended["order_changes"].append(
            (
                self._seq,
                self._n,
                self._time_us,
                row.id,
                row.account,
                row.market,
                change,
                row.qty,
                row.left_qty,
                row.client_id,
                old_client,
                detail,
                row.qty if old_qty < 0 else old_qty,
            )
        )

    def _close(self, event: OrderClosed) -> None:
        row = self._touch(event.order_id)
        row.status = _STATUS[event.status]
        row.expiry_reason = _EXPIRY[event.reason]
        row.left_qty = event.left
        old_client = ""
        if row.status == CANCELED:
            old_client = row.orig_client_id = row.client_id
            row.client_id = event.cancel_id or f"cancel{self._seq:016d}"
        self._change(row, "CLOSED", event.reason, old_client)
        del self._orders[row.id]

    def _release(self, event: OrderReleased) -> None:
        row = self._touch(event.order_id)
        row.qty = row.left_qty = event.qty
        row.status = NEW
        row.state = event.state
        row.pegged_price = event.pegged_price
        if event.state == WORKING:
            row.working_us = self._time_us
        self._change(row, "RELEASED", event.cause)

    def _follow(self, event: TrailingStarted) -> None:
        row = self._touch(event.order_id)
        row.trailing_us = self._time_us
        self._change(row, "TRAILING")

    def _amend(self, event: OrderAmended) -> None:
        row = self._touch(event.order_id)
        row.qty, row.left_qty, row.client_id = event.qty, event.left, event.client_order_id
        row.amends += 1
        self._change(row, "AMENDED", 0, event.old_client_order_id, event.old_qty)

    def _prevent(self, event: SelfTradePrevented) -> None:
        self._rows.appended["prevented_matches"].append(
            (
                event.market,
                event.prevented_match_id,
                event.maker_market,
                event.taker_account,
                event.maker_account,
                event.taker_order,
                event.maker_order,
                -1 if event.trade_group is None else event.trade_group,
                event.mode,
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
                row = self._touch(order_id)
                row.prevented += lost
                row.prevented_match_id = event.prevented_match_id
                row.left_qty = left
                self._change(row, "PREVENTED", event.mode)
        if event.transferred:
            taker_buys = self._orders[event.taker_order].side == 0
            buyer, seller = event.taker_account, event.maker_account
            if not taker_buys:
                buyer, seller = seller, buyer
            base, quote = self._assets_of(event.market)
            moved, order = event.taker_prevented, event.taker_order
            self._move(base, moved, seller, buyer, "TRANSFER", order)
            self._move(quote, event.transferred, buyer, seller, "TRANSFER", order)

    # --- fills

    def _trade(self, event: Traded) -> None:
        market, side = event.market, event.taker_side
        taker = self._orders[event.taker_order]
        maker = self._fill(event.maker_order, event.qty, event.quote_amount, event.maker_left, is_routed=False)
        base, quote = self._assets_of(market)
        buyer, seller = event.taker_account, event.maker_account
        if side:
            buyer, seller = seller, buyer
        self._move(base, event.qty, seller, buyer, "TRADE", event.taker_order)
        self._move(quote, event.quote_amount, buyer, seller, "TRADE", event.taker_order)
        self._append_fill(
            maker, event.trade_id, -1, 1 - side, True, event, event.maker_fee, event.maker_fee_asset, market, market
        )
        self._fee(event.maker_account, event.maker_fee, event.maker_fee_asset, event.maker_order)
        if event.is_routed:
            self._routed = event
        else:
            self._fill(event.taker_order, event.qty, event.quote_amount, event.taker_left, is_routed=False)
            self._append_fill(
                taker, event.trade_id, -1, side, False, event, event.taker_fee, event.taker_fee_asset, market, market
            )
            self._fee(event.taker_account, event.taker_fee, event.taker_fee_asset, event.taker_order)
        self._publish(event)

    def _allocate(self, event: Allocated) -> None:
        """Right after its `Traded`: the account between the books passes on what it got, in the order's own assets."""
        routed = self._routed
        assert routed is not None, "the trade comes first"
        row = self._fill(event.order_id, event.qty, event.quote_amount, event.left, is_routed=True)
        base, quote = self._assets_of(event.market)
        buyer, seller = event.account, routed.taker_account
        if event.side:
            buyer, seller = seller, buyer
        order = event.order_id
        self._move(base, event.qty, seller, buyer, "ALLOCATION", order)
        self._move(quote, event.quote_amount, buyer, seller, "ALLOCATION", order)
        self._fee(event.account, event.fee, event.fee_asset, order)
        self._append_fill(
            row,
            -1,
            event.allocation_id,
            event.side,
            False,
            event,
            event.fee,
            event.fee_asset,
            event.market,
            event.maker_market,
        )

    def _fill(self, order_id: int, qty: int, quote_amount: int, left: int, *, is_routed: bool) -> OrderRow:
        row = self._touch(order_id)
        row.filled += qty
        row.filled_quote += quote_amount
        row.left_qty = left
        row.is_routed = is_routed
        row.status = PARTIALLY_FILLED if left else FILLED
        if not left:
            del self._orders[order_id]
        return row

    def _append_fill(
        self,
        row: OrderRow,
        trade_id: int,
        allocation_id: int,
        side: int,
        is_maker: bool,
        event: Traded | Allocated,
        fee: int,
        fee_asset: int,
        market: int,
        maker_market: int,
    ) -> None:
        self._rows.appended["fills"].append(
            (
                row.account,
                market,
                trade_id,
                allocation_id,
                side,
                is_maker,
                row.id,
                row.list_id,
                event.price,
                event.qty,
                event.quote_amount,
                fee,
                fee_asset,
                maker_market,
                event.trade_id,
                self._time_us,
                self._seq,
                self._n,
            )
        )

    # --- the ledger

    def _move(self, asset: int, amount: int, giver: int, receiver: int, cause: str, order: int) -> None:
        entry = (self._seq, self._entries, asset, amount, giver, receiver, cause, order, self._time_us)
        self._rows.appended["ledger"].append(entry)
        self._entries += 1

    def _fee(self, payer: int, fee: int, asset: int, order: int) -> None:
        if fee:
            self._move(asset, fee, payer, FEE_ACCOUNT, "FEE", order)

    def _credit(self, event: Credited) -> None:
        self._move(event.asset, event.amount, OUTSIDE, event.account, "CREDIT", -1)
        self._transfer(event.account, event.asset, event.amount)

    def _debit(self, event: Debited) -> None:
        self._move(event.asset, event.amount, event.account, OUTSIDE, "DEBIT", -1)
        self._transfer(event.account, event.asset, -event.amount)

    def _transfer(self, account: int, asset: int, amount: int) -> None:
        self._rows.appended["transfers"].append((self._seq, account, asset, amount, self._time_us))

    # --- lists

    def _accept_list(self, event: ListAccepted) -> None:
        time_us, orders = self._time_us, ",".join(map(str, event.orders))
        row = ListRow(
            event.list_id,
            event.account,
            event.market,
            event.kind,
            event.client_list_id,
            orders,
            True,
            time_us,
            time_us,
            self._seq,
        )
        self._lists[row.id] = self._rows.lists[row.id] = row

    def _close_list(self, event: ListClosed) -> None:
        row = self._lists.pop(event.list_id)
        row.is_open, row.updated_us, row.seq = False, self._time_us, self._seq
        self._rows.lists[row.id] = row

    # --- what the public sees

    def _publish(self, event: Traded) -> None:
        market = event.market
        last = self._aggregates.get(market) or self._past.last_trade(market) or (-1, -1, -1)
        aggregate = last[2] if last[:2] == (event.taker_order, event.price) else last[2] + 1
        self._aggregates[market] = (event.taker_order, event.price, aggregate)
        self._rows.appended["trades"].append(
            (
                market,
                event.trade_id,
                event.price,
                event.qty,
                event.quote_amount,
                event.taker_side,
                event.taker_order,
                event.maker_order,
                aggregate,
                self._time_us,
                self._seq,
            )
        )
        day = self._day(market)
        day.trades += 1
        day.volume += event.qty
        day.quote_volume += event.quote_amount
        for name, interval in INTERVALS.items():
            row = self._candles.get((market, name))
            if row is None or interval.open_of(self._time_us) != row.open_us:
                row = self._open_candle(market, name, interval.open_of(self._time_us), event.price)
            self._rows.candles[market, name, row.open_us] = row
            _add_to_candle(row, event, self._seq)

    def _open_candle(self, market: int, name: str, open_us: int, price: int) -> CandleRow:
        row = self._past.candle(market, name, open_us)
        if row is None:
            row = CandleRow(market, name, open_us, price, price, price, price, 0, 0, 0, 0, 0, self._seq)
        self._candles[market, name] = row
        return row

    def _day(self, market: int) -> DayRow:
        day_us = self._time_us - self._time_us % DAY
        row = self._days.get(market)
        if row is None or row.day_us != day_us:
            row = self._past.day(market, day_us) or DayRow(market, day_us, 0, 0, 0, 0, 0)
            self._days[market] = row
        row.seq = self._seq
        self._rows.days[market, day_us] = row
        return row


def _add_to_candle(row: CandleRow, event: Traded, seq: int) -> None:
    price = event.price
    row.high, row.low, row.close = max(row.high, price), min(row.low, price), price
    row.volume += event.qty
    row.quote_volume += event.quote_amount
    row.trades += 1
    if not event.taker_side:
        row.taker_buy_volume += event.qty
        row.taker_buy_quote_volume += event.quote_amount
    row.seq = seq


def _accepted(event: OrderAccepted, seq: int, time_us: int) -> OrderRow:
    extra = event.extra
    state = WORKING if extra is None else extra.state
    return OrderRow(
        event.order_id,
        event.account,
        event.market,
        event.side,
        event.kind,
        event.tif,
        event.price,
        event.qty,
        event.quote_qty,
        event.stp,
        event.strategy_id,
        event.strategy_type,
        event.client_order_id,
        "",
        -1 if extra is None else extra.list_id,
        0 if extra is None else extra.stop_price,
        0 if extra is None else extra.trailing_delta,
        -1,
        0 if extra is None else extra.iceberg_qty,
        -1 if extra is None else extra.peg_price,
        -1 if extra is None else extra.peg_offset,
        0 if extra is None else extra.pegged_price,
        extra is not None and extra.use_sor,
        False,
        state,
        PENDING_NEW if state == PENDING else NEW,
        "",
        event.qty,
        0,
        0,
        0,
        -1,
        0,
        time_us,
        time_us if state == WORKING else -1,
        time_us,
        seq,
        seq,
    )
