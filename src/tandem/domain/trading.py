"""The closed sets of the API and their numbers in the engine (`engine/core/src/types.rs`)."""

from enum import IntEnum


class Side(IntEnum):
    BUY = 0
    SELL = 1


class OrderKind(IntEnum):
    LIMIT = 0
    LIMIT_MAKER = 1
    MARKET = 2
    STOP_LOSS = 3
    STOP_LOSS_LIMIT = 4
    TAKE_PROFIT = 5
    TAKE_PROFIT_LIMIT = 6

    @property
    def is_contingent(self) -> bool:
        """Whether it waits for a trigger before it works."""
        return self >= OrderKind.STOP_LOSS

    @property
    def works_as(self) -> "OrderKind":
        """What it is once it works: LIMIT, LIMIT_MAKER or MARKET."""
        return WORKS_AS[self]


WORKS_AS = (
    OrderKind.LIMIT,
    OrderKind.LIMIT_MAKER,
    OrderKind.MARKET,
    OrderKind.MARKET,
    OrderKind.LIMIT,
    OrderKind.MARKET,
    OrderKind.LIMIT,
)
"""By kind."""


class TimeInForce(IntEnum):
    GTC = 0
    IOC = 1
    FOK = 2


class SelfTradePrevention(IntEnum):
    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3
    DECREMENT = 4
    TRANSFER = 5


class MarketStatus(IntEnum):
    TRADING = 0
    HALT = 1
    BREAK = 2
    CANCEL_ONLY = 3
    END_OF_DAY = 4


class CloseStatus(IntEnum):
    CANCELED = 0
    EXPIRED = 1
    EXPIRED_IN_MATCH = 2


OPEN_STATUSES = ("NEW", "PENDING_NEW", "PARTIALLY_FILLED")
"""As the API names them: what an order that has not ended may be."""


class CloseReason(IntEnum):
    """Named as the API's `expiryReason`, where it has one."""

    USER = 0
    UNFILLED_IOC_QUANTITY_EXPIRED = 1
    UNFILLED_FOK_ORDER_EXPIRED = 2
    INSUFFICIENT_LIQUIDITY = 3
    SELF_TRADE = 4
    REJECTED = 5
    OCO_TRIGGER = 6
    OTO_PHASE_ONE_EXPIRED = 7
    EXECUTION_RULE_PRICE_RANGE_EXCEEDED = 8
    EXCHANGE_CANCELED = 9
    AMENDED = 10


class OrderState(IntEnum):
    """Where an open order is."""

    WORKING = 0
    WAITING = 1
    """For its trigger."""
    PENDING = 2
    """For the working order of its list."""


class ReleaseCause(IntEnum):
    """Why an order that waited goes on."""

    TRIGGERED = 0
    ACTIVATED = 1


class PegPrice(IntEnum):
    """Which best price a pegged order takes: of its own side, or of the opposite side."""

    PRIMARY = 0
    MARKET = 1


class ListKind(IntEnum):
    OCO = 0
    OTO = 1
    OTOCO = 2
    OPO = 3
    OPOCO = 4


class CancelRestriction(IntEnum):
    """What must hold for an order to be canceled."""

    ONLY_NEW = 0
    ONLY_PARTIALLY_FILLED = 1


class ReplaceMode(IntEnum):
    """Whether a new order is placed although the cancel before it failed."""

    STOP_ON_FAILURE = 0
    ALLOW_FAILURE = 1


class Feature(IntEnum):
    """What a market has beyond plain orders; bit `1 << number` of the rules' `features`."""

    ICEBERG = 0
    OCO = 1
    OTO = 2
    OPO = 3
    TRAILING = 4
    CANCEL_REPLACE = 5
    AMEND = 6
    PEG = 7
    QUOTE_QTY_MARKET = 8


FEE_ACCOUNT = 0
"""The account that collects commissions."""

ENGINE_MAX = 2**63 - 1
"""Largest price or quantity the engine takes, in minor units."""

PERMISSION_SPOT = 1
"""Permission bit 0; what a new account has."""
