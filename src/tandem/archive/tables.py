"""The tables of the archive: their columns, how SQL's rows become Arrow's, and by what they are sorted.

A table has the columns of the history's table of that name. Amounts are whole numbers in minor units and called
`<name>_units`; texts and decimals stand beside the ids they belong to, so that a file can be read alone. What does not
fit a column of 38 digits is null there and whole, as JSON, in the column `wide`: nothing is rounded or lost.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from tandem.domain.intervals import DAY, INTERVALS
from tandem.domain.trading import OPEN_STATUSES

UNITS = pa.decimal128(38, 0)
LARGEST_UNITS = 10**38 - 1
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column holds. `of`: whose decimals its amounts have (`base`, `quote`, `asset`, `fee_asset`)."""

    type: pa.DataType
    of: str = ""


SMALL, INT, LONG = Kind(pa.int16()), Kind(pa.int32()), Kind(pa.int64())
TEXT, FLAG = Kind(pa.string()), Kind(pa.bool_())
PRICE, QTY = Kind(pa.int64(), "quote"), Kind(pa.int64(), "base")
BASE_SUM, QUOTE_SUM = Kind(UNITS, "base"), Kind(UNITS, "quote")
AMOUNT, FEE = Kind(UNITS, "asset"), Kind(UNITS, "fee_asset")


class Asset(NamedTuple):
    id: int
    code: str
    decimals: int


