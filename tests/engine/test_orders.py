"""Orders beyond the plain ones through the engine's Python face: every command, every event, every field."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tandem._engine import (
    Allocated,
    CancelReplaced,
    Engine,
    ListAccepted,
    ListClosed,
    OrderAccepted,
    OrderAmended,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    Result,
    SelfTradePrevented,
    Terms,
    Traded,
    TrailingStarted,
)
from tandem.domain.trading import (
    CancelRestriction,
    CloseReason,
    CloseStatus,
    ListKind,
    OrderKind,
    OrderState,
    PegPrice,
    ReleaseCause,
    ReplaceMode,
    SelfTradePrevention,
)
from tandem.platform.engine import Event
from tests.engine.shard import (
    BASE,
    BUY,
    BUYER,
    FUNDS,
    GTC,
    MARKET,
    QUOTE,
    SELL,
    SELLER,
    SETUP,
    TICK,
    buy,
    rules,
    sell,
    set_up,
    wait_for,
)

ORDER_UNKNOWN, CANCEL_RESTRICTED, WOULD_TRIGGER = 29, 63, 58


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for; sells one lot at 100 ticks unless it says otherwise."""

    account: int = SELLER
    market: int = MARKET
    side: int = SELL
    kind: OrderKind = OrderKind.LIMIT
    ticks: int = 100
    qty: int = 100
    client_order_id: str = ""
    stp: int = -1
    terms: Terms | None = None

    def leg(self) -> Any:
        price = 0 if self.kind.works_as is OrderKind.MARKET else self.ticks * TICK
        names = (self.client_order_id, self.stp, None, None, self.terms)
        return (self.side, int(self.kind), GTC, price, self.qty, 0, *names)

    def place(self, engine: Engine) -> int:
        return engine.place_order(self.account, self.market, *self.leg())

    def accepted(self, order_id: int, extra: OrderExtra | None, **changes: Any) -> OrderAccepted:
        side, kind, tif, price, qty, quote_qty, client_order_id, *_ = self.leg()
        fields = {
            "order_id": order_id,
            "account": self.account,
            "market": self.market,
            "side": side,
            "kind": kind,
            "tif": tif,
            "price": price,
            "qty": qty,
            "quote_qty": quote_qty,
            "client_order_id": client_order_id,
            "stp": max(self.stp, 0),
            "extra": extra,
        }
        return OrderAccepted(**(fields | changes))


def stop(ticks: int, **fields: Any) -> Order:
    return Order(kind=OrderKind.STOP_LOSS, terms=Terms(stop_price=ticks * TICK), **fields)


def closed(order: Order, order_id: int, status: CloseStatus, reason: CloseReason, **changes: Any) -> OrderClosed:
    fields = {
        "order_id": order_id,
        "account": order.account,
        "market": order.market,
        "status": int(status),
        "reason": int(reason),
        "left": order.qty,
        "client_order_id": order.client_order_id,
        "cancel_id": "",
    }
    return OrderClosed(**(fields | changes))


def one(engine: Engine, number: int) -> Result:
    (result,) = wait_for(engine, 1)
    assert result.number == number
    return result


def events(engine: Engine, number: int) -> list[Event]:
    result = one(engine, number)
    assert result.code == -1, result
    return result.events


def test_a_plain_order_has_no_extra_and_terms_that_say_nothing_are_none(engine: Engine) -> None:
    plain, silent = Order(client_order_id="a"), Order(client_order_id="b", terms=Terms())
    assert events(engine, plain.place(engine)) == [plain.accepted(1, None)]
    assert events(engine, silent.place(engine)) == [silent.accepted(2, None)]


def test_a_stop_order_waits_is_triggered_and_trades(engine: Engine) -> None:
    order = stop(90)
    waiting = OrderExtra(stop_price=90 * TICK, state=int(OrderState.WAITING))
    assert events(engine, order.place(engine)) == [order.accepted(1, waiting)]
    assert engine.depth(MARKET, 5) == (0, [], [])
    assert engine.balances(SELLER) == [(BASE, FUNDS - 100, 100)]
    events(engine, buy(engine, 90, 200))
    accepted, hit, released, filled = events(engine, sell(engine, 90, 100))
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(hit, Traded)
    assert (hit.taker_order, hit.maker_order) == (3, 2)
    assert released == OrderReleased(
        order_id=1, account=SELLER, market=MARKET, cause=int(ReleaseCause.TRIGGERED), state=0, qty=100
    )
    assert isinstance(filled, Traded)
    assert (filled.taker_order, filled.taker_left, filled.is_routed) == (1, 0, False)
    assert engine.check_order(SELLER, MARKET, *stop(95).leg()) == WOULD_TRIGGER
    assert engine.check_order(SELLER, MARKET, *stop(85).leg()) == -1


