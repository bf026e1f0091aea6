"""A market's rules as an operator writes them."""

from typing import Any

import pytest

from tandem.admin import rules
from tandem.admin.rule_checks import complaints
from tandem.admin.rules import BadRule, Scale
from tandem.domain.trading import Feature, OrderKind
from tandem.platform.engine import MarketRules

SCALE = Scale(base=8, quote=6)
NEW = {"tickSize": "0.01", "stepSize": "0.0001"}

EVERYTHING: dict[str, Any] = {
    "tick_size": 10_000,
    "price_min": 20_000,
    "price_max": 30_000,
    "lot_size": 10_000,
    "qty_min": 20_000,
    "qty_max": 30_000,
    "market_lot_size": 20_000,
    "market_qty_min": 40_000,
    "market_qty_max": 60_000,
    "min_notional": (7, False),
    "notional": (8, False, 9, True),
    "avg_price_mins": 1,
    "max_num_orders": 11,
    "percent_price": (120_000_000, 80_000_000, 110_000_000, 90_000_000, True),
    "iceberg_parts": 12,
    "max_num_algo_orders": 13,
    "max_num_iceberg_orders": 14,
    "max_num_order_lists": 15,
    "max_num_order_amends": 16,
    "max_position": 17,
    "trailing_delta": (1, 2, 3, 4),
    "price_range": (105_000_000, 95_000_000, 0, 1),
    "reference": (10, 1_000),
    "kinds": 0b101,
    "features": 0b10,
    "permissions": 0b1001,
    "fees": (1, 2, 3, 4),
    "special_fees": (5, 6, 7, 8),
    "tax_fees": (9, 10, 11, 12),
    "discount": True,
    "stp_default": 5,
    "stp_allowed": 0b100001,
}


def fields(found: MarketRules) -> dict[str, Any]:
    return {name: getattr(found, name) for name in EVERYTHING}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"percent_price": (5, 4, 5, 4, False)},
        {"percent_price": None, "notional": None, "min_notional": None, "trailing_delta": None, "price_range": None},
        {"reference": None, "kinds": 0, "features": 0, "permissions": 0, "discount": False},
    ],
    ids=str,
)
def test_what_is_shown_reads_as_the_same_rules(change: dict[str, Any]) -> None:
    expected = EVERYTHING | change
    shown = rules.show_rules(MarketRules(**expected), SCALE)
    assert fields(rules.read_rules(shown, SCALE)) == expected


def test_every_rule_of_the_engine_can_be_written() -> None:
    names = {name for name in dir(MarketRules) if not name.startswith("_")}
    assert names == set(EVERYTHING)


def test_a_new_market_has_bounds_that_fit_its_steps() -> None:
    made = rules.new_market(NEW | {"makerRate": "0"}, SCALE)
    assert (made.tick_size, made.price_min, made.lot_size, made.qty_min) == (10_000, 10_000, 10_000, 10_000)
    assert made.fees == (0, 100_000, 0, 0)
    assert (made.max_num_iceberg_orders, made.iceberg_parts) == (5, 100)
    assert made.kinds == (1 << len(OrderKind)) - 1
    assert made.features == (1 << len(Feature)) - 1


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"tickSize": ""}, "tickSize is needed"),
        ({"minNotionl": "5"}, "no rule 'minNotionl'"),
        ({"orderTypes": "LIMIT,STOP"}, "orderTypes: 'STOP' is none of LIMIT"),
        ({"discount": "true"}, "discount: yes or no"),
        ({"trailingDelta": "1,2,3"}, "trailingDelta: give aboveMin,aboveMax,belowMin,belowMax, or off"),
        ({"percentPrice": "1.2"}, "percentPrice: give up,down, or off"),
        ({"maxNumOrders": "-1"}, "maxNumOrders: '-1' is not a whole number"),
        ({"selfTradePrevention": "MAYBE"}, "selfTradePrevention: 'MAYBE' is none of NONE"),
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_is_named(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadRule) as refused:
        rules.new_market(NEW | given, SCALE)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("key", ["minPrice", "minNotional", "plainMinNotional", "percentPrice", "rates"])
@pytest.mark.parametrize("text", ["", "1e3", "-1", "0.000000001", "9" * 30])
def test_a_number_that_cannot_be_is_refused_by_its_name(key: str, text: str) -> None:
    with pytest.raises(BadRule, match=f"^{key}: "):
        rules.new_market(NEW | {key: text}, SCALE)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"percentPriceBySide": "0.8,1.2,1.2,0.8"}, "percentPriceBySide: up comes before down"),
        ({"percentPrice": "0.2,5"}, "percentPrice: up comes before down"),
        ({"priceRange": "0.8,1.2,0,0"}, "priceRange: up comes before down"),
        ({"priceRange": "0,0.9,0,0.9"}, ""),
        ({"minQty": "2", "maxQty": "1"}, "minQty must not be above maxQty"),
        ({"minNotional": "2", "maxNotional": "1"}, "minNotional must not be above maxNotional"),
        ({"trailingDelta": "10,5,10,2000"}, "trailingDelta"),
        ({"trailingDelta": "10,2000,10,10001"}, "trailingDelta"),
        ({"marketStepSize": "0.00015"}, "marketStepSize must be a multiple of stepSize"),
        ({"selfTradePreventions": "NONE"}, "selfTradePrevention must be one of"),
        ({"icebergParts": "1001"}, "icebergParts is at most 1000"),
        ({"avgPriceMins": "61"}, "avgPriceMins is at most 60"),
        ({"referencePrice": "0,1000"}, "referencePrice: 1 to 1000 buckets"),
        ({"rates": "0.5,0.5,0,0", "taxRates": "0,0.6,0,0"}, "must not come to more than 1"),
    ],
    ids=str,
)
def test_rules_that_do_not_go_together_are_named(given: dict[str, str], complaint: str) -> None:
    found = list(complaints(rules.new_market(NEW | given, SCALE)))
    assert len(found) == bool(complaint)
    assert not complaint or complaint in found[0]


def test_one_percent_price_replaces_the_other() -> None:
    one = rules.show_rules(rules.new_market(NEW | {"percentPrice": "5,0.2"}, SCALE), SCALE)
    other = rules.merged(one, {"percentPriceBySide": "1.2,0.8,1.3,0.7"})
    assert (other["percentPrice"], other["percentPriceBySide"]) == ("off", "1.2,0.8,1.3,0.7")
    off = rules.merged(other, {"percentPriceBySide": "off"})
    assert rules.read_rules(off, SCALE).percent_price is None
