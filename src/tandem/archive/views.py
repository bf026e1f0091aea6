"""The views that questions are asked of: amounts in whole units, times as timestamps, numbers of closed sets by name.

Raw numbers stay beside them: `price` is a DECIMAL, `price_units` the engine's number.
"""

from collections.abc import Iterable
from enum import IntEnum

from tandem.archive.tables import Table
from tandem.domain.trading import ListKind, OrderKind, OrderState, SelfTradePrevention, Side, TimeInForce

_NAMED: dict[str, type[IntEnum]] = {
    "side": Side,
    "taker_side": Side,
    "kind": OrderKind,
    "tif": TimeInForce,
    "stp": SelfTradePrevention,
    "mode": SelfTradePrevention,
    "state": OrderState,
}
_TIMES = {"time_us": "time", "day_us": ""}
"""Other columns `x_us` are `x_time` beside it."""
_CODES = {"market": ("market", "market_id"), "maker_market": ("maker_symbol", "maker_market")}
"""Column of SQL to its text and its id in files."""


def view_of(table: Table, source: str, decimals: Iterable[int]) -> str:
    """The body of a table's view over `source`, which has the columns of files, and `market` and `day`. `decimals`:
    those that assets have."""
    found = sorted(set(decimals))
    scale = max(found, default=0)
    columns = [part for name in table.columns for part in _columns_of(table, name, found, scale)]
    if table.has_market:
        columns += ["base", "quote"]
    return f"SELECT {', '.join([*columns, 'wide', 'day'])} FROM {source}"


def _columns_of(table: Table, name: str, decimals: list[int], scale: int) -> list[str]:
    kind, stored = table.columns[name], table.file_name(name)
    if kind.of:
        return [f"{_scaled(stored, f'{kind.of}_decimals', decimals, scale)} AS {_quoted(name)}", stored]
    if name in _CODES:
        text, id_ = _CODES[name]
        return [f"{text} AS {name}", f"{id_} AS {name}_id"]
    if name in ("asset", "fee_asset"):
        return [f"{name}_code AS {name}", f"{name} AS {name}_id"]
    if name.endswith("_us"):
        shown = _TIMES.get(name, f"{name[:-3]}_time")
        return [*([f"make_timestamp(nullif({name}, -1)) AS {_quoted(shown)}"] if shown else []), name]
    if name in _NAMED:
        members = ListKind if table.name == "order_lists" and name == "kind" else _NAMED[name]
        return [f"[{', '.join(repr(member.name) for member in members)}][{name} + 1] AS {name}"]
    return [_quoted(stored)]


def _scaled(column: str, decimals_column: str, decimals: list[int], scale: int) -> str:
    """Exact: a product of decimals, refused by DuckDB where 38 digits do not hold it."""
    units = " ".join(f"WHEN {places} THEN {_unit(places, scale)}" for places in decimals)
    factor = f"CASE {decimals_column} {units} END" if decimals else _unit(0, scale)
    return f"CAST({column} AS DECIMAL(38, 0)) * {factor}"


def _unit(places: int, scale: int) -> str:
    value = f"0.{'0' * (places - 1)}1" if places else "1"
    return f"CAST({value} AS DECIMAL({scale + 1}, {scale}))"


def _quoted(name: str) -> str:
    return f'"{name}"'
