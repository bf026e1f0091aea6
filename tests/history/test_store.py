"""A batch is written whole or not at all, and only where the position is what the writer thinks."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from tandem.history import schema
from tandem.history.database import HistoryUnusable, database_url
from tandem.history.export import Exporter
from tandem.history.postgres_store import month_of
from tandem.history.rows import Rows
from tandem.history.store import PositionMoved, Store, open_store
from tests.history.project import CLUSTER, rows_of
from tests.history.twins import Twins
from tests.support.postgres import Server

NOVEMBER_US = 1_793_491_200_000_000  # 2026-11-01
DAY_US = 86_400_000_000


def ledger_rows(seq: int, time_us: int, *amounts: int, order_id: int = -1) -> Rows:
    moves: list[tuple[object, ...]] = [
        (seq, n, time_us, 0, amount, -1, 1, "CREDIT", order_id) for n, amount in enumerate(amounts)
    ]
    return Rows(time_us, seq, time_us, [], [], {"ledger": moves}, {}, set())


@pytest.fixture
def store(twins: Twins) -> Any:
    store = open_store(twins.first)
    store.claim(CLUSTER)
    yield store
    store.close()


def position(store: Store) -> tuple[Any, ...]:
    (row,) = rows_of(store, select(schema.position))
    return tuple(row)


def test_a_batch_moves_the_position(store: Store) -> None:
    store.write(ledger_rows(7, NOVEMBER_US, 5), {"assets": [(0, "BTC", "Bitcoin", 8)]}, "00ff")
    assert position(store) == (1, CLUSTER, 7, NOVEMBER_US, "00ff", 0)
    assert store.position == (CLUSTER, 7, NOVEMBER_US, "00ff")
    store.write(ledger_rows(9, NOVEMBER_US, 6), {"assets": [(0, "BTC", "Renamed", 8), (1, "A\tB\\", "C", 0)]}, "")
    assert [tuple(row) for row in rows_of(store, select(schema.assets).order_by("id"))] == [
        (0, "BTC", "Renamed", 8),
        (1, "A\tB\\", "C", 0),
    ]


@pytest.mark.parametrize("count", [1, 200])
def test_amounts_of_128_bits(store: Store, count: int) -> None:
    amounts = [2**63 - 1, 2**63, 2**100, 10**38] * count
    store.write(ledger_rows(1, NOVEMBER_US, *amounts), {}, "")
    found = rows_of(store, select(schema.ledger.c.amount).order_by(schema.ledger.c.n))
    assert [row.amount for row in found] == amounts


def test_what_fails_leaves_nothing(store: Store, twins: Twins) -> None:
    twice = ledger_rows(2, NOVEMBER_US, 5)
    twice.appended["ledger"] *= 2
    twice.replaced["daily"] = [(0, 0, 1, 1, 1, 1, 1, 1)]
    with pytest.raises(HistoryUnusable):
        store.write(twice, {}, "")
    store.close()
    store = open_store(twins.first)
    assert position(store)[2] == 0
    assert rows_of(store, select(schema.ledger)) == []
    store.close()


def test_a_second_writer_is_noticed(store: Store, twins: Twins) -> None:
    other = open_store(twins.first)
    other.write(ledger_rows(3, NOVEMBER_US, 5), {}, "")
    other.close()
    with pytest.raises(PositionMoved, match="not at seq 0"):
        store.write(ledger_rows(4, NOVEMBER_US, 5), {}, "")
    assert len(rows_of(store, select(schema.ledger))) == 1


def test_what_is_open_but_not_there_is_noticed(store: Store) -> None:
    with pytest.raises(HistoryUnusable, match=r"lacks orders .* rebuild"):
        list(store.live_orders([1]))
    with pytest.raises(HistoryUnusable, match=r"lacks order_lists .* rebuild"):
        list(store.live_lists([1]))


def test_months_have_partitions_before_they_begin(postgres: Server) -> None:
    store = open_store(database_url(postgres.new_database(), Path()))
    store.claim(CLUSTER)
    for seq, time_us in enumerate((NOVEMBER_US, NOVEMBER_US + 100 * DAY_US), 1):
        store.write(ledger_rows(seq, time_us, 5), {}, "")
    made = text("SELECT relid::text FROM pg_partition_tree('ledger') WHERE isleaf ORDER BY 1")
    months = ("2026_11", "2026_12", "2027_02", "2027_03")
    assert [name for (name,) in rows_of(store, made)] == [f"ledger_{month}" for month in months]
    assert month_of(NOVEMBER_US + 100 * DAY_US) == 2027 * 12 + 1
    indexes = text(
        "SELECT (SELECT relname FROM pg_class WHERE oid = indrelid), count(*),"
        " count(*) FILTER (WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid))"
        " FROM pg_index WHERE indrelid::regclass::text ~ '_2026_11$' GROUP BY 1 ORDER BY 1"
    )
    found = {name: (count, attached) for name, count, attached in rows_of(store, indexes)}
    wanted = {f"{name}_2026_11": 1 + len(schema.metadata.tables[name].indexes) for name in schema.PARTITIONED}
    assert found == {name: (count, count) for name, count in wanted.items()}
    rest = text("SELECT count(*) FROM pg_class WHERE relkind = 'p'")
    assert rows_of(store, rest)[0][0] == len(schema.PARTITIONED)
    store.close()


@pytest.mark.timeout(30)
def test_a_new_month_does_not_wait_for_readers(postgres: Server) -> None:
    """An audit reads for hours in one transaction, and whoever came later would wait behind the writer."""
    url = database_url(postgres.new_database(), Path())
    store = open_store(url)
    store.claim(CLUSTER)
    store.write(ledger_rows(1, NOVEMBER_US, 5), {}, "")
    exporter = Exporter(url)
    with exporter.at_once():
        assert sum(map(len, exporter.rows("ledger"))) == 1
        store.write(ledger_rows(2, NOVEMBER_US + 40 * DAY_US, 7), {}, "")
        assert sum(map(len, exporter.rows("ledger"))) == 1
    assert sum(map(len, exporter.rows("ledger"))) == 2
    exporter.close()
    store.close()
