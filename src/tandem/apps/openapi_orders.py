"""What an order needs, may have and must not have, by its type: told from the tables that requests are judged by.

A list's orders are told one by one, under the names that their fields have in the request.
"""

from collections.abc import Iterator
from functools import cache

from tandem.apps.openapi_parameters import LEGS
from tandem.domain.errors import ApiError
from tandem.domain.operation import Operation
from tandem.domain.trading import OrderKind
from tandem.trading import list_tickets as lists
from tandem.trading.service import ROUTED_TYPES
from tandem.trading.tickets import FORBIDDEN, KINDS, NEEDED, ORDER_TYPES, SINGLE, TRIGGERS, Form

_PEG = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
_FIELDS = ("timeInForce", "quantity", "quoteOrderQty", "price", *TRIGGERS, "icebergQty", *_PEG)
"""What depends on the type."""
_ALWAYS = ("newClientOrderId", "strategyId", "strategyType")
_ROUTED = ("sor/order", "sor/order/test")
_SINGLE = ("order", "order/test", "order/cancelReplace", *_ROUTED)
_WORKING, _PAYING = ("working", lists.WORKING), ("working", lists.PAYING)
_LISTS: dict[str, tuple[tuple[str, Form], ...]] = {
    "order/oco": (("limit", lists.OLD_LIMIT), ("stop", lists.OLD_STOP)),
    "orderList/oco": (("above", lists.ABOVE), ("below", lists.BELOW)),
    "orderList/oto": (_WORKING, ("pending", lists.PENDING)),
    "orderList/otoco": (_WORKING, ("pendingAbove", lists.PENDING_ABOVE), ("pendingBelow", lists.PENDING_BELOW)),
    "orderList/opo": (_PAYING, ("pending", lists.PAID)),
    "orderList/opoco": (_PAYING, ("pendingAbove", lists.PAID_ABOVE), ("pendingBelow", lists.PAID_BELOW)),
}
"""By path below /api/v3: the orders of a list, by the prefix of their parameters."""
_OLD_TYPES = {"limit": ("LIMIT_MAKER",), "stop": ("STOP_LOSS", "STOP_LOSS_LIMIT")}
"""Of orders whose type is not a parameter."""
_PROCEEDS = ("orderList/opo", "orderList/opoco")
_READING = (
    ({"pegPriceType"}, '"a or b" is at least one of them.'),
    ({"quoteOrderQty"}, "Of quantity and quoteOrderQty it is exactly one."),
    ({"icebergQty"}, "An iceberg must be GTC, if it has a timeInForce."),
    ({"pegPriceType"}, "The type and the value of a peg's offset go together, and with the peg's price type."),
)
"""How to read the tables, where some parameter is known."""


def choices(operation: Operation, name: str) -> tuple[str, ...]:
    """Those of a parameter's values that the operation takes; the others are only refused with words of their own."""
    path = _below(operation)
    if path in _PROCEEDS and name in ("workingSide", "pendingSide"):
        return ("BUY",) if name == "workingSide" else ("SELL",)
    if path in _ROUTED and name == "type":
        return ROUTED_TYPES
    for prefix, form in _LISTS.get(path, ()) if operation.http_method == "POST" else ():
        if name == form.wire.get("type"):
            return _types(operation, prefix, form)
    return next(param.choices for param in operation.params if param.name == name)


def describe(operation: Operation) -> str:
    """As CommonMark with tables; empty unless the operation places or tests orders."""
    path = _below(operation)
    if operation.http_method != "POST" or path not in (*_SINGLE, *_LISTS):
        return ""
    if path in _LISTS:
        parts = [_pair(path), *(_leg(operation, prefix, form) for prefix, form in _LISTS[path]), _reading(operation)]
        return "\n\n".join(filter(None, parts))
    sent = {param.name for param in operation.params}
    common = ", ".join(f"`{name}`" for name in (*_ALWAYS, "newOrderRespType", "selfTradePreventionMode"))
    which = "The new order" if "cancelReplaceMode" in sent else "An order"
    table = _table(operation, SINGLE, choices(operation, "type"))
    return (
        f"{which} has `symbol`, `side` and `type`, and may have {common}. By type:\n\n{table}\n\n{_reading(operation)}"
    )