def test_a_trailing_order_says_when_it_begins_to_follow(engine: Engine) -> None:
    order = Order(kind=OrderKind.STOP_LOSS, terms=Terms(trailing_delta=100))
    waiting = OrderExtra(trailing_delta=100, state=int(OrderState.WAITING))
    assert events(engine, order.place(engine)) == [order.accepted(1, waiting)]
    events(engine, sell(engine, 100, 100))
    assert events(engine, buy(engine, 100, 100))[2:] == [TrailingStarted(order_id=1, account=SELLER, market=MARKET)]


def test_an_iceberg_shows_its_part(engine: Engine) -> None:
    order = Order(qty=1000, terms=Terms(iceberg_qty=300))
    assert events(engine, order.place(engine)) == [order.accepted(1, OrderExtra(iceberg_qty=300))]
    assert engine.depth(MARKET, 5)[2] == [(100 * TICK, 300)]
    events(engine, buy(engine, 100, 800))
    assert engine.depth(MARKET, 5)[2] == [(100 * TICK, 100)]


def test_a_pegged_order_says_what_its_price_came_to(engine: Engine) -> None:
    events(engine, sell(engine, 110, 100))
    events(engine, sell(engine, 120, 100))
    order = Order(ticks=0, terms=Terms(peg_price=int(PegPrice.PRIMARY), peg_offset=1))
    assert events(engine, order.place(engine)) == [
        order.accepted(3, OrderExtra(peg_price=0, peg_offset=1, pegged_price=120 * TICK))
    ]
    own = Order(ticks=0, terms=Terms(peg_price=int(PegPrice.PRIMARY)))
    assert events(engine, own.place(engine)) == [own.accepted(4, OrderExtra(peg_price=0, pegged_price=110 * TICK))]


def test_a_pair_is_placed_canceled_and_touched(engine: Engine) -> None:
    below, above = stop(90), Order(kind=OrderKind.LIMIT_MAKER, ticks=110, client_order_id="above")

    def place(client_list_id: str) -> list[Event]:
        legs = [below.leg(), above.leg()]
        return events(engine, engine.place_list(SELLER, MARKET, int(ListKind.OCO), client_list_id, legs))

    def announced(list_id: int, client_list_id: str, orders: list[int]) -> list[Event]:
        waiting = OrderExtra(stop_price=90 * TICK, list_id=list_id, state=int(OrderState.WAITING))
        return [
            ListAccepted(
                list_id=list_id,
                account=SELLER,
                market=MARKET,
                kind=int(ListKind.OCO),
                client_list_id=client_list_id,
                orders=orders,
            ),
            below.accepted(orders[0], waiting),
            above.accepted(orders[1], OrderExtra(list_id=list_id)),
        ]

    assert place("pair") == announced(0, "pair", [1, 2])
    by_user = (CloseStatus.CANCELED, CloseReason.USER)
    ended = ListClosed(list_id=0, account=SELLER, market=MARKET)
    assert events(engine, engine.cancel_list(SELLER, MARKET, -1, "pair", "end")) == [
        closed(below, 1, *by_user, cancel_id="end"),
        closed(above, 2, *by_user, cancel_id="end"),
        ended,
    ]
    assert place("") == announced(1, "", [3, 4])
    assert events(engine, buy(engine, 110, 100))[2:] == [
        closed(below, 3, CloseStatus.EXPIRED, CloseReason.OCO_TRIGGER),
        ListClosed(list_id=1, account=SELLER, market=MARKET),
    ]


