"""Which of a market's rules do not go together. The engine refuses them too, but cannot say which."""

from collections.abc import Iterator

from tandem.domain.commission import RATE_DECIMALS
from tandem.platform.engine import MarketRules

RATE_ONE = 10**RATE_DECIMALS
AVERAGE_MINUTES_MAX = 60
PARTS_MAX = 1_000
BUCKETS_MAX = 1_000
BUCKET_MS_MAX = 3_600_000


def complaints(rules: MarketRules) -> Iterator[str]:
    """By the names that `tandem.admin.rules` has for them."""
    yield from _bounds(rules)
    yield from _multiples(rules)
    yield from _numbers(rules)
    if rules.market_lot_size % rules.lot_size:
        yield "marketStepSize must be a multiple of stepSize"
    if not rules.stp_allowed >> rules.stp_default & 1:
        yield "selfTradePrevention must be one of selfTradePreventions"
    rates = (rules.fees, rules.special_fees, rules.tax_fees)
    if sum(max(maker, taker) + max(buyer, seller) for maker, taker, buyer, seller in rates) > RATE_ONE:
        yield "rates, specialRates and taxRates must not come to more than 1 together"


def _bounds(rules: MarketRules) -> Iterator[str]:
    low_notional, high_notional = (rules.notional[0], rules.notional[2]) if rules.notional else (0, 0)
    pairs = (
        ("minPrice", rules.price_min, "maxPrice", rules.price_max),
        ("minQty", rules.qty_min, "maxQty", rules.qty_max),
        ("marketMinQty", rules.market_qty_min, "marketMaxQty", rules.market_qty_max),
        ("minNotional", low_notional, "maxNotional", high_notional),
    )
    for low_name, low, high_name, high in pairs:
        if high and low > high:
            yield f"{low_name} must not be above {high_name}"
    if rules.trailing_delta is not None:
        above_min, above_max, below_min, below_max = rules.trailing_delta
        if not (1 <= above_min <= above_max <= 1_000_000 and 1 <= below_min <= below_max <= 10_000):
            yield "trailingDelta: each minimum is 1 or more and not above its maximum; below at most 10000"


def _multiples(rules: MarketRules) -> Iterator[str]:
    if rules.percent_price is not None:
        *sides, by_side = rules.percent_price
        bid_up, bid_down, ask_up, ask_down = sides
        if bid_down > bid_up or ask_down > ask_up:
            yield f"percentPrice{'BySide' if by_side else ''}: up comes before down, and must not be below it"
    if rules.price_range is not None:
        bid_up, bid_down, ask_up, ask_down = rules.price_range
        if 0 < bid_up < bid_down or 0 < ask_up < ask_down:
            yield "priceRange: up comes before down, and must not be below it"


def _numbers(rules: MarketRules) -> Iterator[str]:
    if rules.avg_price_mins > AVERAGE_MINUTES_MAX:
        yield f"avgPriceMins is at most {AVERAGE_MINUTES_MAX}"
    if rules.iceberg_parts > PARTS_MAX:
        yield f"icebergParts is at most {PARTS_MAX}"
    if rules.reference is not None:
        buckets, width_ms = rules.reference
        if not (1 <= buckets <= BUCKETS_MAX and 1 <= width_ms <= BUCKET_MS_MAX):
            yield f"referencePrice: 1 to {BUCKETS_MAX} buckets of 1 to {BUCKET_MS_MAX} ms"
