"""The closed sets of the API and their numbers in the engine (`engine/core/src/types.rs`)."""

from enum import IntEnum


class Side(IntEnum):
    BUY = 0
    SELL = 1


class OrderKind(IntEnum):
    LIMIT = 0
    LIMIT_MAKER = 1
    MARKET = 2


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


class CloseReason(IntEnum):
    USER = 0
    UNFILLED_IOC_QUANTITY_EXPIRED = 1
    UNFILLED_FOK_ORDER_EXPIRED = 2
    INSUFFICIENT_LIQUIDITY = 3
    SELF_TRADE = 4


FEE_ACCOUNT = 0
"""The account that collects commissions."""

ENGINE_MAX = 2**63 - 1
"""Largest price or quantity the engine takes, in minor units."""