def test_a_pending_order_is_activated(engine: Engine) -> None:
    working = Order(account=BUYER, side=BUY, qty=200)
    pending = Order(account=BUYER, kind=OrderKind.LIMIT_MAKER, ticks=110, qty=0)
    legs = [working.leg(), pending.leg()]
    accepted = events(engine, engine.place_list(BUYER, MARKET, int(ListKind.OPO), "", legs))
    assert accepted[1:] == [
        working.accepted(1, OrderExtra(list_id=0)),
        pending.accepted(2, OrderExtra(list_id=0, state=int(OrderState.PENDING))),
    ]
    *_, released = events(engine, sell(engine, 100, 200))
    # The maker's fee is paid in what it receives, so that one lot less is left to sell.
    assert released == OrderReleased(
        order_id=2, account=BUYER, market=MARKET, cause=int(ReleaseCause.ACTIVATED), state=0, qty=100
    )
    assert engine.depth(MARKET, 5)[2] == [(110 * TICK, 100)]


def test_an_amend_lowers_an_order(engine: Engine) -> None:
    order = Order(qty=500, client_order_id="before")
    events(engine, order.place(engine))
    amended = OrderAmended(
        order_id=1,
        account=SELLER,
        market=MARKET,
        old_qty=500,
        qty=300,
        left=300,
        old_client_order_id="before",
        client_order_id="after",
    )
    assert events(engine, engine.amend_order(SELLER, MARKET, -1, "before", 300, "after")) == [amended]
    assert engine.depth(MARKET, 5)[2] == [(100 * TICK, 300)]
    assert events(engine, engine.amend_order(SELLER, MARKET, 1, "", 200, ""))[0] == OrderAmended(
        order_id=1,
        account=SELLER,
        market=MARKET,
        old_qty=300,
        qty=200,
        left=200,
        old_client_order_id="after",
        client_order_id="after",
    )


def test_a_cancel_replace_says_what_became_of_its_halves(engine: Engine) -> None:
    events(engine, sell(engine, 100, 100, "first"))
    new = Order(ticks=101, client_order_id="second")
    stop_on_failure, allow_failure = map(int, ReplaceMode)

    def replace(client_order_id: str, mode: int, restriction: int = -1, order: Order = new) -> list[Event]:
        number = engine.cancel_replace(SELLER, MARKET, -1, client_order_id, "by", restriction, mode, order.leg())
        return events(engine, number)

    first = Order(client_order_id="first")
    assert replace("first", stop_on_failure) == [
        CancelReplaced(cancel=-1, order=-1),
        closed(first, 1, CloseStatus.CANCELED, CloseReason.USER, cancel_id="by"),
        new.accepted(2, None),
    ]
    assert replace("first", stop_on_failure) == [CancelReplaced(cancel=ORDER_UNKNOWN, order=-2)]
    partly = int(CancelRestriction.ONLY_PARTIALLY_FILLED)
    assert replace("second", stop_on_failure, partly) == [CancelReplaced(cancel=CANCEL_RESTRICTED, order=-2)]
    third = Order(ticks=102)
    assert replace("first", allow_failure, order=third) == [
        CancelReplaced(cancel=ORDER_UNKNOWN, order=-1),
        third.accepted(3, None),
    ]


def test_a_cancel_asks_for_a_state_and_the_exchange_has_its_own_reason(engine: Engine) -> None:
    order = Order(qty=200)
    events(engine, order.place(engine))
    partly, new = int(CancelRestriction.ONLY_PARTIALLY_FILLED), int(CancelRestriction.ONLY_NEW)
    assert one(engine, engine.cancel_order(SELLER, MARKET, 1, "", "", partly)).code == CANCEL_RESTRICTED
    events(engine, buy(engine, 100, 100))
    assert one(engine, engine.cancel_order(SELLER, MARKET, 1, "", "", new)).code == CANCEL_RESTRICTED
    assert events(engine, engine.cancel_all(SELLER, MARKET, True)) == [
        closed(order, 1, CloseStatus.EXPIRED, CloseReason.EXCHANGE_CANCELED, left=100)
    ]


