"""The tables of what an order needs by its type, held against a real engine: every cell is tried."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tandem.apps import openapi_orders
from tandem.domain.errors import ApiError
from tandem.domain.operation import Operation
from tandem.platform.engine import MarketRules
from tandem.trading.tickets import ORDER_TYPES
from tests.trading.rig import ALICE, BOB, BTC, BTCUSDT, CAROL, RULES, USDT, Rig, running

ROUTER, USDC, BTCUSDC = 4, 2, 1
ROW = re.compile(r"^\| ([A-Z_]+) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
NAME = re.compile("`([a-zA-Z]+)`")
SINGLE = ("order/test", "sor/order/test")
NO_PEG = "This order type may not use pegged price."
WRONG_FIELDS = {-1102, -1106, -1128, -1224, -1225, NO_PEG}
"""Of a field that is missing or needless, not of a filter or a balance."""
VALUES = {
    "timeInForce": "GTC",
    "quantity": "0.5",
    "quoteOrderQty": "1000",
    "trailingDelta": "100",
    "icebergQty": "0.1",
    "pegPriceType": "PRIMARY_PEG",
    "pegOffsetType": "PRICE_LEVEL",
    "pegOffsetValue": "1",
}
OFFSET = ("pegPriceType", "pegOffsetType", "pegOffsetValue")


class Row(NamedTuple):
    """Of one order type: in `needs` what may stand for each other."""

    type: str
    needs: list[list[str]]
    may: list[str]
    must_not: list[str]


class Leg(NamedTuple):
    """Which order of a request, and on which side of the last price its own prices are."""

    prefix: str
    is_above: bool

    def base(self, name: str) -> str:
        """What the field of a single order is called that `name` is here."""
        if self.prefix == "stop":
            name = {"stopPrice": "stopStopPrice", "trailingDelta": "stopTrailingDelta"}.get(name, name)
            name = name.replace("stopLimit", "stop")
        if not name.startswith(self.prefix):
            return "quantity" if name == "pendingQuantity" else name
        rest = name[len(self.prefix) :]
        return rest[:1].lower() + rest[1:]

    def value(self, name: str) -> str:
        base = self.base(name)
        if base in VALUES:
            return VALUES[base]
        return "21000" if self.is_above else "19000"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """The last price is 20000, with two levels on either side; Alice holds plenty."""
    async with running(tmp_path) as rig:
        await rig.found()
        engine, rules = rig.engine, MarketRules(**RULES | {"max_num_orders": 0})
        await rig.done(engine.update_market(BTCUSDT, rules))
        await rig.done(engine.create_asset("USDC", "Circle", 6))
        await rig.done(engine.create_market("BTCUSDC", BTC, USDC, rules))
        await rig.done(engine.create_account("router"))
        await rig.done(engine.credit(ROUTER, USDT, 10**12))
        await rig.done(engine.set_sor(BTC, [BTCUSDT, BTCUSDC], ROUTER))
        await rig.limit(BOB, "BUY", "20000", "0.1")
        await rig.limit(CAROL, "SELL", "20000", "0.1")
        for side, prices in (("BUY", ("19990", "19980")), ("SELL", ("20010", "20020"))):
            for price in prices:
                await rig.limit(BOB, side, price, "1")
        yield rig


def operation_of(rig: Rig, path: str) -> Operation:
    return next(o for o in rig.operations.values() if (o.http_method, o.path) == ("POST", f"/api/v3/{path}"))


def tables(operation: Operation) -> list[list[Row]]:
    """One for each order of the request."""
    parts = openapi_orders.describe(operation).split("\n\n")
    return [[_row(*found) for found in ROW.findall(part)] for part in parts if part.startswith("|")]


def _row(kind: str, needs: str, may: str, must_not: str) -> Row:
    groups = [NAME.findall(cell) for cell in needs.split(",") if cell.strip()]
    return Row(kind, groups, NAME.findall(may), NAME.findall(must_not))


def requests(leg: Leg, row: Row) -> Iterator[tuple[dict[str, str], bool]]:
    """Fields of an order of this type, and whether they are right."""

    def filled(names: list[str]) -> dict[str, str]:
        return {name: leg.value(name) for name in names}

    plain = [group[0] for group in row.needs]
    yield filled(plain), True
    for group in row.needs:
        others = [name for name in plain if name not in group]
        yield filled(others), False
        for instead in group[1:]:
            yield filled([*others, instead]), True
    known = [name for group in row.needs for name in group] + row.may + row.must_not
    for name in row.may + row.must_not:
        offset = [other for other in known if leg.base(other) in OFFSET] if leg.base(name) in OFFSET[1:] else []
        yield filled([*plain, name, *offset]), name in row.may


async def refusal(rig: Rig, name: str, request: dict[str, str]) -> int | str | None:
    """The code, or the text where the code is one of many; a list that was placed is canceled again."""
    try:
        answer = await rig.ask(name, ALICE, symbol="BTCUSDT", **request)
    except ApiError as error:
        return error.message if error.code == -2010 else error.code
    if "orderListId" in answer:
        await rig.ask("orderList.cancel", ALICE, symbol="BTCUSDT", orderListId=answer["orderListId"])
    return None


async def wrong(rig: Rig, operation: Operation, leg: Leg, row: Row, rest: dict[str, str]) -> list[Any]:
    """What the table says otherwise than the exchange."""
    found = []
    for fields, is_right in requests(leg, row):
        code = await refusal(rig, operation.ws_method, rest | fields)
        if code is not None if is_right else code not in WRONG_FIELDS:
            found.append((leg.prefix, row.type, fields, code))
    return found


@pytest.mark.parametrize("path", SINGLE)
async def test_a_single_order_is_taken_and_refused_as_its_table_says(rig: Rig, path: str) -> None:
    operation = operation_of(rig, path)
    (rows,) = tables(operation)
    assert [row.type for row in rows] == list(openapi_orders.choices(operation, "type"))
    for row in rows:
        leg = Leg("", is_above=not row.type.startswith("STOP"))
        assert await wrong(rig, operation, leg, row, {"side": "SELL", "type": row.type}) == []
    for other in set(ORDER_TYPES) - {row.type for row in rows}:
        needed = {"side": "SELL", "quantity": "0.5"}
        assert await refusal(rig, operation.ws_method, {"type": other} | needed) is not None


def test_placing_and_replacing_say_what_testing_says(rig: Rig) -> None:
    for path, tested in (
        ("order", "order/test"),
        ("order/cancelReplace", "order/test"),
        ("sor/order", "sor/order/test"),
    ):
        assert tables(operation_of(rig, path)) == tables(operation_of(rig, tested))


WORKING = {
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "15000",
    "workingQuantity": "0.5",
    "workingTimeInForce": "GTC",
}
PREFIXES = {
    "order/oco": ("limit", "stop"),
    "orderList/oco": ("above", "below"),
    "orderList/oto": ("working", "pending"),
    "orderList/opo": ("working", "pending"),
    "orderList/otoco": ("working", "pendingAbove", "pendingBelow"),
    "orderList/opoco": ("working", "pendingAbove", "pendingBelow"),
}
PAIRS = {
    "SELL": {"AboveType": "LIMIT_MAKER", "AbovePrice": "21000", "BelowType": "STOP_LOSS", "BelowStopPrice": "19000"},
    "BUY": {"AboveType": "STOP_LOSS", "AboveStopPrice": "21000", "BelowType": "LIMIT_MAKER", "BelowPrice": "19000"},
}


def around(path: str, prefix: str, kind: str) -> dict[str, str]:
    """The rest of a list that has an order of this type at this prefix."""
    if path == "order/oco":
        return {"side": "SELL"} | ({"stopPrice": "19000"} if prefix == "limit" else {"price": "21000"})
    is_stop, is_below = kind.startswith("STOP"), prefix.lower().endswith("below")
    side = "SELL" if prefix in ("working", "pending") or is_stop == is_below else "BUY"
    rest = {"side": side} if path == "orderList/oco" else {"pendingSide": side, "workingSide": "BUY"}
    if prefix != "working":
        rest |= {} if "side" in rest else WORKING
    elif path in ("orderList/oto", "orderList/opo"):
        rest |= {"pendingType": "STOP_LOSS", "pendingStopPrice": "19000"}
    if path in ("orderList/oto", "orderList/otoco") and prefix == "working":
        rest["pendingQuantity"] = "0.5"
    if path.endswith("oco"):
        start = "" if path == "orderList/oco" else "pending"
        pair = {start + name if start else name[0].lower() + name[1:]: value for name, value in PAIRS[side].items()}
        rest |= {name: value for name, value in pair.items() if not name.startswith(prefix)}
    return rest | ({} if prefix in ("limit", "stop") else {f"{prefix}Type": kind})


@pytest.mark.parametrize("path", PREFIXES)
async def test_each_order_of_a_list_is_taken_and_refused_as_its_table_says(rig: Rig, path: str) -> None:
    operation = operation_of(rig, path)
    for prefix, rows in zip(PREFIXES[path], tables(operation), strict=True):
        if path != "order/oco":
            assert [row.type for row in rows] == list(openapi_orders.choices(operation, f"{prefix}Type"))
        for row in rows:
            is_above = prefix.lower().endswith("above") or prefix == "limit"
            leg = Leg(prefix, is_above or (prefix == "pending" and not row.type.startswith("STOP")))
            assert await wrong(rig, operation, leg, row, around(path, prefix, row.type)) == []


async def test_every_other_type_of_a_pair_is_refused(rig: Rig) -> None:
    for path in ("orderList/oco", "orderList/otoco", "orderList/opoco"):
        operation = operation_of(rig, path)
        start = PREFIXES[path][-1].removesuffix("elow").removesuffix("B").removesuffix("b")
        for end in ("Above", "Below"):
            prefix = start + end if start else end.lower()
            taken = openapi_orders.choices(operation, f"{prefix}Type")
            others = set(ORDER_TYPES) - set(taken)
            assert {"LIMIT", "MARKET"} <= others
            for kind in others:
                assert await refusal(rig, operation.ws_method, around(path, prefix, kind)) is not None
