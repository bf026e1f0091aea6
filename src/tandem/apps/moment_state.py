"""All that an exchange holds at one moment, for reading and for comparing: names for ids, decimals for minor units."""

from enum import IntEnum
from typing import Any

from tandem.admin.service import AdminService
from tandem.apps.restored import show_time
from tandem.domain.catalog import Catalog
from tandem.domain.trading import ListKind, OrderKind, OrderState, PegPrice, SelfTradePrevention, Side, TimeInForce
from tandem.platform.engine import EngineClient, OpenOrder, OpenOrderList

_PRICES = {"price", "stop_price", "pegged_price"}
_QUANTITIES = {"qty", "iceberg_qty", "left", "prevented", "filled"}
_AMOUNTS = {"quote_qty", "filled_quote"}
_NAMES: dict[str, type[IntEnum]] = {
    "side": Side,
    "kind": OrderKind,
    "tif": TimeInForce,
    "stp": SelfTradePrevention,
    "state": OrderState,
    "peg_price": PegPrice,
}
_fields: dict[type, tuple[str, ...]] = {}
"""What the engine's classes have; asked of each once, since there may be many orders."""


def state_of(client: EngineClient) -> dict[str, Any]:
    """`client` is of a `Moment`."""
    moment: Any = client.engine
    admin = AdminService(client)
    seq, digest = moment.digest()
    names = {account.id: account.name for account in moment.accounts()}
    return {
        "cluster_id": moment.cluster_id,
        "seq": seq,
        "time": show_time(moment.time_us),
        "digest": f"{digest:016x}",
        "assets": admin.assets(),
        "markets": [row | {"rules": admin.rules(row["symbol"])} for row in admin.markets()],
        "accounts": admin.accounts(),
        "open_orders": [show_order(order, client.catalog, names) for order in moment.open_orders()],
        "open_lists": [show_list(opened, client.catalog, names) for opened in moment.open_lists()],
    }


def fields_of(value: object) -> dict[str, Any]:
    kind = type(value)
    if kind not in _fields:
        _fields[kind] = tuple(name for name in dir(kind) if not name.startswith("_"))
    return {name: getattr(value, name) for name in _fields[kind]}


def show_order(order: OpenOrder, catalog: Catalog, names: dict[int, str]) -> dict[str, Any]:
    """Every field; those that say "none" are left out."""
    fields = fields_of(order)
    accepted = fields_of(fields.pop("accepted"))
    extra = accepted.pop("extra")
    fields = accepted | ({} if extra is None else fields_of(extra)) | fields
    market = catalog.markets[fields.pop("market")]
    shown: dict[str, Any] = {
        "order_id": fields.pop("order_id"),
        "account": names[fields.pop("account")],
        "market": market.symbol,
    }
    for name, value in fields.items():
        if value is None or value == -1 or value == "":
            continue
        if name in _PRICES:
            shown[name] = market.show_price(value)
        elif name in _QUANTITIES:
            shown[name] = market.show_qty(value)
        elif name in _AMOUNTS:
            shown[name] = market.show_quote(value)
        elif name in _NAMES:
            shown[name] = _NAMES[name](value).name
        elif name.endswith("_us"):
            shown[name.removesuffix("_us")] = show_time(value)
        else:
            shown[name] = value
    return shown


def show_list(opened: OpenOrderList, catalog: Catalog, names: dict[int, str]) -> dict[str, Any]:
    return {
        "list_id": opened.list_id,
        "account": names[opened.account],
        "market": catalog.markets[opened.market].symbol,
        "kind": ListKind(opened.kind).name,
        "client_list_id": opened.client_list_id,
        "orders": opened.orders,
        "accepted": show_time(opened.accepted_us),
    }
