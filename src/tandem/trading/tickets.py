"""From the parameters of a new order to what the engine takes; every rule that needs no book and no balance."""

from collections.abc import Callable

from tandem.domain import money
from tandem.domain.errors import api_error, engine_reject
from tandem.domain.operation import Args
from tandem.domain.trading import OrderKind, SelfTradePrevention, Side, TimeInForce
from tandem.trading.listings import Listing

Ticket = tuple[int, int, int, int, int, int, int, str, int, int | None, int | None]
"""`Engine.place_order`'s arguments after the account, in its order."""

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

_KINDS = {kind.name: int(kind) for kind in OrderKind}
_SIDES = {side.name: int(side) for side in Side}
_TIFS = {tif.name: int(tif) for tif in TimeInForce}
_STPS = {mode.name: int(mode) for mode in SelfTradePrevention}
_LIMIT, _LIMIT_MAKER, _MARKET = int(OrderKind.LIMIT), int(OrderKind.LIMIT_MAKER), int(OrderKind.MARKET)
_GTC = int(TimeInForce.GTC)

_UNSUPPORTED = {
    "STOP_LOSS": "STOP_LOSS_NOT_SUPPORTED",
    "STOP_LOSS_LIMIT": "STOP_LOSS_LIMIT_NOT_SUPPORTED",
    "TAKE_PROFIT": "TAKE_PROFIT_NOT_SUPPORTED",
    "TAKE_PROFIT_LIMIT": "TAKE_PROFIT_LIMIT_NOT_SUPPORTED",
}
_NEVER = ("stopPrice", "trailingDelta", "icebergQty", "pegPriceType", "pegOffsetType", "pegOffsetValue")
_NEEDED = {_LIMIT: ("timeInForce", "quantity", "price"), _LIMIT_MAKER: ("quantity", "price"), _MARKET: ()}
_FORBIDDEN = {
    _LIMIT: ("quoteOrderQty", *_NEVER),
    _LIMIT_MAKER: ("timeInForce", "quoteOrderQty", *_NEVER),
    _MARKET: ("timeInForce", "price", *_NEVER),
}
_FORBIDDEN_SET = {kind: frozenset(fields) for kind, fields in _FORBIDDEN.items()}

STRATEGY_TYPE_MIN = 1_000_000
_REJECT_STP, _REJECT_PRICE, _REJECT_LOT = 19, 20, 21


def read_ticket(args: Args, listing: Listing, new_client_id: Callable[[], str]) -> Ticket:
    """Raises ApiError. `new_client_id` is asked when the client named none."""
    kind = _KINDS.get(args["type"])
    if kind is None:
        raise api_error(_UNSUPPORTED[args["type"]])
    for name in _NEEDED[kind]:
        if name not in args:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", name)
    if not _FORBIDDEN_SET[kind].isdisjoint(args):
        raise api_error("PARAM_NOT_REQUIRED", next(name for name in _FORBIDDEN[kind] if name in args))
    if kind == _MARKET:
        tif, price = _GTC, 0
        qty, quote_qty = _market_amounts(args, listing)
    else:
        tif = _TIFS[args["timeInForce"]] if kind == _LIMIT else _GTC
        price = read_number("price", args["price"], listing.quote_decimals)
        qty = read_number("quantity", args["quantity"], listing.base_decimals)
        quote_qty = 0
    if not (price or kind == _MARKET) or not (qty or quote_qty):
        _refuse_zero(price, kind, listing)
    strategy_type = args.get("strategyType")
    if strategy_type is not None and strategy_type < STRATEGY_TYPE_MIN:
        raise api_error("BAD_STRATEGY_TYPE")
    return (
        listing.id,
        _SIDES[args["side"]],
        kind,
        tif,
        price,
        qty,
        quote_qty,
        args.get("newClientOrderId") or new_client_id(),
        _stp(args),
        args.get("strategyId"),
        strategy_type,
    )


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


def _market_amounts(args: Args, listing: Listing) -> tuple[int, int]:
    quantity, quote = args.get("quantity"), args.get("quoteOrderQty")
    if quote is None:
        if quantity is None:
            raise api_error("MANDATORY_PARAM_EMPTY_OR_MALFORMED", "quantity", "quoteOrderQty")
        return read_number("quantity", quantity, listing.base_decimals), 0
    if quantity is not None:
        raise api_error("PARAM_NOT_REQUIRED", "quoteOrderQty")
    return 0, read_number("quoteOrderQty", quote, listing.quote_decimals)


def _refuse_zero(price: int, kind: int, listing: Listing) -> None:
    """A zero fails the filter whose minimum it misses; where that is off, the product is what is wrong."""
    rules = listing.market.rules
    if kind != _MARKET:
        if not price and rules.price_min:
            raise engine_reject(_REJECT_PRICE)
        if rules.qty_min:
            raise engine_reject(_REJECT_LOT)
    raise api_error("NOTIONAL_ZERO")


def _stp(args: Args) -> int:
    mode = args.get("selfTradePreventionMode")
    if mode is None:
        return -1
    number = _STPS.get(mode)
    if number is None:  # TRANSFER moves funds between accounts; no market here allows it
        raise engine_reject(_REJECT_STP)
    return number