class Market(NamedTuple):
    id: int
    symbol: str
    base: int
    quote: int


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called."""

    assets: Mapping[int, Asset] = field(default_factory=dict)
    markets: Mapping[int, Market] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: Mapping[str, Kind]
    """As in SQL, in its order."""
    key: tuple[str, ...]
    """Columns that tell two rows apart, as SQL names them."""

    @property
    def has_market(self) -> bool:
        return "market" in self.columns

    @property
    def market_index(self) -> int:
        return list(self.columns).index("market")

    def file_name(self, column: str) -> str:
        """What a column of SQL is called in files."""
        if column == "market":
            return "market_id"
        return f"{column}_units" if self.columns[column].of else column

    def schema(self) -> pa.Schema:
        bare = list(self.bare_schema())
        return pa.schema([*bare[:-1], *(pa.field(name, kind) for name, kind in self._texts()), bare[-1]])

    def days(self, rows: Sequence[Row]) -> list[int | None]:
        """The day that each row of SQL belongs to, counted from 1970: of closed orders and lists the day on which they
        closed, of candles that in which they end; None: still open."""
        at = {name: index for index, name in enumerate(self.columns)}
        if self.name == "orders":
            status, updated = at["status"], at["updated_us"]
            return [None if row[status] in OPEN_STATUSES else row[updated] // DAY for row in rows]
        if self.name == "order_lists":
            is_open, updated = at["is_open"], at["updated_us"]
            return [None if row[is_open] else row[updated] // DAY for row in rows]
        if self.name == "candles":
            interval, opened = at["interval"], at["open_us"]
            return [(INTERVALS[row[interval]].shift(row[opened], 1) - 1) // DAY for row in rows]
        time = at["day_us" if self.name == "daily" else "time_us"]
        return [row[time] // DAY for row in rows]

    def _texts(self) -> list[tuple[str, pa.DataType]]:
        text, small = pa.string(), pa.int8()
        found: list[tuple[str, pa.DataType]] = []
        if self.has_market:
            found += [("symbol", text), ("base", text), ("quote", text)]
            found += [("base_decimals", small), ("quote_decimals", small)]
        if "maker_market" in self.columns:
            found.append(("maker_symbol", text))
        for column in ("asset", "fee_asset"):
            if column in self.columns:
                found += [(f"{column}_code", text), (f"{column}_decimals", small)]
        return found

    def batch(self, rows: Sequence[Row], names: Names) -> pa.RecordBatch:
        """Rows of SQL as they are in files."""
        schema = self.schema()
        if not rows:
            return pa.RecordBatch.from_pylist([], schema)
        bare = self.bare_batch(rows)
        columns = dict(zip(self.columns, zip(*rows, strict=True), strict=True))
        texts = self._named(columns, names)
        arrays = [pa.array(texts[name], kind) for name, kind in self._texts()]
        return pa.RecordBatch.from_arrays([*bare.columns[:-1], *arrays, bare.columns[-1]], schema=schema)

    def bare_schema(self) -> pa.Schema:
        """Of files, without what ids are called."""
        fields = [pa.field(self.file_name(name), kind.type) for name, kind in self.columns.items()]
        return pa.schema([*fields, pa.field("wide", pa.string())])

    def bare_batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        columns = dict(zip(self.columns, zip(*rows, strict=True), strict=True))
        wide: dict[int, dict[str, str]] = {}
        arrays = [_array(name, columns[name], kind.type, wide) for name, kind in self.columns.items()]
        texts = [json.dumps(wide[row]) if row in wide else None for row in range(len(rows))] if wide else None
        wides = pa.nulls(len(rows), pa.string()) if texts is None else pa.array(texts, pa.string())
        return pa.RecordBatch.from_arrays([*arrays, wides], schema=self.bare_schema())

    def _named(self, columns: Mapping[str, Sequence[Any]], names: Names) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        if self.has_market:
            markets = [names.markets[id_] for id_ in columns["market"]]
            found["symbol"] = [market.symbol for market in markets]
            for side in ("base", "quote"):
                assets = [names.assets[getattr(market, side)] for market in markets]
                found[side] = [asset.code for asset in assets]
                found[f"{side}_decimals"] = [asset.decimals for asset in assets]
        if "maker_market" in self.columns:
            found["maker_symbol"] = [names.markets[id_].symbol for id_ in columns["maker_market"]]
        for column in ("asset", "fee_asset"):
            if column in self.columns:
                assets = [names.assets[id_] for id_ in columns[column]]
                found[f"{column}_code"] = [asset.code for asset in assets]
                found[f"{column}_decimals"] = [asset.decimals for asset in assets]
        return found


def _array(name: str, values: Sequence[Any], type_: pa.DataType, wide: dict[int, dict[str, str]]) -> pa.Array:
    if type_ == pa.bool_():
        return _flags(values)
    if type_ != UNITS:
        return pa.array(values, type_)
    try:
        return pa.array(values, pa.int64()).cast(UNITS)
    except (pa.ArrowException, OverflowError):
        pass
    whole = [value if isinstance(value, int) else int(str(value)) for value in values]
    fitting: list[int | None] = list(whole)
    for row, value in enumerate(whole):
        if not -LARGEST_UNITS <= value <= LARGEST_UNITS:
            wide.setdefault(row, {})[name] = str(value)
            fitting[row] = None
    return pa.array(fitting, UNITS)


def _flags(values: Sequence[Any]) -> pa.Array:
    """Of what SQLite has for them, too."""
    if set(values) - {0, 1}:
        raise pa.ArrowInvalid("a flag is 0 or 1")
    return pa.array(map(bool, values), pa.bool_(), size=len(values))


def _tables(*tables: Table) -> dict[str, Table]:
    return {table.name: table for table in tables}


def _all(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


TABLES = _tables(
    Table(
        "orders",
        {
            "id": LONG,
            **_all(INT, "account market"),
            **_all(SMALL, "side kind tif"),
            "price": PRICE,
            "quote_qty": QUOTE_SUM,
            "stp": SMALL,
            "strategy_id": LONG,
            "strategy_type": INT,
            "list_id": LONG,
            "stop_price": PRICE,
            "trailing_delta": INT,
            "iceberg_qty": QTY,
            **_all(SMALL, "peg_price peg_offset"),
            "used_sor": FLAG,
            **_all(LONG, "accepted_us first_seq"),
            "qty": QTY,
            **_all(TEXT, "client_id cancel_id"),
            "state": SMALL,
            **_all(TEXT, "status expiry_reason"),
            **_all(QTY, "left_qty filled"),
            "filled_quote": QUOTE_SUM,
            "is_routed": FLAG,
            "prevented": QTY,
            "prevented_match_id": LONG,
            "amends": INT,
            "pegged_price": PRICE,
            **_all(LONG, "trailing_us working_us updated_us seq"),
        },
        key=("id", "accepted_us"),
    ),
    Table(
        "order_changes",
        {
            "seq": LONG,
            "n": INT,
            **_all(LONG, "time_us order_id"),
            **_all(INT, "account market"),
            "change": TEXT,
            **_all(QTY, "qty left_qty"),
            **_all(TEXT, "client_id old_client_id"),
            "detail": SMALL,
            "old_qty": QTY,
        },
        key=("seq", "n", "order_id", "time_us"),
    ),
    Table(
        "fills",
        {
            "seq": LONG,
            "n": INT,
            "side": SMALL,
            "time_us": LONG,
            **_all(INT, "account market"),
            **_all(LONG, "trade_id allocation_id"),
            "is_maker": FLAG,
            **_all(LONG, "order_id list_id"),
            "price": PRICE,
            "qty": QTY,
            "quote_amount": QUOTE_SUM,
            "fee": FEE,
            **_all(INT, "fee_asset maker_market"),
            "maker_trade_id": LONG,
        },
        key=("seq", "n", "side", "time_us"),
    ),
    Table(
        "trades",
        {
            "market": INT,
            "trade_id": LONG,
            "price": PRICE,
            "qty": QTY,
            "quote_amount": QUOTE_SUM,
            "taker_side": SMALL,
            **_all(LONG, "taker_order maker_order aggregate_id time_us seq"),
        },
        key=("market", "trade_id", "time_us"),
    ),
    Table(
        "ledger",
        {
            "seq": LONG,
            "n": INT,
            "time_us": LONG,
            "asset": INT,
            "amount": AMOUNT,
            **_all(INT, "debit_account credit_account"),
            "cause": TEXT,
            "reference": LONG,
        },
        key=("seq", "n", "time_us"),
    ),
    Table(
        "transfers",
        {"seq": LONG, **_all(INT, "account asset"), "amount": AMOUNT, "time_us": LONG},
        key=("seq", "time_us"),
    ),
    Table(
        "order_lists",
        {
            "id": LONG,
            **_all(INT, "account market"),
            "kind": SMALL,
            **_all(TEXT, "client_id orders client_ids"),
            "accepted_us": LONG,
            "is_open": FLAG,
            **_all(LONG, "updated_us seq"),
        },
        key=("id",),
    ),
    Table(
        "prevented_matches",
        {
            "market": INT,
            "id": LONG,
            **_all(INT, "maker_market taker_account maker_account"),
            **_all(LONG, "taker_order maker_order trade_group"),
            "mode": SMALL,
            "price": PRICE,
            **_all(QTY, "taker_prevented maker_prevented"),
            "transferred": QUOTE_SUM,
            **_all(LONG, "time_us seq"),
        },
        key=("market", "id"),
    ),
    Table(
        "candles",
        {
            "market": INT,
            "interval": TEXT,
            "open_us": LONG,
            **_all(PRICE, "open high low close"),
            "volume": BASE_SUM,
            "quote_volume": QUOTE_SUM,
            "trades": LONG,
            "taker_buy_volume": BASE_SUM,
            "taker_buy_quote_volume": QUOTE_SUM,
            "seq": LONG,
        },
        key=("market", "interval", "open_us"),
    ),
    Table(
        "daily",
        {
            "market": INT,
            **_all(LONG, "day_us orders trades"),
            "volume": BASE_SUM,
            "quote_volume": QUOTE_SUM,
            **_all(LONG, "next_aggregate seq"),
        },
        key=("market", "day_us"),
    ),
)


def names_of(assets: Iterable[Row], markets: Iterable[Row]) -> Names:
    """Rows of (id, code, decimals) and (id, symbol, base, quote)."""
    return Names({row[0]: Asset(*row) for row in assets}, {row[0]: Market(*row) for row in markets})