def _reading(operation: Operation) -> str:
    known = {name for _prefix, form in _LISTS.get(_below(operation), ()) for name in form.wire}
    known |= {param.name for param in operation.params}
    return " ".join(sentence for names, sentence in _READING if names & known)


def _below(operation: Operation) -> str:
    return operation.path.removeprefix("/api/v3/")


def _leg(operation: Operation, prefix: str, form: Form) -> str:
    always = ", ".join(f"`{form.name(name)}`" for name in _ALWAYS)
    which = LEGS[prefix]
    return f"{which[0].upper()}{which[1:]} may have {always}. By type:\n\n" + _table(
        operation, form, _types(operation, prefix, form)
    )


def _types(operation: Operation, prefix: str, form: Form) -> tuple[str, ...]:
    """What the order of a list may be."""
    if prefix in _OLD_TYPES:
        return _OLD_TYPES[prefix]
    if not prefix.lower().endswith(("above", "below")):
        return next(param.choices for param in operation.params if param.name == form.name("type"))
    at = prefix.lower().endswith("below")
    sides = (False,) if _below(operation) in _PROCEEDS else (False, True)
    found = {pair[at] for is_buy in sides for pair in _pairs(is_buy)}
    return tuple(name for name in ORDER_TYPES if name in found)


@cache
def _pairs(is_buy: bool) -> tuple[tuple[str, str], ...]:
    """The types above and below that go together."""
    return tuple((above, below) for above in ORDER_TYPES for below in ORDER_TYPES if _is_pair(is_buy, above, below))


def _is_pair(is_buy: bool, above: str, below: str) -> bool:
    try:
        lists.check_pair(is_buy, above, below)
    except ApiError:
        return False
    return True


def _pair(path: str) -> str:
    """Which types a pair may have, by its side."""
    if path == "order/oco":
        return (
            "A LIMIT_MAKER order and a STOP_LOSS one, which is STOP_LOSS_LIMIT if `stopLimitPrice` is sent. SELL: the "
            "limit is above the market and stopPrice below; BUY: the other way round."
        )
    if not any(prefix.lower().endswith("above") for prefix, _form in _LISTS[path]):
        return ""
    sides = ((False, "SELL"),) if path in _PROCEEDS else ((False, "SELL"), (True, "BUY"))
    told = []
    for is_buy, side in sides:
        above, below = (" or ".join(dict.fromkeys(pair[at] for pair in _pairs(is_buy))) for at in (0, 1))
        told.append(f"{side}: above {above}; below {below}.")
    return "The types of the pair. " + " ".join(told)


def _table(operation: Operation, form: Form, types: tuple[str, ...]) -> str:
    rows = ["| type | needs | may have | must not have |", "|---|---|---|---|"]
    for name in types:
        cells = (", ".join(cell) for cell in rules(operation, form, name))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def rules(operation: Operation, form: Form, type_name: str) -> tuple[list[str], list[str], list[str]]:
    """Needed, possible and forbidden parameters of an order, as cells: what may stand for one is with it."""
    params = {param.name: param for param in operation.params}
    known = [name for name in _FIELDS if form.name(name) in params and (form is SINGLE or name in form.wire)]
    kind = OrderKind[type_name]
    is_market = kind.works_as is OrderKind.MARKET
    forbidden = {*FORBIDDEN[KINDS[type_name]], *(_PEG if is_market else ())}
    if form.sells_proceeds:
        forbidden.add("quantity")
    may = [name for name in known if name not in forbidden]
    is_stop_needed = kind.is_contingent and params[form.name("stopPrice")].mandatory
    groups = [[name for name in group if name in may] for group in _needed(kind, is_stop_needed) if group[0] in may]
    needed = {name for group in groups for name in group}

    def show(names: list[str]) -> str:
        return " or ".join(f"`{form.name(name)}`" for name in names)

    return (
        [show(group) for group in groups],
        [show([name]) for name in may if name not in needed],
        [show([name]) for name in known if name in forbidden],
    )


def _needed(kind: OrderKind, is_stop_needed: bool) -> Iterator[tuple[str, ...]]:
    """Each with what may be sent instead."""
    instead = {"price": ("pegPriceType",), "quantity": ("quoteOrderQty",) if kind is OrderKind.MARKET else ()}
    for name in NEEDED[kind]:
        yield (name, *instead.get(name, ()))
    if kind.is_contingent:
        yield TRIGGERS[:1] if is_stop_needed else TRIGGERS
