"""From the parameters of a new order to what the engine takes; every rule that needs no book and no balance.

A plain LIMIT, LIMIT_MAKER or MARKET order has no terms and takes the short way through `read_ticket`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.domain import money
from tandem.domain.errors import ApiError, api_error
from tandem.domain.operation import Args
from tandem.domain.trading import OrderKind, PegPrice, SelfTradePrevention, Side, TimeInForce
from tandem.platform.engine import Terms
from tandem.trading.listings import Listing

Leg = tuple[int, int, int, int, int, int, str, int, int | None, int | None, Terms | None]
"""`Engine.place_order`'s arguments after account and market, in its order."""
NewId = Callable[[], str]

ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
    "LIMIT_MAKER",
)
STP_MODES = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
PEG_PRICES = {"PRIMARY_PEG": int(PegPrice.PRIMARY), "MARKET_PEG": int(PegPrice.MARKET)}
PEG_OFFSET_MAX = 100
STRATEGY_TYPE_MIN = 1_000_000
DELTA_MAX_ABOVE, DELTA_MAX_BELOW = 1_000_000, 10_000
"""Largest trailing delta the engine takes where the trigger is above and below the market, in basis points."""

KINDS = {kind.name: int(kind) for kind in OrderKind}
SIDES = {side.name: int(side) for side in Side}
_TIFS = {tif.name: int(tif) for tif in TimeInForce}
_STPS = {mode.name: int(mode) for mode in SelfTradePrevention}
_LIMIT, _LIMIT_MAKER, _MARKET = int(OrderKind.LIMIT), int(OrderKind.LIMIT_MAKER), int(OrderKind.MARKET)
_STOP_LOSSES = (int(OrderKind.STOP_LOSS), int(OrderKind.STOP_LOSS_LIMIT))
_WORKS_AS = tuple(int(kind.works_as) for kind in OrderKind)
_GTC = int(TimeInForce.GTC)
_BUY = int(Side.BUY)

_TERMS = ("stopPrice", "trailingDelta", "icebergQty", "pegPriceType", "pegOffsetType", "pegOffsetValue")
_NOT_PLAIN = {
    _LIMIT: frozenset(("quoteOrderQty", *_TERMS)),
    _LIMIT_MAKER: frozenset(("timeInForce", "quoteOrderQty", *_TERMS)),
    _MARKET: frozenset(("timeInForce", "price", *_TERMS)),
}
"""With one of these an order is not plain, or wrong."""
TRIGGERS = ("stopPrice", "trailingDelta")
NEEDED = (
    ("timeInForce", "quantity", "price"),
    ("quantity", "price"),
    ("quantity",),
    ("quantity",),
    ("timeInForce", "quantity", "price"),
    ("quantity",),
    ("timeInForce", "quantity", "price"),
)
"""By kind. A pegged order needs no price, a contingent one also needs one of `TRIGGERS`."""
_AS_MARKET = ("timeInForce", "price", "quoteOrderQty", "icebergQty")
FORBIDDEN: tuple[tuple[str, ...], ...] = (
    ("quoteOrderQty", *TRIGGERS),
    ("timeInForce", "quoteOrderQty", *TRIGGERS),
    ("timeInForce", "price", *TRIGGERS, "icebergQty"),
    _AS_MARKET,
    ("quoteOrderQty",),
    _AS_MARKET,
    ("quoteOrderQty",),
)
"""By kind."""


@dataclass(frozen=True, slots=True)
class Form:
    """One order among the parameters of a request: what its fields are called there, and what is special about it."""

    wire: Mapping[str, str] = field(default_factory=dict)
    """From the name that the field has for a single order, where it is another."""
    missing: str = "MANDATORY_PARAM_EMPTY_OR_MALFORMED"
    hasty_iceberg: str = "PARAM_NOT_REQUIRED"
    """The error for an iceberg that does not stay."""
    sells_proceeds: bool = False
    """Its quantity is what another order buys."""

    def name(self, field_name: str) -> str:
        return self.wire.get(field_name, field_name)

    def lacks(self, field_name: str) -> ApiError:
        return api_error(self.missing, self.name(field_name))

    def pick(self, args: Args) -> dict[str, Any]:
        """The fields of this order, called as those of a single one; not for `SINGLE`."""
        return {own: args[name] for own, name in self.wire.items() if name in args}