def test_accounts_of_a_trade_group_transfer_instead_of_trading(engine: Engine) -> None:
    for account in (SELLER, BUYER):
        events(engine, engine.update_account(account, True, None, 9, 1, False))
    transfer = int(SelfTradePrevention.TRANSFER)
    events(engine, Order(qty=300, stp=transfer).place(engine))
    taker = Order(account=BUYER, side=BUY, qty=100, stp=transfer)
    _, prevented, ended = events(engine, taker.place(engine))
    assert prevented == SelfTradePrevented(
        market=MARKET,
        prevented_match_id=0,
        maker_market=MARKET,
        taker_account=BUYER,
        maker_account=SELLER,
        mode=transfer,
        price=100 * TICK,
        taker_order=2,
        maker_order=1,
        taker_prevented=100,
        maker_prevented=100,
        taker_left=0,
        maker_left=200,
        transferred=100,
        trade_group=9,
    )
    assert ended == closed(taker, 2, CloseStatus.EXPIRED_IN_MATCH, CloseReason.SELF_TRADE, left=0)
    assert engine.balances(BUYER) == [(BASE, 100, 0), (QUOTE, FUNDS - 100, 0)]


def route(engine: Engine) -> None:
    """A second market of the same base, in a group with the first; account 3 stands between the books."""
    numbers = [
        engine.create_asset("USDC", "USD Coin", 8),
        engine.create_market("BTCUSDC", BASE, 2, rules()),
        engine.create_account("between"),
        engine.credit(3, 2, FUNDS),
        engine.set_sor(BASE, [MARKET, 1], 3),
    ]
    assert [result.code for result in wait_for(engine, len(numbers))] == [-1] * len(numbers)


def test_a_routed_order_takes_from_another_markets_book(engine: Engine) -> None:
    route(engine)
    events(engine, Order(market=1, qty=1000).place(engine))
    order = Order(account=BUYER, side=BUY, qty=1000, terms=Terms(use_sor=True))
    assert events(engine, order.place(engine)) == [
        order.accepted(2, OrderExtra(use_sor=True)),
        Traded(
            market=1,
            trade_id=0,
            price=100 * TICK,
            qty=1000,
            quote_amount=1000,
            taker_side=BUY,
            taker_order=2,
            taker_account=3,
            taker_fee=0,
            taker_fee_asset=BASE,
            taker_left=0,
            maker_order=1,
            maker_account=SELLER,
            maker_fee=1,
            maker_fee_asset=2,
            maker_left=0,
            is_routed=True,
        ),
        Allocated(
            market=MARKET,
            allocation_id=0,
            order_id=2,
            account=BUYER,
            side=BUY,
            price=100 * TICK,
            qty=1000,
            quote_amount=1000,
            fee=2,
            fee_asset=BASE,
            left=0,
            maker_market=1,
            trade_id=0,
        ),
    ]
    assert engine.sors() == [(BASE, [MARKET, 1], 3)]
    assert engine.balances(3) == [(QUOTE, 1000, 0), (2, FUNDS - 1000, 0)]


def test_open_orders_of_every_state_and_open_lists_come_back_after_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path)
    engine = Engine.open(path, segment_bytes=1 << 20, reserve_bytes=0)
    set_up(engine)
    working, below = Order(qty=1000, client_order_id="old", terms=Terms(iceberg_qty=300)), stop(90)
    above = Order(kind=OrderKind.LIMIT_MAKER, ticks=110)
    trailing = Order(kind=OrderKind.STOP_LOSS, terms=Terms(trailing_delta=100))
    placed = one(engine, working.place(engine))
    traded = one(engine, buy(engine, 100, 200))
    one(engine, engine.amend_order(SELLER, MARKET, 1, "", 900, "new"))
    amended = one(engine, engine.amend_order(SELLER, MARKET, 1, "", 800, ""))
    listed = one(engine, engine.place_list(SELLER, MARKET, int(ListKind.OCO), "pair", [below.leg(), above.leg()]))
    followed = one(engine, trailing.place(engine))
    engine.snapshot()
    while engine.stats()["snapshot_seq"] < followed.seq:
        pass
    engine.close()

    again = Engine.open(path, segment_bytes=1 << 20, reserve_bytes=0)
    orders = {order.accepted.order_id: order for order in again.snapshot_orders()}
    (pair,) = again.snapshot_lists()
    again.close()
    assert sorted(orders) == [1, 3, 4, 5]
    assert orders[1].accepted == working.accepted(1, OrderExtra(iceberg_qty=300), qty=800, client_order_id="new")
    assert (orders[1].left, orders[1].prevented, orders[1].filled, orders[1].filled_quote) == (600, 0, 200, 200)
    assert (orders[1].amends, orders[1].trailing_us) == (2, -1)
    times = (orders[1].accepted_us, orders[1].working_us, orders[1].updated_us)
    assert times == (placed.time_us, placed.time_us, amended.time_us)
    assert traded.time_us <= amended.time_us
    waiting = OrderExtra(stop_price=90 * TICK, list_id=0, state=int(OrderState.WAITING))
    assert orders[3].accepted == below.accepted(3, waiting)
    assert (orders[3].left, orders[3].working_us) == (100, -1)
    assert orders[4].accepted == above.accepted(4, OrderExtra(list_id=0))
    assert orders[4].working_us == listed.time_us
    assert (orders[5].working_us, orders[5].trailing_us) == (-1, followed.time_us)
    assert (pair.list_id, pair.account, pair.market, pair.kind) == (0, SELLER, MARKET, int(ListKind.OCO))
    assert (pair.client_list_id, pair.orders, pair.accepted_us) == ("pair", [3, 4], listed.time_us)


