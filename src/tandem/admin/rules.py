"""A market's rules as an operator writes them: a flat document of texts, read and shown by one table.

`show_rules` and `read_rules` are each other's inverse: an update is the present document with some keys replaced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tandem.domain import money, permissions
from tandem.domain.commission import RATE_DECIMALS
from tandem.domain.commission import show as show_rate
from tandem.domain.trading import Feature, OrderKind, SelfTradePrevention
from tandem.platform.engine import MarketRules

OFF = "off"
PERMISSION_BITS = dict(enumerate(permissions.NAMES))


class BadRule(ValueError):
    """A key that does not exist or a value that cannot be; the message says which and what is possible."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The decimals of the market's assets."""

    base: int
    quote: int


@dataclass(frozen=True, slots=True)
class Form:
    """How a value of the engine is written."""

    read: Callable[[str, Scale], Any]
    show: Callable[[Any, Scale], str]


def _numbers(read: Callable[[str], int], show: Callable[[int], str], names: str) -> Form:
    """A group that is there as a whole or `off`."""
    parts = names.split()

    def read_group(text: str, _: Scale) -> tuple[int, ...] | None:
        if text == OFF:
            return None
        given = text.split(",")
        if len(given) != len(parts):
            raise BadRule(f"give {','.join(parts)}, or {OFF}")
        return tuple(read(part) for part in given)

    return Form(read_group, lambda value, _: OFF if value is None else ",".join(show(part) for part in value))


def names_of(bits: int, names: Mapping[int, str]) -> str:
    return ",".join(name for bit, name in names.items() if bits >> bit & 1) or OFF


def bits_of(text: str, names: Mapping[int, str]) -> int:
    """Raises BadRule."""
    numbers = {name: bit for bit, name in names.items()}
    bits = 0
    for name in () if text == OFF else text.split(","):
        if name not in numbers:
            raise BadRule(f"{name!r} is none of {', '.join(numbers)}")
        bits |= 1 << numbers[name]
    return bits


def _set(names: Mapping[int, str]) -> Form:
    return Form(lambda text, _: bits_of(text, names), lambda bits, _: names_of(bits, names))


def _members(enum: type[IntEnum]) -> dict[int, str]:
    return {int(member): member.name for member in enum}


def read_count(text: str) -> int:
    """Raises BadRule."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRule(f"{text!r} is not a whole number")
    return int(text)


def _read_flag(text: str) -> bool:
    if text not in ("yes", "no"):
        raise BadRule(f"yes or no, not {text!r}")
    return text == "yes"


def read_rate(text: str) -> int:
    return money.parse(text, RATE_DECIMALS)


def _read_mode(text: str, _: Scale) -> int:
    if text not in SelfTradePrevention.__members__:
        raise BadRule(f"{text!r} is none of {', '.join(SelfTradePrevention.__members__)}")
    return int(SelfTradePrevention[text])


_PRICE = Form(lambda text, s: money.parse(text, s.quote), lambda value, s: money.show(value, s.quote))
_QTY = Form(lambda text, s: money.parse(text, s.base), lambda value, s: money.show(value, s.base))
_COUNT = Form(lambda text, _: read_count(text), lambda value, _: str(value))
_FLAG = Form(lambda text, _: _read_flag(text), lambda value, _: "yes" if value else "no")
_RATES = _numbers(read_rate, show_rate, "maker taker buyer seller")
_BOTH = _numbers(read_rate, show_rate, "up down")
_RANGE = _numbers(read_rate, show_rate, "bidUp bidDown askUp askDown")
_MODE = Form(_read_mode, lambda value, _: SelfTradePrevention(value).name)

_PLAIN: dict[str, tuple[str, Form]] = {
    "tickSize": ("tick_size", _PRICE),
    "minPrice": ("price_min", _PRICE),
    "maxPrice": ("price_max", _PRICE),
    "stepSize": ("lot_size", _QTY),
    "minQty": ("qty_min", _QTY),
    "maxQty": ("qty_max", _QTY),
    "marketStepSize": ("market_lot_size", _QTY),
    "marketMinQty": ("market_qty_min", _QTY),
    "marketMaxQty": ("market_qty_max", _QTY),
    "avgPriceMins": ("avg_price_mins", _COUNT),
    "maxNumOrders": ("max_num_orders", _COUNT),
    "maxNumAlgoOrders": ("max_num_algo_orders", _COUNT),
    "maxNumIcebergOrders": ("max_num_iceberg_orders", _COUNT),
    "maxNumOrderLists": ("max_num_order_lists", _COUNT),
    "maxNumOrderAmends": ("max_num_order_amends", _COUNT),
    "icebergParts": ("iceberg_parts", _COUNT),
    "maxPosition": ("max_position", _QTY),
    "trailingDelta": ("trailing_delta", _numbers(read_count, str, "aboveMin aboveMax belowMin belowMax")),
    "priceRange": ("price_range", _RANGE),
    "referencePrice": ("reference", _numbers(read_count, str, "buckets widthMs")),
    "orderTypes": ("kinds", _set(_members(OrderKind))),
    "features": ("features", _set(_members(Feature))),
    "permissions": ("permissions", _set(PERMISSION_BITS)),
    "rates": ("fees", _RATES),
    "specialRates": ("special_fees", _RATES),
    "taxRates": ("tax_fees", _RATES),
    "discount": ("discount", _FLAG),
    "selfTradePrevention": ("stp_default", _MODE),
    "selfTradePreventions": ("stp_allowed", _set(_members(SelfTradePrevention))),
}
_NOTIONAL = ("minNotional", "applyMinToMarket", "maxNotional", "applyMaxToMarket")
_MIN_NOTIONAL = ("plainMinNotional", "plainApplyToMarket")
_PERCENT = ("percentPrice", "percentPriceBySide")
_SHORT = {"makerRate": 0, "takerRate": 1}
"""For the two rates that most markets have."""

KEYS = (*_PLAIN, *_NOTIONAL, *_MIN_NOTIONAL, *_PERCENT, *_SHORT)


def new_market(given: Mapping[str, str], scale: Scale) -> MarketRules:
    """What is not given has a default that fits the tick and the step. Raises BadRule."""
    for key in ("tickSize", "stepSize"):
        if not given.get(key):
            raise BadRule(f"{key} is needed")
    tick, step = _value("tickSize", given["tickSize"], scale), _value("stepSize", given["stepSize"], scale)
    document = show_rules(MarketRules(tick_size=tick, lot_size=step), scale) | {
        "minPrice": money.show(tick, scale.quote),
        "maxPrice": money.show(tick * 100_000_000, scale.quote),
        "minQty": money.show(step, scale.base),
        "maxQty": money.show(step * 1_000_000_000, scale.base),
        "rates": "0.001,0.001,0,0",
        "selfTradePrevention": "EXPIRE_MAKER",
        "trailingDelta": "10,2000,10,2000",
        "maxNumIcebergOrders": "5",
    }
    return read_rules(merged(document, given), scale)


def merged(document: dict[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Raises BadRule for a key that does not exist."""
    document = dict(document)
    for key, text in given.items():
        if key not in KEYS:
            raise BadRule(f"no rule {key!r}; there are {', '.join(KEYS)}")
        if key in _SHORT:
            rates = document["rates"].split(",")
            rates[_SHORT[key]] = text
            document["rates"] = ",".join(rates)
        elif key in _PERCENT and text != OFF:
            document |= dict.fromkeys(_PERCENT, OFF) | {key: text}
        else:
            document[key] = text
    return document