SINGLE = Form()


def read_ticket(args: Args, listing: Listing, new_client_id: NewId) -> Leg:
    """Raises ApiError. `new_client_id` is asked when the client named none."""
    kind = KINDS[args["type"]]
    if kind > _MARKET or not _NOT_PLAIN[kind].isdisjoint(args):
        return read_leg(args, SINGLE, SIDES[args["side"]], read_stp(args), listing, new_client_id)
    if kind == _MARKET:
        tif, price = _GTC, 0
        qty, quote_qty = _market_amounts(args, listing)
    else:
        for name in NEEDED[kind]:
            if name not in args:
                raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", name)
        tif = _TIFS[args["timeInForce"]] if kind == _LIMIT else _GTC
        price = read_number("price", args["price"], listing.quote_decimals)
        qty = read_number("quantity", args["quantity"], listing.base_decimals)
        quote_qty = 0
    if not (price or kind == _MARKET) or not (qty or quote_qty):
        _refuse_zero(price, qty, kind, listing)
    return (
        SIDES[args["side"]],
        kind,
        tif,
        price,
        qty,
        quote_qty,
        args.get("newClientOrderId") or new_client_id(),
        read_stp(args),
        args.get("strategyId"),
        args.get("strategyType"),
        None,
    )


def read_leg(
    fields: Args,
    form: Form,
    side: int,
    stp: int,
    listing: Listing,
    new_client_id: NewId,
    *,
    use_sor: bool = False,
) -> Leg:
    """Any order, single or of a list. Raises ApiError."""
    kind = KINDS[fields["type"]]
    _check_fields(kind, fields, form)
    tif = _TIFS[fields["timeInForce"]] if "timeInForce" in fields else _GTC
    price, qty, quote_qty = _amounts(kind, fields, form, listing)
    terms = _terms(kind, side, fields, form, listing, use_sor=use_sor)
    return (
        side,
        kind,
        tif,
        price,
        qty,
        quote_qty,
        fields.get("newClientOrderId") or new_client_id(),
        stp,
        fields.get("strategyId"),
        fields.get("strategyType"),
        terms,
    )


def read_stp(args: Args) -> int:
    """The mode's number; -1: the market's default."""
    mode = args.get("selfTradePreventionMode")
    return -1 if mode is None else _STPS[mode]


def read_number(name: str, text: str, decimals: int) -> int:
    """Minor units. Raises ApiError naming the parameter."""
    try:
        return money.parse(text, decimals)
    except money.TooPrecise:
        raise api_error("BAD_PRECISION", name) from None
    except money.TooLarge:
        raise api_error("PARAM_OVERFLOW", name) from None
    except money.IllegalNumber:
        raise api_error("ILLEGAL_CHARS", name, money.LEGAL_NUMBER) from None


def _check_fields(kind: int, fields: Args, form: Form) -> None:
    for name in NEEDED[kind]:
        if name in fields or (name == "price" and "pegPriceType" in fields):
            continue
        if name == "quantity" and (form.sells_proceeds or "quoteOrderQty" in fields):
            continue
        if kind == _MARKET and form is SINGLE:
            raise api_error(form.missing, "quantity", "quoteOrderQty")
        raise form.lacks(name)
    if kind > _MARKET and "stopPrice" not in fields and "trailingDelta" not in fields:
        raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", form.name("stopPrice"), form.name("trailingDelta"))
    for name in FORBIDDEN[kind]:
        if name in fields:
            raise api_error("PARAM_NOT_REQUIRED", form.name(name))
    if "icebergQty" in fields and fields.get("timeInForce", "GTC") != "GTC":
        raise api_error(form.hasty_iceberg, form.name("icebergQty"))


