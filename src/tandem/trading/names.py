"""The API's words for the engine's numbers: `SIDES[order.side]`."""

from tandem.domain.trading import (
    CloseReason,
    CloseStatus,
    ListKind,
    OrderKind,
    PegPrice,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

SIDES = tuple(item.name for item in Side)
KINDS = tuple(item.name for item in OrderKind)
TIMES_IN_FORCE = tuple(item.name for item in TimeInForce)
STP_MODES = tuple(item.name for item in SelfTradePrevention)
CLOSE_STATUSES = tuple(item.name for item in CloseStatus)
PEG_PRICES = tuple(f"{item.name}_PEG" for item in PegPrice)
PEG_OFFSET = "PRICE_LEVEL"
CONTINGENCIES = tuple("OCO" if item is ListKind.OCO else "OTO" for item in ListKind)

_REASONLESS = (CloseReason.USER, CloseReason.SELF_TRADE, CloseReason.AMENDED)
EXPIRY_REASONS = tuple("" if item in _REASONLESS else item.name for item in CloseReason)
"""Empty where the API gives none: an order that its owner or self-trade prevention ended did not expire."""

REJECT_REASONS = {
    "balance_insufficient": "INSUFFICIENT_BALANCES",
    "would_trigger": "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    "would_take": "WOULD_MATCH_IMMEDIATELY",
    "list_prices_invalid": "OCO_BAD_PRICES",
}
"""By the engine's name for a reject; the API's streams have `NONE` for every other one."""

NEW = "NEW"
PENDING_NEW = "PENDING_NEW"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
FILLED = "FILLED"
REJECTED = "REJECTED"
CANCELED = CloseStatus.CANCELED.name
EXPIRED_IN_MATCH = CloseStatus.EXPIRED_IN_MATCH.name

FLOORS = ("EXCHANGE", "SOR")
"""`workingFloor`, by whether a routed order's last fill was an allocation."""
ONE_PARTY = "ONE_PARTY_TRADE_REPORT"
"""`matchType` of an allocation."""
LIST_STATUSES = (("ALL_DONE", "ALL_DONE"), ("EXEC_STARTED", "EXECUTING"))
"""`listStatusType` and `listOrderStatus`, by whether the list is open."""