def _value(key: str, text: str, scale: Scale) -> Any:
    return _read(key, _PLAIN[key][1], text, scale)


def _read(key: str, form: Form, text: str, scale: Scale) -> Any:
    try:
        return form.read(text, scale)
    except BadRule as error:
        raise BadRule(f"{key}: {error}") from None
    except money.TooPrecise:
        raise BadRule(f"{key}: {text!r} has more decimals than its asset") from None
    except money.TooLarge:
        raise BadRule(f"{key}: {text!r} is more than the engine takes") from None
    except money.IllegalNumber:
        raise BadRule(f"{key}: {text!r} is not a decimal number") from None


def read_rules(document: Mapping[str, str], scale: Scale) -> MarketRules:
    """A whole document. Raises BadRule."""
    fields = {field: _value(key, document[key], scale) for key, (field, _) in _PLAIN.items()}
    low, at_market, high, high_at_market = (
        _read(key, form, document[key], scale) for key, form in zip(_NOTIONAL, (_PRICE, _FLAG) * 2, strict=True)
    )
    plain, plain_at_market = (
        _read(key, form, document[key], scale) for key, form in zip(_MIN_NOTIONAL, (_PRICE, _FLAG), strict=True)
    )
    return MarketRules(
        **fields,
        notional=(low, at_market, high, high_at_market) if low or high else None,
        min_notional=(plain, plain_at_market) if plain else None,
        percent_price=_read_percent(document, scale),
    )


def _read_percent(document: Mapping[str, str], scale: Scale) -> tuple[int, int, int, int, bool] | None:
    by_side = _read("percentPriceBySide", _RANGE, document["percentPriceBySide"], scale)
    if by_side is not None:
        return (*by_side, True)
    if document["percentPrice"] == OFF:
        return None
    up, down = _read("percentPrice", _BOTH, document["percentPrice"], scale)
    return up, down, up, down, False


def show_rules(rules: MarketRules, scale: Scale) -> dict[str, str]:
    """Every rule but the short names, in the order of the table."""
    shown = {key: form.show(getattr(rules, field), scale) for key, (field, form) in _PLAIN.items()}
    low, at_market, high, high_at_market = rules.notional or (0, True, 0, False)
    plain, plain_at_market = rules.min_notional or (0, True)
    values: tuple[tuple[str, Form, Any], ...] = (
        ("minNotional", _PRICE, low),
        ("applyMinToMarket", _FLAG, at_market),
        ("maxNotional", _PRICE, high),
        ("applyMaxToMarket", _FLAG, high_at_market),
        ("plainMinNotional", _PRICE, plain),
        ("plainApplyToMarket", _FLAG, plain_at_market),
    )
    shown |= {key: form.show(value, scale) for key, form, value in values}
    shown |= dict.fromkeys(_PERCENT, OFF)
    if rules.percent_price is not None:
        *parts, by_side = rules.percent_price
        key, shown_parts = ("percentPriceBySide", parts) if by_side else ("percentPrice", parts[:2])
        shown[key] = ",".join(show_rate(part) for part in shown_parts)
    return shown
