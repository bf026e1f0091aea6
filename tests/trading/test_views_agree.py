"""What the view made of thousands of events is what the engine's own snapshot says: random commands of every kind."""

import asyncio
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.domain.trading import OrderKind
from tandem.platform.engine import MarketRules, Terms
from tandem.trading.orders import OrderView
from tandem.trading.records import Extra, Order
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, CAROL, RULES, USDT, Rig, running

ROUTER, USDC, BTCUSDC = 4, 2, 1
ACCOUNTS = (ALICE, BOB, CAROL)
LOT, TICK, MIDDLE = 10_000, 10_000, 20_000_000_000
COMMANDS = 1_500
Leg = tuple[int, int, int, int, int, int, str, int, int | None, int | None, Terms | None]


class Trader:
    """Sends what `random` says; most of it near the last price, so that much of it trades, fires and ends."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.random = random.Random(seed)
        self.ids = 0

    def price(self, away: int = 0) -> int:
        return MIDDLE + (away + self.random.randint(-10, 10)) * TICK

    def qty(self) -> int:
        return self.random.randint(20, 60) * LOT

    def new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def leg(self, kind: OrderKind, side: int, *, qty: int | None = None, **terms: Any) -> Leg:
        price = 0 if kind.works_as is OrderKind.MARKET else terms.pop("price", self.price())
        own = self.qty() if qty is None else qty
        tif = self.random.choice((0, 0, 0, 1, 2)) if kind is OrderKind.LIMIT and not terms else 0
        stp = self.random.choice((-1, 2, 4, 5))
        return (side, int(kind), tif, price, own, 0, self.new_id(), stp, None, None, Terms(**terms) if terms else None)

    def single(self) -> Leg:
        side, dice = self.random.randint(0, 1), self.random.random()
        if dice < 0.45:
            return self.leg(OrderKind.LIMIT, side)
        if dice < 0.55:
            return self.leg(OrderKind.MARKET, side)
        if dice < 0.62:
            return self.leg(OrderKind.LIMIT, side, use_sor=True)
        if dice < 0.7:
            return self.leg(OrderKind.LIMIT_MAKER, side, iceberg_qty=15 * LOT)
        if dice < 0.75:
            return self.leg(OrderKind.LIMIT, side, price=0, peg_price=0, peg_offset=1)
        kind = self.random.choice([kind for kind in OrderKind if kind.is_contingent])
        if dice < 0.85:
            return self.leg(kind, side, trailing_delta=self.random.randint(1, 20))
        above = (side == 0) == (kind in (OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT))
        trailing = self.random.choice((0, 0, 5))
        return self.leg(kind, side, stop_price=self.price(8 if above else -8), trailing_delta=trailing)

    def pair(self, side: int, qty: int) -> list[Leg]:
        down = -1 if side else 1
        stop = self.leg(OrderKind.STOP_LOSS_LIMIT, side, qty=qty, stop_price=self.price(12 * down))
        return [stop, self.leg(OrderKind.LIMIT_MAKER, side, qty=qty, price=self.price(-12 * down))]

    def list_legs(self) -> tuple[int, list[Leg]]:
        kind = self.random.randint(0, 4)
        side, qty = self.random.randint(0, 1), self.qty()
        if kind == 0:
            return kind, self.pair(side, qty)
        working = self.leg(OrderKind.LIMIT, 0 if kind >= 3 else side)
        pending = 0 if kind >= 3 else qty
        if kind in (2, 4):
            return kind, [working, *self.pair(1, pending)]
        return kind, [working, self.leg(OrderKind.LIMIT, 1, qty=pending)]

    def send(self) -> int:
        engine, dice, account = self.rig.engine, self.random.random(), self.random.choice(ACCOUNTS)
        market = self.random.choice((BTCUSDT, BTCUSDT, BTCUSDC))
        mine = [order for order in self.rig.view.by_id.values() if order.status in ("NEW", "PARTIALLY_FILLED")]
        if dice < 0.6 or not mine:
            return engine.place_order(account, market, *self.single())
        if dice < 0.75:
            kind, legs = self.list_legs()
            return engine.place_list(account, BTCUSDT, kind, self.new_id(), legs)
        order = self.random.choice(mine)
        named = (order.account, order.blotter.market, order.id, "")
        if dice < 0.85:
            return engine.amend_order(*named, order.qty - 2 * LOT, self.new_id())
        if dice < 0.9:
            return engine.cancel_replace(*named, self.new_id(), -1, 1, self.single())
        if dice < 0.98:
            return engine.cancel_order(*named, self.new_id())
        return engine.cancel_all(account, market)


def known(order: Order) -> dict[str, Any]:
    """What a snapshot tells of an open order, too."""
    row = {name: getattr(order, name) for name in order.__struct_fields__ if name not in ("blotter", "extra")}
    del row["prevented_match_id"]
    # An order that is plain but for an amend is plain after a restart.
    extra = order.extra or Extra(working_us=order.accepted_us)
    return row | msgspec.structs.asdict(extra) | {"amends": None, "is_routed": False, "market": order.blotter.market}


def state(view: OrderView) -> tuple[list[Any], list[Any]]:
    holders = [view.accounts[account] for account in sorted(view.accounts)]
    orders = [known(order) for holder in holders for b in holder.blotters.values() for order in b.open.values()]
    live = {order["id"] for order in orders}
    lists = []
    for row in (row for holder in view.lists.accounts.values() for row in holder.open.values()):
        names = [own for own, order_id in zip(row.client_ids, row.order_ids, strict=True) if order_id in live]
        lists.append((row.id, row.account, row.market, row.kind, row.client_id, row.accepted_us, row.order_ids, names))
    return sorted(orders, key=lambda row: row["id"]), sorted(lists)


async def found(rig: Rig) -> None:
    await rig.found()
    engine = rig.engine
    rules = RULES | {"max_num_orders": 0, "max_num_algo_orders": 0, "max_num_order_lists": 0, "fees": (0, 1000, 0, 0)}
    await rig.done(engine.create_asset("USDC", "Circle", 6))
    await rig.done(engine.update_market(BTCUSDT, MarketRules(**rules)))
    await rig.done(engine.create_market("BTCUSDC", BTC, USDC, MarketRules(**rules)))
    await rig.done(engine.create_account("router"))
    for account in (*ACCOUNTS, ROUTER):
        for asset in (USDT, USDC):
            await rig.done(engine.credit(account, asset, 10**12))
    await rig.done(engine.set_sor(BTC, [BTCUSDT, BTCUSDC], ROUTER))
    for account in (BOB, CAROL):
        await rig.done(engine.update_account(account, True, None, 7, 1, False))


@pytest.mark.parametrize("seed", range(3))
async def test_open_orders_and_lists_are_what_the_engine_says(tmp_path: Path, seed: int) -> None:
    async with running(tmp_path) as rig:
        await found(rig)
        trader = Trader(rig, seed)
        heard = [rig.hear(account)[0] for account in ACCOUNTS]
        for _ in range(COMMANDS // 10):
            await asyncio.gather(*(rig.client.submit(trader.send()) for _ in range(10)))
        far = (0, int(OrderKind.LIMIT), 0, MIDDLE // 2, trader.qty(), 0, "far", -1, None, None, None)
        await rig.done(rig.engine.place_list(ALICE, BTCUSDT, 2, "", [far, *trader.pair(1, trader.qty())]))
        kinds = {type(event).__name__ for result in rig.results for event in result.events}
        rejects = sum(result.code >= 0 for result in rig.results)
        before = state(rig.view)
        await rig.snapshot()
    assert rejects < COMMANDS / 2
    assert kinds >= {"OrderReleased", "OrderAmended", "ListClosed", "Allocated", "TrailingStarted", "CancelReplaced"}
    for events in heard:
        ids = [event["I"] for event in events if event["e"] == "executionReport"]
        assert len(ids) > COMMANDS / 10
        assert ids == sorted(set(ids))
    assert len(before[0]) > 5
    assert before[1]
    async with running(tmp_path) as rig:
        assert rig.engine.recovery()["replayed"] == 0
        assert state(rig.view) == before