def _amounts(kind: int, fields: Args, form: Form, listing: Listing) -> tuple[int, int, int]:
    """Price, quantity and quote amount; 0 for what is not given."""
    if kind == _MARKET and form is SINGLE:
        qty, quote_qty = _market_amounts(fields, listing)
        price = 0
    else:
        price = _number("price", fields, form, listing.quote_decimals)
        qty = _number("quantity", fields, form, listing.base_decimals)
        quote_qty = 0
    is_priced = price or "pegPriceType" in fields or _WORKS_AS[kind] == _MARKET
    if not is_priced or not (qty or quote_qty or form.sells_proceeds):
        _refuse_zero(price, qty, kind, listing)
    return price, qty, quote_qty


def _number(name: str, fields: Args, form: Form, decimals: int) -> int:
    text = fields.get(name)
    return 0 if text is None else read_number(form.name(name), text, decimals)


def _market_amounts(args: Args, listing: Listing) -> tuple[int, int]:
    quantity, quote = args.get("quantity"), args.get("quoteOrderQty")
    if quote is None:
        if quantity is None:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "quantity", "quoteOrderQty")
        return read_number("quantity", quantity, listing.base_decimals), 0
    if quantity is not None:
        raise api_error("PARAM_NOT_REQUIRED", "quoteOrderQty")
    return 0, read_number("quoteOrderQty", quote, listing.quote_decimals)


def _terms(kind: int, side: int, fields: Args, form: Form, listing: Listing, *, use_sor: bool) -> Terms | None:
    stop_price = _number("stopPrice", fields, form, listing.quote_decimals)
    if not stop_price and "stopPrice" in fields:
        raise api_error("FILTER_FAILURE", "PRICE_FILTER")
    delta = fields.get("trailingDelta", 0)
    if "trailingDelta" in fields:
        is_above = (kind in _STOP_LOSSES) == (side == _BUY)
        if not 0 < delta <= (DELTA_MAX_ABOVE if is_above else DELTA_MAX_BELOW):
            raise api_error("FILTER_FAILURE", "TRAILING_DELTA")
    iceberg_qty = _number("icebergQty", fields, form, listing.base_decimals)
    if not iceberg_qty and "icebergQty" in fields:
        raise api_error("FILTER_FAILURE", "LOT_SIZE")
    peg_price, peg_offset = _peg(fields, form)
    if not (stop_price or delta or iceberg_qty or peg_price >= 0 or use_sor):
        return None
    return Terms(
        stop_price=stop_price,
        trailing_delta=delta,
        iceberg_qty=iceberg_qty,
        peg_price=peg_price,
        peg_offset=peg_offset,
        use_sor=use_sor,
    )


def _peg(fields: Args, form: Form) -> tuple[int, int]:
    price, offset = fields.get("pegPriceType"), fields.get("pegOffsetValue")
    if (offset is None) != ("pegOffsetType" not in fields):
        both = f"{form.name('pegOffsetType')}, {form.name('pegOffsetValue')}"
        raise api_error("FIELDS_MUST_GO_TOGETHER", both)
    if price is None:
        if offset is not None:
            raise api_error("PARAM_NOT_REQUIRED", form.name("pegOffsetType"))
        return -1, -1
    return PEG_PRICES[price], -1 if offset is None else offset


def _refuse_zero(price: int, qty: int, kind: int, listing: Listing) -> None:
    """A zero fails the filter whose minimum it misses; where that is off, the product is what is wrong."""
    rules = listing.market.rules
    if _WORKS_AS[kind] != _MARKET and not price and rules.price_min:
        raise api_error("FILTER_FAILURE", "PRICE_FILTER")
    if kind != _MARKET and not qty and rules.qty_min:
        raise api_error("FILTER_FAILURE", "LOT_SIZE")
    raise api_error("NOTIONAL_ZERO")
