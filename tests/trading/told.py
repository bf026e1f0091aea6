"""The view and the streams, told events as the core makes them: what it takes to make them is the core's own test."""

from types import SimpleNamespace
from typing import Any, cast

from tandem.domain.trading import CloseReason, CloseStatus, ListKind, OrderKind, OrderState, Side
from tandem.platform.engine import (
    Allocated,
    Batch,
    Event,
    ListAccepted,
    MarketRules,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    Result,
    SelfTradePrevented,
    Traded,
)
from tandem.trading.records import Order
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, RULES, USDT, Rig

USDC, BNB = 2, 3
BTCUSDC = 1
WORKING, WAITING, PENDING = (int(state) for state in OrderState)
PRICE = 20_000_000_000
"""20000"""
HALF = 50_000_000
"""0.5"""


class Told:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.view = rig.view
        self.hear = rig.hear
        self.ask = rig.ask
        self.seq = rig.results[-1].seq
        self.time_us = rig.results[-1].time_us

    def tell(self, *events: Event, balances: tuple[tuple[int, int, int, int], ...] = ()) -> Result:
        """One command's events, a second after the last."""
        self.seq += 1
        self.time_us += 1_000_000
        result = Result(seq=self.seq, time_us=self.time_us, events=list(events), balances=list(balances))
        self.view.on_batch(cast(Batch, SimpleNamespace(results=[result])))
        return result

    def order(self, order_id: int) -> Order:
        return self.view.by_id[order_id]

    @property
    def ms(self) -> int:
        return self.time_us // 1000

    def execution(self, index: int = 0) -> int:
        return self.seq * 4096 + index


async def prepare(rig: Rig) -> Told:
    """A second market of the same base, and an asset that fees can be paid in."""
    for asset in ("USDC", "BNB"):
        await rig.done(rig.engine.create_asset(asset, asset, 6))
    await rig.done(rig.engine.create_market("BTCUSDC", BTC, USDC, MarketRules(**RULES)))
    return Told(rig)


def accepted(order_id: int, extra: OrderExtra | None = None, **changes: Any) -> OrderAccepted:
    """A LIMIT BUY of 0.5 at 20000 of Alice's, but for `changes`."""
    fields: dict[str, Any] = {
        "order_id": order_id,
        "account": ALICE,
        "market": BTCUSDT,
        "side": int(Side.BUY),
        "kind": int(OrderKind.LIMIT),
        "tif": 0,
        "price": PRICE,
        "qty": HALF,
        "quote_qty": 0,
        "client_order_id": f"c{order_id}",
        "stp": 1,
        "extra": extra,
    }
    return OrderAccepted(**(fields | changes))


def stop(order_id: int, *, state: int = WAITING, stop_price: int = PRICE, **changes: Any) -> OrderAccepted:
    """A STOP_LOSS_LIMIT; `changes` of the extra's fields begin with `x_`."""
    extra = {key[2:]: value for key, value in changes.items() if key.startswith("x_")}
    changes = {key: value for key, value in changes.items() if not key.startswith("x_")}
    return accepted(
        order_id,
        OrderExtra(stop_price=stop_price, state=state, **extra),
        **({"kind": int(OrderKind.STOP_LOSS_LIMIT)} | changes),
    )


def released(order_id: int, state: int = WORKING, *, qty: int = HALF, **changes: Any) -> OrderReleased:
    fields = {"order_id": order_id, "account": ALICE, "market": BTCUSDT, "cause": 0, "state": state, "qty": qty}
    return OrderReleased(**(fields | changes))


def closed(order_id: int, reason: CloseReason, *, left: int = HALF, cancel_id: str = "", account: int = ALICE) -> Event:
    status = CloseStatus.CANCELED if reason is CloseReason.USER else CloseStatus.EXPIRED
    return OrderClosed(
        order_id=order_id,
        account=account,
        market=BTCUSDT,
        status=int(status),
        reason=int(reason),
        left=left,
        client_order_id=f"c{order_id}",
        cancel_id=cancel_id,
    )


def amended(
    order_id: int, qty: int, client_id: str, *, left: int | None = None, old_qty: int = HALF, old_id: str = ""
) -> OrderAmended:
    return OrderAmended(
        order_id=order_id,
        account=ALICE,
        market=BTCUSDT,
        old_qty=old_qty,
        qty=qty,
        left=qty if left is None else left,
        old_client_order_id=old_id or f"c{order_id}",
        client_order_id=client_id,
    )


def traded(taker: int, maker: int, *, qty: int = HALF, **changes: Any) -> Traded:
    """Alice buys from Bob, both in full, unless `changes` say otherwise."""
    fields = {
        "market": BTCUSDT,
        "trade_id": 0,
        "price": PRICE,
        "qty": qty,
        "quote_amount": PRICE * qty // 10**8,
        "taker_side": int(Side.BUY),
        "taker_order": taker,
        "taker_account": ALICE,
        "taker_fee": 100_000,
        "taker_fee_asset": BTC,
        "taker_left": 0,
        "maker_order": maker,
        "maker_account": BOB,
        "maker_fee": 10_000_000,
        "maker_fee_asset": USDT,
        "maker_left": 0,
    }
    return Traded(**(fields | changes))


def allocated(order_id: int, allocation_id: int = 0, **changes: Any) -> Allocated:
    fields = {
        "market": BTCUSDT,
        "allocation_id": allocation_id,
        "order_id": order_id,
        "account": ALICE,
        "side": int(Side.BUY),
        "price": PRICE,
        "qty": HALF,
        "quote_amount": PRICE // 2,
        "fee": 100_000,
        "fee_asset": BTC,
        "left": 0,
        "maker_market": BTCUSDC,
        "trade_id": 0,
    }
    return Allocated(**(fields | changes))


def prevented(taker: int, maker: int, **changes: Any) -> SelfTradePrevented:
    """DECREMENT between Alice's BUY and Bob's SELL, both used up."""
    fields = {
        "market": BTCUSDT,
        "prevented_match_id": 0,
        "maker_market": BTCUSDT,
        "taker_account": ALICE,
        "maker_account": BOB,
        "mode": 4,
        "price": PRICE,
        "taker_order": taker,
        "maker_order": maker,
        "taker_prevented": HALF,
        "maker_prevented": HALF,
        "taker_left": 0,
        "maker_left": 0,
    }
    return SelfTradePrevented(**(fields | changes))


def listed(list_id: int, kind: ListKind, *orders: OrderAccepted, client_id: str = "") -> tuple[Event, ...]:
    """The list and its orders, which say the list's id themselves."""
    accepted_list = ListAccepted(
        list_id=list_id,
        account=ALICE,
        market=BTCUSDT,
        kind=int(kind),
        client_list_id=client_id or f"list{list_id}",
        orders=[order.order_id for order in orders],
    )
    return (accepted_list, *orders)


def oco(list_id: int, first: int, *, qty: int = HALF, **changes: Any) -> tuple[Event, ...]:
    """A pair that sells: the stop-loss leg, then the limit leg."""
    legs = (
        stop(first, x_list_id=list_id, side=1, qty=qty, price=PRICE - 20_000, stop_price=PRICE - 10_000),
        accepted(first + 1, OrderExtra(list_id=list_id), kind=1, side=1, qty=qty, price=PRICE + 10_000),
    )
    return listed(list_id, ListKind.OCO, *legs, **changes)
