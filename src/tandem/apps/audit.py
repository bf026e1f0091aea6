"""Replays the log and holds the core, the history in SQL and the archive against it, row by row.

SQL is read first, as of one position; the log is then told again up to that position and no further, so an exchange may
run meanwhile. What is compared lies on the disk: memory holds only what is open.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tandem.archive.comparing import Difference, Found, Workbench
from tandem.archive.manifest import read_unbroken
from tandem.archive.place import Place
from tandem.archive.tables import TABLES
from tandem.history.export import Exporter, State
from tandem.history.retelling import Retelling
from tandem.platform.engine import Follower, OpenOrder, OrderExtra
from tandem.platform.log_files import segments, snapshot_seqs

Note = Callable[[str], None]
STEP = 1_000_000
"""Commands and rows between two lines of progress."""
_ROWS_AT_ONCE = 10_000


def audit(data: Path, exporter: Exporter, place: Place | None, *, limit: int, note: Note) -> Found:
    """`limit`: how many differences of a kind are listed. Raises HistoryUnusable, ArchiveUnusable, LogUnreadable and
    EngineError when something cannot be read at all."""
    found = Found(limit)
    with Workbench(found) as bench:
        with exporter.at_once():
            state = exporter.state()
            note(f"the history is told up to seq {state.seq}; reading it")
            for name in TABLES:
                for chunk in exporter.rows(name):
                    bench.add("sql", name, chunk)
            names = exporter.names()
        bench.flush()
        note(f"{bench.row_counts['sql']} rows of SQL")
        if place is not None:
            bench.load(place, [one for one in read_unbroken(place, state.cluster_id) if one.last_seq <= state.seq])
            note(f"{bench.row_counts['archive']} rows of the archive")
        follower = _tell_again(data, state, bench, found, note)
        note("comparing")
        bench.compare(state.archived_us)
        _add_balances(bench, "core", follower)
        bench.compare_balances()
        _compare_names(follower, names, found)
        _compare_position(follower, state, found)
    return found


def _tell_again(data: Path, state: State, bench: Workbench, found: Found, note: Note) -> Follower:
    start = _oldest(data)
    follower = Follower.open(str(data), after_seq=start, until_seq=state.seq)
    if start:
        note(f"the log begins after seq {start}: what ended before is not compared")
        _add_balances(bench, "opening", follower)
    began_us = follower.time_us
    retelling = Retelling(follower, lambda market: bench.next_aggregate(market, start))
    told = start
    for name, rows in retelling.rows():
        bench.add("log", name, rows)
        if follower.seq >= told + STEP:
            told = follower.seq
            note(f"the log is told up to seq {told} of {state.seq}")
    _compare_open(follower, retelling, found)
    if start:
        bench.forget(start, began_us)
    return follower


def _oldest(data: Path) -> int:
    """The seq after which everything can be told: 0, or that of the oldest snapshot that the log reaches back to."""
    first_seq = segments(data)[0].first_seq
    return 0 if first_seq == 1 else min((seq for seq in snapshot_seqs(data) if seq >= first_seq - 1), default=0)


# --- the core at the end


def _add_balances(bench: Workbench, kind: str, follower: Follower) -> None:
    rows: list[tuple[int, int, int]] = []
    for account in follower.accounts():
        rows += [(account.id, asset, free + locked) for asset, free, locked in follower.balances(account.id)]
        if len(rows) >= _ROWS_AT_ONCE:
            bench.add_balances(kind, rows)
            rows = []
    bench.add_balances(kind, rows)


def _compare_open(follower: Follower, retelling: Retelling, found: Found) -> None:
    """What the core says is open against what the fold makes of the log."""
    columns = list(TABLES["orders"].columns)
    told = {id_: dict(zip(columns, row, strict=True)) for id_, row in retelling.open_orders().items()}
    for order in follower.open_orders():
        said = _said(order)
        row = told.pop(order.accepted.order_id, None)
        shown = None if row is None else {name: row[name] for name in said}
        if shown != said:
            found.add(_unlike_core("orders", {"id": order.accepted.order_id}, said, shown))
    for id_, row in told.items():
        found.add(_unlike_core("orders", {"id": id_}, None, row))
    lists = retelling.open_lists()
    for id_ in lists ^ {opened.list_id for opened in follower.open_lists()}:
        found.add(_unlike_core("order_lists", {"id": id_}, id_ not in lists, id_ in lists))
    for asset, credited, debited, free, locked in follower.funds():
        if credited - debited != free + locked:
            found.add(_unlike_core("funds", {"asset": asset}, credited - debited, free + locked))


def _said(order: OpenOrder) -> dict[str, Any]:
    accepted, extra = order.accepted, order.accepted.extra or OrderExtra()
    return {
        "account": accepted.account,
        "market": accepted.market,
        "side": accepted.side,
        "price": accepted.price,
        "qty": accepted.qty,
        "client_id": accepted.client_order_id,
        "list_id": extra.list_id,
        "state": extra.state,
        "left_qty": order.left,
        "prevented": order.prevented,
        "filled": order.filled,
        "filled_quote": order.filled_quote,
        "accepted_us": order.accepted_us,
        "working_us": order.working_us,
        "updated_us": order.updated_us,
        "amends": order.amends,
    }


def _unlike_core(table: str, key: dict[str, Any], core: Any, told: Any) -> Difference:
    return Difference(table=table, where="core", key=key, seq=None, expected=core, found=told)


def _compare_names(follower: Follower, names: tuple[list[Any], list[Any], list[Any]], found: Found) -> None:
    assets, markets, accounts = names
    _compare_table("assets", ((one.id, one.code, one.decimals) for one in follower.assets()), assets, found)
    listed = ((one.id, one.symbol, one.base, one.quote) for one in follower.markets())
    _compare_table("markets", listed, markets, found)
    _compare_table("accounts", ((one.id, one.name) for one in follower.accounts()), accounts, found)


def _compare_table(
    table: str, core: Iterable[tuple[Any, ...]], stored: Iterable[tuple[Any, ...]], found: Found
) -> None:
    expected = {row[0]: list(row) for row in core}
    rows = {row[0]: list(row) for row in stored}
    for id_ in sorted(expected.keys() | rows.keys()):
        if expected.get(id_) != rows.get(id_):
            found.add(
                Difference(
                    table=table, where="sql", key={"id": id_}, seq=None, expected=expected.get(id_), found=rows.get(id_)
                )
            )


def _compare_position(follower: Follower, state: State, found: Found) -> None:
    seq, digest = follower.digest()
    expected, stored = f"{digest:016x}", state.digest
    if (seq, follower.cluster_id) != (state.seq, state.cluster_id) or (stored and stored != expected):
        said = {"cluster_id": follower.cluster_id, "seq": seq, "digest": expected}
        told = {"cluster_id": state.cluster_id, "seq": state.seq, "digest": stored}
        found.add(Difference(table="position", where="sql", key={}, seq=state.seq, expected=said, found=told))
