"""The ring of trades and the aggregates read off it, against plain lists."""

import random

from tandem.marketdata.trades import Aggregate, Trade, TradeRing


def random_trades(seed: int, count: int, first_id: int = 0) -> list[Trade]:
    rng = random.Random(seed)
    trades: list[Trade] = []
    time_us, price, maker = 1_000_000, 100, False
    for trade_id in range(first_id, first_id + count):
        starts = not trades or rng.random() < 0.4
        if starts:
            time_us += rng.randrange(3)
            price, maker = rng.randrange(90, 110), rng.random() < 0.5
        trades.append(Trade(trade_id, price, rng.randrange(1, 2**63), time_us, starts, maker))
    return trades


def ring_of(trades: list[Trade], capacity: int) -> TradeRing:
    ring = TradeRing(capacity)
    for t in trades:
        ring.add(t.id, t.price, t.qty, t.time_us << 2 | t.starts_aggregate << 1 | t.buyer_is_maker)
    return ring


def naive_aggregates(trades: list[Trade]) -> list[Aggregate]:
    rows: list[Aggregate] = []
    for t in trades:
        if t.starts_aggregate:
            rows.append(Aggregate(len(rows), t.price, t.qty, t.id, t.id, t.time_us, t.buyer_is_maker))
        else:
            rows[-1] = rows[-1]._replace(qty=rows[-1].qty + t.qty, last_id=t.id)
    return rows


def test_the_ring_keeps_the_newest_and_grows_without_losing_any() -> None:
    trades = random_trades(1, 9_000, first_id=77)
    for capacity in (10, 1_024, 5_000, 100_000):
        ring = ring_of(trades, capacity)
        kept = trades[-capacity:]
        assert list(ring.trades(0, 10**9)) == kept
        assert list(ring.latest(7)) == kept[-7:]
        assert list(ring.trades(kept[3].id, kept[3].id + 4)) == kept[3:7]
        assert (ring.first_id, ring.next_id, len(ring)) == (kept[0].id, trades[-1].id + 1, len(kept))


def test_an_id_that_does_not_follow_starts_anew() -> None:
    first, later = random_trades(1, 20), random_trades(2, 5, first_id=100)
    assert list(ring_of(first + later, 50).trades(0, 1_000)) == later


def test_aggregates_equal_a_recomputation() -> None:
    rng = random.Random(9)
    for seed in range(20):
        trades = random_trades(seed, 200)
        ring = ring_of(trades, 120)
        expected = [a for a in naive_aggregates(trades) if a.first_id >= trades[-120].id]
        for _ in range(30):
            low, high, limit = rng.randrange(250), rng.randrange(250), rng.randrange(1, 60)
            oldest = [a for a in expected if low <= a.first_id < high][:limit]
            newest = [a for a in expected if a.first_id < high][-limit:]
            assert ring.aggregates(low, high, limit) == oldest
            assert ring.latest_aggregates(limit, high) == newest


def test_aggregates_have_ids_of_their_own() -> None:
    trades = random_trades(3, 200)
    ring, known = ring_of(trades, 120), naive_aggregates(trades)
    for trade in trades:
        (of,) = [a.id for a in known if a.first_id <= trade.id <= a.last_id]
        assert ring.aggregate_of(trade.id) == (of if trade.id >= ring.first_id else None)
    assert (ring.aggregate_of(ring.next_id), ring.next_aggregate) == (None, len(known))
    held = [a for a in known if a.last_id >= ring.first_id]
    for aggregate in held[1:]:
        assert ring.first_of(aggregate.id) == aggregate.first_id
    assert (ring.first_of(0), ring.first_of(len(known))) == (ring.first_id, ring.next_id)


def test_a_ring_that_is_unpacked_goes_on_counting() -> None:
    for count in (0, 1, 57, 200):
        trades = random_trades(6, 260)
        ring, again = ring_of(trades[:count], 120), TradeRing(120)
        again.start_at(ring.next_id, ring.next_aggregate)
        again.unpack(ring.first_id, ring.next_aggregate, ring.packed())
        for t in trades[count:]:
            again.add(t.id, t.price, t.qty, t.time_us << 2 | t.starts_aggregate << 1 | t.buyer_is_maker)
        assert again.aggregates(0, 999, 999) == ring_of(trades, 120).aggregates(0, 999, 999)


def test_first_at_is_the_first_trade_not_before_a_time() -> None:
    trades = random_trades(4, 300)
    ring = ring_of(trades, 200)
    kept = trades[-200:]
    for time_us in range(kept[0].time_us - 2, kept[-1].time_us + 3):
        expected = next((t.id for t in kept if t.time_us >= time_us), ring.next_id)
        assert ring.first_at(time_us) == expected


def test_an_empty_ring_has_nothing() -> None:
    ring = TradeRing(10)
    assert (list(ring.latest(5)), ring.aggregates(0, 9, 5), ring.latest_aggregates(5, 9), ring.first_at(0)) == (
        [],
        [],
        [],
        0,
    )


def test_long_aggregates_are_found_from_the_end_of_a_ring_that_has_wrapped() -> None:
    ring = TradeRing(4_096)
    for trade_id in range(10_000):
        ring.add(trade_id, 7, 1, trade_id << 2 | (trade_id % 700 == 0) << 1)
    starts = [trade_id for trade_id in range(0, 10_000, 700) if trade_id >= 10_000 - 4_096]
    expected = [Aggregate(id // 700, 7, min(700, 10_000 - id), id, min(id + 699, 9_999), id, False) for id in starts]
    for limit in range(1, len(starts) + 2):
        assert ring.latest_aggregates(limit, 10_000) == expected[-limit:]
    assert ring.latest_aggregates(2, starts[-1]) == expected[-3:-1]
