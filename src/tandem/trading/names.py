"""The API's words for the engine's numbers: `SIDES[order.side]`."""

from tandem.domain.trading import (
    CloseReason,
    CloseStatus,
    OrderKind,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

SIDES = tuple(item.name for item in Side)
KINDS = tuple(item.name for item in OrderKind)
TIMES_IN_FORCE = tuple(item.name for item in TimeInForce)
STP_MODES = tuple(item.name for item in SelfTradePrevention)
CLOSE_STATUSES = tuple(item.name for item in CloseStatus)

EXPIRY_REASONS = tuple("" if item in (CloseReason.USER, CloseReason.SELF_TRADE) else item.name for item in CloseReason)
"""Empty where the API gives none: an order that its owner or self-trade prevention ended did not expire."""

NEW = "NEW"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
FILLED = "FILLED"
CANCELED = CloseStatus.CANCELED.name
EXPIRED_IN_MATCH = CloseStatus.EXPIRED_IN_MATCH.name
