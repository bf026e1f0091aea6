"""Random commands of every kind on a real engine, most of them near the last price, so that much trades and ends."""

import random
import select
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tandem.domain.trading import ListKind, OrderKind, SelfTradePrevention
from tandem.platform.engine import (
    Engine,
    ExchangeRules,
    MarketRules,
    OrderAccepted,
    OrderClosed,
    Result,
    Terms,
    Traded,
)

BTC, USDT, USDC, COIN = 0, 1, 2, 3
BTCUSDT, BTCUSDC, COINUSDT = 0, 1, 2
ALICE, BOB, CAROL, DAVE, ROUTER = 1, 2, 3, 4, 5
TRADERS = (ALICE, BOB, CAROL, DAVE)
LOT, TICK, MIDDLE = 10_000, 10_000, 20_000_000_000
RULES: dict[str, Any] = {
    "tick_size": TICK,
    "lot_size": LOT,
    "max_num_orders": 0,
    "max_num_algo_orders": 0,
    "max_num_order_lists": 0,
    "fees": (1_000, 2_000, 0, 0),
    "discount": True,
    "stp_default": 1,
}
Leg = tuple[int, int, int, int, int, int, str, int, int | None, int | None, Terms | None]


def open_exchange(path: Path, *, clock_us: int | None = None) -> Engine:
    return Engine.open(str(path), segment_bytes=1 << 20, reserve_bytes=0, snapshot_every=1_000_000, clock_us=clock_us)


def results(engine: Engine, count: int) -> Iterator[Result]:
    while count > 0:
        assert select.select([engine.notify_fd()], [], [], 20)[0], "nothing came"
        for batch in engine.poll():
            assert not batch.refused
            count -= len(batch.results)
            yield from batch.results


def replayed(engine: Engine) -> list[Result]:
    """What recovery hands out again."""
    found = []
    while batches := engine.poll():
        found += [result for batch in batches for result in batch.results]
    return found


def take_snapshot(engine: Engine) -> None:
    """Of everything that has been done."""
    engine.snapshot()
    end = time.monotonic() + 20
    while engine.stats()["snapshot_seq"] < engine.digest()[0]:
        assert time.monotonic() < end, "no snapshot"
        time.sleep(0.001)


def stretched(results: list[Result], factor: int = 10_000_000) -> list[Result]:
    """The same in months instead of a second."""
    start = results[0].time_us
    return [
        Result(seq=one.seq, time_us=start + (one.time_us - start) * factor, code=one.code, events=one.events)
        for one in results
    ]