def test_numbers_that_nothing_has_are_refused_before_the_log(engine: Engine) -> None:
    before = engine.digest()
    leg = Order().leg()
    with pytest.raises(ValueError, match="no list kind has number 5"):
        engine.place_list(SELLER, MARKET, 5, "", [leg, leg])
    with pytest.raises(ValueError, match="no cancel restriction has number 2"):
        engine.cancel_order(SELLER, MARKET, 1, "", "", 2)
    with pytest.raises(ValueError, match="restriction is -1 or the number of a cancel restriction"):
        engine.cancel_order(SELLER, MARKET, 1, "", "", -2)
    with pytest.raises(ValueError, match="no replace mode has number 2"):
        engine.cancel_replace(SELLER, MARKET, 1, "", "", -1, 2, leg)
    for terms, problem in [
        (Terms(peg_price=2), "no peg price has number 2"),
        (Terms(peg_offset=1), "a peg_offset needs a peg_price"),
        (Terms(peg_price=0, peg_offset=256), "peg_offset is -1 or 0 to 255"),
    ]:
        with pytest.raises(ValueError, match=problem):
            Order(terms=terms).place(engine)
    assert engine.digest() == before


def test_inspect_shows_the_fields_of_every_command(tmp_path: Path, engine: Engine) -> None:
    terms = Terms(stop_price=TICK, peg_price=0)
    leg = (SELL, int(OrderKind.STOP_LOSS_LIMIT), GTC, 100, 100, 0, "id", 1, 7, 8, terms)
    plain = Order().leg()
    numbers = [
        engine.place_order(SELLER, MARKET, *leg),
        engine.place_list(SELLER, MARKET, 0, "list", [leg, plain]),
        engine.cancel_order(SELLER, MARKET, 1, "a", "b", 0),
        engine.cancel_list(SELLER, MARKET, 3, "c", "d"),
        engine.cancel_all(SELLER, MARKET, True),
        engine.amend_order(SELLER, MARKET, 4, "e", 500, "f"),
        engine.cancel_replace(SELLER, MARKET, 5, "g", "h", 1, 1, plain),
    ]
    wait_for(engine, len(numbers))
    engine.close()
    there = {"account": SELLER, "market": MARKET}
    names = ("side", "kind", "tif", "price", "qty", "quote_qty", "client_order_id", "stp")
    strategy = ("strategy_id", "strategy_type", "terms")
    full = there | dict(zip((*names, *strategy), leg, strict=True))
    short = there | dict(zip((*names, *strategy), plain, strict=True))
    cancel = there | {"order_id": 5, "client_order_id": "g", "new_client_order_id": "h", "restriction": 1}
    found = [(r["command"], r["fields"]) for r in Engine.inspect(str(tmp_path / "data"), SETUP + 1)]
    assert found == [
        ("PlaceOrder", full),
        ("PlaceList", there | {"kind": 0, "client_list_id": "list", "orders": [full, short]}),
        (
            "CancelOrder",
            there | {"order_id": 1, "client_order_id": "a", "new_client_order_id": "b", "restriction": 0},
        ),
        ("CancelList", there | {"list_id": 3, "client_list_id": "c", "new_client_order_id": "d"}),
        ("CancelAll", there | {"by_exchange": True}),
        (
            "AmendOrder",
            there | {"order_id": 4, "client_order_id": "e", "new_qty": 500, "new_client_order_id": "f"},
        ),
        ("CancelReplace", {"cancel": cancel, "mode": 1, "order": short}),
    ]
