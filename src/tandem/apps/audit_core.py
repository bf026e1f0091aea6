"""The state of the core, at the end of the log, against what the log's rows and the stored ones come to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tandem.archive.intake import Difference, Found
from tandem.archive.tables import TABLES
from tandem.history.export import Row, State
from tandem.history.retelling import Retelling
from tandem.platform.engine import Follower, OpenOrder, OrderExtra

_LEDGER = list(TABLES["ledger"].columns)
_ASSET, _AMOUNT = _LEDGER.index("asset"), _LEDGER.index("amount")
_GIVER, _RECEIVER = _LEDGER.index("debit_account"), _LEDGER.index("credit_account")


Names = tuple[list[Row], list[Row], list[Row]]
"""Of assets, markets and accounts, as `Exporter.names` has them."""


class Balances:
    """Of the core where the log begins, and what the ledger then moves."""

    def __init__(self, follower: Follower) -> None:
        self._sums: defaultdict[tuple[int, int], int] = defaultdict(int, _balances(follower))

    def move(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of the ledger."""
        sums = self._sums
        for row in rows:
            asset, amount = row[_ASSET], row[_AMOUNT]
            sums[row[_GIVER], asset] -= amount
            sums[row[_RECEIVER], asset] += amount

    def compare(self, follower: Follower, where: str, misplaced: Mapping[tuple[int, int], int], found: Found) -> None:
        """`misplaced`: by how much the ledger meant by `where` differs."""
        core = _balances(follower)
        for account, asset in sorted(core.keys() | self._sums.keys() | misplaced.keys()):
            held = core.get((account, asset), 0)
            summed = self._sums.get((account, asset), 0) + misplaced.get((account, asset), 0)
            if account >= 0 and held != summed:
                found.add(
                    Difference(
                        table="balances",
                        where=where,
                        key={"account": account, "asset": asset},
                        seq=None,
                        expected=held,
                        found=summed,
                    )
                )


def _balances(follower: Follower) -> dict[tuple[int, int], int]:
    return {
        (account.id, asset): free + locked
        for account in follower.accounts()
        for asset, free, locked in follower.balances(account.id)
    }


def compare_open(follower: Follower, retelling: Retelling, found: Found) -> None:
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


def compare_names(follower: Follower, names: Names, found: Found) -> None:
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


def compare_position(follower: Follower, state: State, found: Found) -> None:
    seq, digest = follower.digest()
    expected, stored = f"{digest:016x}", state.digest
    if (seq, follower.cluster_id) != (state.seq, state.cluster_id) or (stored and stored != expected):
        said = {"cluster_id": follower.cluster_id, "seq": seq, "digest": expected}
        told = {"cluster_id": state.cluster_id, "seq": state.seq, "digest": stored}
        found.add(Difference(table="position", where="sql", key={}, seq=state.seq, expected=said, found=told))