class Traffic:
    """`found` once on a new exchange, then `send` as often as wanted."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.random = random.Random(seed)
        self.open: dict[int, OrderAccepted] = {}
        self.told: Counter[str] = Counter()
        self._ids = 0

    def found(self) -> list[Result]:
        engine = self.engine
        count = 0
        for code, decimals in (("BTC", 8), ("USDT", 6), ("USDC", 6), ("COIN", 8)):
            count += engine.create_asset(code, code.title(), decimals) > 0
        for symbol, base, quote in (("BTCUSDT", BTC, USDT), ("BTCUSDC", BTC, USDC), ("COINUSDT", COIN, USDT)):
            count += engine.create_market(symbol, base, quote, MarketRules(**RULES)) > 0
        count += engine.update_exchange(ExchangeRules(discount=(COIN, 75_000_000))) > 0
        for name in ("alice", "bob", "carol", "dave", "router"):
            count += engine.create_account(name) > 0
        for account in (*TRADERS, ROUTER):
            for asset in (BTC, USDT, USDC, COIN):
                count += engine.credit(account, asset, 10**14) > 0
        for account in (BOB, CAROL):
            count += engine.update_account(account, True, None, 7, 1, account == BOB) > 0
        count += engine.set_sor(BTC, [BTCUSDT, BTCUSDC], ROUTER) > 0
        done = list(results(engine, count))
        assert all(result.code == -1 for result in done), done
        return done

    def send(self, count: int, *, at_once: int = 20) -> list[Result]:
        """Results of `count` commands or some more: what is left of cascades comes by itself."""
        done: list[Result] = []
        while len(done) < count:
            for _ in range(at_once):
                self._send()
            new = list(results(self.engine, at_once))
            for result in new:
                self._note(result)
            done += new
        return done

    def _note(self, result: Result) -> None:
        self.told["rejected" if result.code >= 0 else "accepted"] += 1
        for event in result.events:
            self.told[type(event).__name__] += 1
            match event:
                case OrderAccepted():
                    self.open[event.order_id] = event
                case OrderClosed():
                    self.open.pop(event.order_id, None)
                case Traded():
                    for order, left in ((event.taker_order, event.taker_left), (event.maker_order, event.maker_left)):
                        if not left:
                            self.open.pop(order, None)

    def _send(self) -> None:
        engine, roll = self.engine, self.random
        account, market, dice = roll.choice(TRADERS), roll.choice((BTCUSDT, BTCUSDT, BTCUSDC, COINUSDT)), roll.random()
        if dice < 0.55 or not self.open:
            engine.place_order(account, market, *self._single())
        elif dice < 0.68:
            kind, legs = self._list()
            engine.place_list(account, BTCUSDT, kind, self._new_id() if dice < 0.6 else "", legs)
        elif dice < 0.70:
            move = engine.credit if dice < 0.69 else engine.debit
            move(account, roll.choice((BTC, USDT, COIN)), roll.randint(1, 10**9))
        elif dice < 0.71:
            engine.create_account(self._new_id())
        else:
            self._change(self.open[roll.choice(list(self.open))], dice)

    def _change(self, order: OrderAccepted, dice: float) -> None:
        engine, named = self.engine, (order.account, order.market, order.order_id, "")
        if dice < 0.82:
            engine.amend_order(*named, max(order.qty - self.random.randint(1, 12) * LOT, LOT), self._new_id())
        elif dice < 0.88:
            engine.cancel_replace(*named, "", -1, 1, self._single())
        elif dice < 0.98:
            engine.cancel_order(*named, self._new_id())
        else:
            engine.cancel_all(order.account, order.market, by_exchange=dice > 0.99)

    def _price(self, away: int = 0) -> int:
        return MIDDLE + (away + self.random.randint(-10, 10)) * TICK

    def _qty(self) -> int:
        return self.random.randint(20, 60) * LOT

    def _new_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def _leg(self, kind: OrderKind, side: int, *, qty: int | None = None, **terms: Any) -> Leg:
        price = 0 if kind.works_as is OrderKind.MARKET else terms.pop("price", self._price())
        own = self._qty() if qty is None else qty
        tif = self.random.choice((0, 0, 0, 1, 2)) if kind is OrderKind.LIMIT and not terms else 0
        stp = self.random.choice((-1, *map(int, SelfTradePrevention)))
        strategy = self.random.choice(((None, None), (7, 1_000_000)))
        special = Terms(**terms) if terms else None
        return (side, int(kind), tif, price, own, 0, self._new_id(), stp, *strategy, special)

    def _single(self) -> Leg:
        side, dice = self.random.randint(0, 1), self.random.random()
        if dice < 0.40:
            return self._leg(OrderKind.LIMIT, side)
        if dice < 0.47:
            return self._leg(OrderKind.MARKET, side)
        if dice < 0.52:
            return (
                side,
                int(OrderKind.MARKET),
                0,
                0,
                0,
                self.random.randint(10, 100) * 10**6,
                "",
                -1,
                None,
                None,
                None,
            )
        if dice < 0.62:
            return self._leg(OrderKind.LIMIT, side, use_sor=True)
        if dice < 0.7:
            return self._leg(OrderKind.LIMIT_MAKER, side, iceberg_qty=15 * LOT)
        if dice < 0.75:
            return self._leg(OrderKind.LIMIT, side, price=0, peg_price=0, peg_offset=1)
        kind = self.random.choice([kind for kind in OrderKind if kind.is_contingent])
        if dice < 0.85:
            return self._leg(kind, side, trailing_delta=self.random.randint(1, 20))
        above = (side == 0) == (kind in (OrderKind.STOP_LOSS, OrderKind.STOP_LOSS_LIMIT))
        trailing = self.random.choice((0, 0, 5))
        return self._leg(kind, side, stop_price=self._price(8 if above else -8), trailing_delta=trailing)

    def _pair(self, side: int, qty: int) -> list[Leg]:
        down = -1 if side else 1
        stop = self._leg(OrderKind.STOP_LOSS_LIMIT, side, qty=qty, stop_price=self._price(12 * down))
        return [stop, self._leg(OrderKind.LIMIT_MAKER, side, qty=qty, price=self._price(-12 * down))]

    def _list(self) -> tuple[int, list[Leg]]:
        kind = self.random.choice(list(ListKind))
        side, qty = self.random.randint(0, 1), self._qty()
        if kind is ListKind.OCO:
            return int(kind), self._pair(side, qty)
        is_by_proceeds = kind in (ListKind.OPO, ListKind.OPOCO)
        working = self._leg(OrderKind.LIMIT, 0 if is_by_proceeds else side)
        pending = 0 if is_by_proceeds else qty
        if kind in (ListKind.OTOCO, ListKind.OPOCO):
            return int(kind), [working, *self._pair(1, pending)]
        return int(kind), [working, self._leg(OrderKind.LIMIT, 1, qty=pending)]
