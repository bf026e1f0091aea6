"""The API's JSON for orders, as they are placed, canceled and asked for, assembled as text.

Texts from outside need no escaping: client ids are letters, digits, `-` and `_` by the engine's own check, and symbols
and asset codes come from `Listing` as JSON already.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from tandem.domain.trading import CloseReason, OrderKind, OrderState, SelfTradePrevention
from tandem.platform.engine import (
    Allocated,
    Event,
    OrderAccepted,
    OrderClosed,
    OrderExtra,
    OrderReleased,
    SelfTradePrevented,
    Traded,
    TrailingStarted,
)
from tandem.trading import names
from tandem.trading.listings import Listing
from tandem.trading.records import Amendment, Extra, Order

ShowTime = Callable[[int], int]
"""Microseconds to the unit that the client asked for."""

ACK, RESULT, FULL = "ACK", "RESULT", "FULL"
DEFAULT_STYLE = {"LIMIT": FULL, "MARKET": FULL}
"""By order type; ACK for the others."""

_BOTH = (SelfTradePrevention.EXPIRE_BOTH, SelfTradePrevention.DECREMENT, SelfTradePrevention.TRANSFER)
_TAKER_LOSES = (SelfTradePrevention.EXPIRE_TAKER, *_BOTH)
_MAKER_LOSES = (SelfTradePrevention.EXPIRE_MAKER, *_BOTH)
_STOP_LOSS = int(OrderKind.STOP_LOSS)
_WORKING, _PENDING = int(OrderState.WORKING), int(OrderState.PENDING)
_REJECTED = int(CloseReason.REJECTED)


class _Strategy(Protocol):
    @property
    def strategy_id(self) -> int | None: ...
    @property
    def strategy_type(self) -> int | None: ...


class _Amounts(Protocol):
    """What the extra of an event and the extra of an order have in common."""

    @property
    def stop_price(self) -> int: ...
    @property
    def trailing_delta(self) -> int: ...
    @property
    def iceberg_qty(self) -> int: ...
    @property
    def peg_price(self) -> int: ...
    @property
    def peg_offset(self) -> int: ...
    @property
    def pegged_price(self) -> int: ...


def _strategy(order: _Strategy) -> str:
    text = ""
    if order.strategy_id is not None:
        text = f',"strategyId":{order.strategy_id}'
    if order.strategy_type is not None:
        text += f',"strategyType":{order.strategy_type}'
    return text


def _prevention(match_id: int, quantity: str) -> str:
    """The match is unknown (-1) when it was before the snapshot that this process started from."""
    match = f',"preventedMatchId":{match_id}' if match_id >= 0 else ""
    return f'{match},"preventedQuantity":"{quantity}"'


def _quantity(qty: int, listing: Listing) -> str:
    """0 until a pending order knows what it sells, and then it is not shown."""
    return f'"origQty":"{listing.show_qty(qty)}",' if qty else ""


def _trailing(delta: int, since_us: int, show_time: ShowTime) -> str:
    if not delta:
        return ""
    return f',"trailingDelta":{delta},"trailingTime":{_time(since_us, show_time)}'


def _time(us: int, show_time: ShowTime) -> int:
    return show_time(us) if us >= 0 else -1


def _pegged(extra: _Amounts, listing: Listing) -> str:
    if extra.peg_price < 0:
        return ""
    text = f',"pegPriceType":"{names.PEG_PRICES[extra.peg_price]}"'
    if extra.peg_offset >= 0:
        text += f',"pegOffsetType":"{names.PEG_OFFSET}","pegOffsetValue":{extra.peg_offset}'
    return f'{text},"peggedPrice":"{listing.show_quote(extra.pegged_price)}"' if extra.pegged_price else text


def _routed(is_routed: bool) -> str:
    return f',"workingFloor":"{names.FLOORS[is_routed]}","usedSor":true'


# --- placing


class _Outcome:
    """What became of an order on its way in.

    Its command's events may also tell of other orders, of the account's own too, and after its own of orders that it
    released, of which some may take from it in their turn. That is later, and no part of its answer.
    """

    __slots__ = (
        "expiry_reason",
        "filled",
        "fills",
        "is_routed",
        "last_match_id",
        "matches",
        "prevented",
        "spent",
        "status",
        "trade_group",
        "trailing_us",
    )

    def __init__(self, status: str) -> None:
        self.status = status
        self.filled = 0
        self.spent = 0
        self.prevented = 0
        self.last_match_id = -1
        self.trade_group: int | None = None
        self.trailing_us = -1
        self.is_routed = False
        self.expiry_reason = ""
        self.fills: list[str] = []
        self.matches: list[str] = []

    def take(self, events: Sequence[Event], order_id: int, time_us: int, listing: Listing) -> None:
        for event in events:
            if type(event) is Traded:
                if event.taker_order == order_id and not event.is_routed:
                    self._fill(event, listing)
            elif type(event) is Allocated:
                if event.order_id == order_id:
                    self._allocate(event, listing)
            elif type(event) is SelfTradePrevented:
                if event.taker_order == order_id:
                    self._prevent(event, listing)
            elif type(event) is OrderClosed:
                if event.order_id == order_id and event.reason != _REJECTED:
                    self.status = names.CLOSE_STATUSES[event.status]
                    self.expiry_reason = names.EXPIRY_REASONS[event.reason]
            elif type(event) is TrailingStarted:
                if event.order_id == order_id:
                    self.trailing_us = time_us
            elif type(event) is OrderReleased:
                break

    def _fill(self, trade: Traded, listing: Listing) -> None:
        self.filled += trade.qty
        self.spent += trade.quote_amount
        self.is_routed = False
        self.status = names.PARTIALLY_FILLED if trade.taker_left else names.FILLED
        self.fills.append(
            f'{{"price":"{listing.show_quote(trade.price)}","qty":"{listing.show_qty(trade.qty)}"'
            f',"commission":"{listing.show_fee(trade.taker_fee_asset, trade.taker_fee)}"'
            f',"commissionAsset":{listing.fee_asset_json(trade.taker_fee_asset)},"tradeId":{trade.trade_id}}}'
        )

    def _allocate(self, fill: Allocated, listing: Listing) -> None:
        self.filled += fill.qty
        self.spent += fill.quote_amount
        self.is_routed = True
        self.status = names.PARTIALLY_FILLED if fill.left else names.FILLED
        self.fills.append(
            f'{{"matchType":"{names.ONE_PARTY}","price":"{listing.show_quote(fill.price)}"'
            f',"qty":"{listing.show_qty(fill.qty)}"'
            f',"commission":"{listing.show_fee(fill.fee_asset, fill.fee)}"'
            f',"commissionAsset":{listing.fee_asset_json(fill.fee_asset)},"tradeId":-1'
            f',"allocId":{fill.allocation_id}}}'
        )

    def _prevent(self, event: SelfTradePrevented, listing: Listing) -> None:
        self.prevented += event.taker_prevented
        self.last_match_id = event.prevented_match_id
        self.trade_group = event.trade_group
        is_foreign = event.maker_market != event.market
        maker = f',"makerSymbol":{listing.symbol_of(event.maker_market)}' if is_foreign else ""
        self.matches.append(
            f'{{"preventedMatchId":{event.prevented_match_id}{maker},"makerOrderId":{event.maker_order}'
            f',"price":"{listing.show_quote(event.price)}"{losses(event, listing)}}}'
        )


def losses(event: SelfTradePrevented, listing: Listing) -> str:
    text = ""
    if event.mode in _TAKER_LOSES:
        text = f',"takerPreventedQuantity":"{listing.show_qty(event.taker_prevented)}"'
    if event.mode in _MAKER_LOSES:
        text += f',"makerPreventedQuantity":"{listing.show_qty(event.maker_prevented)}"'
    return text


def placed(
    accepted: OrderAccepted,
    events: Sequence[Event],
    time_us: int,
    listing: Listing,
    style: str,
    show_time: ShowTime,
) -> str:
    """The answer to placing an order: the state right after it came in, whatever happened to it since."""
    extra = accepted.extra
    time = show_time(time_us)
    head = (
        f'{{"symbol":{listing.symbol_json},"orderId":{accepted.order_id}'
        f',"orderListId":{-1 if extra is None else extra.list_id}'
        f',"clientOrderId":"{accepted.client_order_id}","transactTime":{time}'
    )
    if style == ACK:
        return f"{head}}}"
    is_pending = extra is not None and extra.state == _PENDING
    outcome = _Outcome(names.PENDING_NEW if is_pending else names.NEW)
    if len(events) > 1:
        outcome.take(events, accepted.order_id, time_us, listing)
    conditional = _strategy(accepted)
    if extra is not None:
        conditional += _placed_extra(accepted.kind, extra, outcome, listing, show_time)
    if outcome.prevented:
        conditional += _prevention(outcome.last_match_id, listing.show_qty(outcome.prevented))
    if outcome.matches:
        conditional += f',"preventedMatches":[{",".join(outcome.matches)}]'
        if outcome.trade_group is not None:
            conditional += f',"tradeGroupId":{outcome.trade_group}'
    if outcome.expiry_reason:
        conditional += f',"expiryReason":"{outcome.expiry_reason}"'
    if style == FULL:
        conditional += f',"fills":[{",".join(outcome.fills)}]'
    return (
        f'{head},"price":"{listing.show_quote(accepted.price)}",{_quantity(accepted.qty, listing)}'
        f'"executedQty":"{listing.show_qty(outcome.filled)}"'
        f',"origQuoteOrderQty":"{listing.show_quote(accepted.quote_qty)}"'
        f',"cummulativeQuoteQty":"{listing.show_quote(outcome.spent)}"'
        f',"status":"{outcome.status}","timeInForce":"{names.TIMES_IN_FORCE[accepted.tif]}"'
        f',"type":"{names.KINDS[accepted.kind]}","side":"{names.SIDES[accepted.side]}"'
        f',"workingTime":{time if extra is None or extra.state == _WORKING else -1}'
        f',"selfTradePreventionMode":"{names.STP_MODES[accepted.stp]}"{conditional}}}'
    )


def _placed_extra(kind: int, extra: OrderExtra, outcome: _Outcome, listing: Listing, show_time: ShowTime) -> str:
    text = _stop_and_iceberg(kind, extra, listing)
    text += _trailing(extra.trailing_delta, outcome.trailing_us, show_time) + _pegged(extra, listing)
    return text + _routed(outcome.is_routed) if extra.use_sor else text


def _stop_and_iceberg(kind: int, extra: _Amounts, listing: Listing) -> str:
    text = f',"stopPrice":"{listing.show_quote(extra.stop_price)}"' if kind >= _STOP_LOSS else ""
    return f'{text},"icebergQty":"{listing.show_qty(extra.iceberg_qty)}"' if extra.iceberg_qty else text


# --- orders as they are now


def _amounts(order: Order, listing: Listing) -> str:
    return (
        f'"price":"{listing.show_quote(order.price)}",{_quantity(order.qty, listing)}'
        f'"executedQty":"{listing.show_qty(order.filled)}"'
        f',"origQuoteOrderQty":"{listing.show_quote(order.quote_qty)}"'
        f',"cummulativeQuoteQty":"{listing.show_quote(order.filled_quote)}"'
        f',"status":"{order.status}","timeInForce":"{names.TIMES_IN_FORCE[order.tif]}"'
        f',"type":"{names.KINDS[order.kind]}","side":"{names.SIDES[order.side]}"'
    )


def _tail(order: Order, listing: Listing, show_time: ShowTime) -> str:
    text = _unchanging_tail(order, listing, show_time)
    if order.prevented:
        text += _prevention(order.prevented_match_id, listing.show_qty(order.prevented))
    return text


def _unchanging_tail(order: Order, listing: Listing, show_time: ShowTime) -> str:
    text = f',"selfTradePreventionMode":"{names.STP_MODES[order.stp]}"{_strategy(order)}'
    return text if order.extra is None else text + _extra(order.extra, listing, show_time)


def _extra(extra: Extra, listing: Listing, show_time: ShowTime) -> str:
    text = _trailing(extra.trailing_delta, extra.trailing_us, show_time) + _pegged(extra, listing)
    return text + _routed(extra.is_routed) if extra.used_sor else text


def canceled(order: Order, listing: Listing, show_time: ShowTime) -> str:
    own = "" if order.extra is None else _stop_and_iceberg(order.kind, order.extra, listing)
    return (
        f'{{"symbol":{listing.symbol_json},"origClientOrderId":"{order.orig_client_id}","orderId":{order.id}'
        f',"orderListId":{order.list_id},"clientOrderId":"{order.client_id}"'
        f',"transactTime":{show_time(order.updated_us)},{_amounts(order, listing)}{own}'
        f"{_tail(order, listing, show_time)}}}"
    )


def queried(order: Order, listing: Listing, show_time: ShowTime) -> str:
    """`isWorking` is also true of an order that worked before it ended."""
    extra, working_us = order.extra, order.working_us
    stop, iceberg = (0, 0) if extra is None else (extra.stop_price, extra.iceberg_qty)
    expiry = f',"expiryReason":"{order.expiry_reason}"' if order.expiry_reason else ""
    return (
        f'{{"symbol":{listing.symbol_json},"orderId":{order.id},"orderListId":{order.list_id}'
        f',"clientOrderId":"{order.client_id}",{_amounts(order, listing)}'
        f',"stopPrice":"{listing.show_quote(stop)}","icebergQty":"{listing.show_qty(iceberg)}"'
        f',"time":{show_time(order.accepted_us)},"updateTime":{show_time(order.updated_us)}'
        f',"isWorking":{"true" if working_us >= 0 else "false"},"workingTime":{_time(working_us, show_time)}'
        f"{_tail(order, listing, show_time)}{expiry}}}"
    )


def amended(order: Order, amendment: Amendment, list_status: str, listing: Listing, show_time: ShowTime) -> bytes:
    """`list_status` is empty for an order in no list. This answer spells amounts its own way."""
    own = "" if order.extra is None else _stop_and_iceberg(order.kind, order.extra, listing)
    working = f',"workingTime":{show_time(order.working_us)}' if order.working_us >= 0 else ""
    status = f',"listStatus":{list_status}' if list_status else ""
    return (
        f'{{"transactTime":{show_time(amendment.time_us)},"executionId":{amendment.execution_id},"amendedOrder":{{'
        f'"symbol":{listing.symbol_json},"orderId":{order.id},"orderListId":{order.list_id}'
        f',"origClientOrderId":"{amendment.old_client_id}","clientOrderId":"{amendment.new_client_id}"'
        f',"price":"{listing.show_quote(order.price)}","qty":"{listing.show_qty(amendment.new_qty)}"'
        f',"executedQty":"{listing.show_qty(order.filled)}","preventedQty":"{listing.show_qty(order.prevented)}"'
        f',"quoteOrderQty":"{listing.show_quote(order.quote_qty)}"'
        f',"cumulativeQuoteQty":"{listing.show_quote(order.filled_quote)}"'
        f',"status":"{order.status}","timeInForce":"{names.TIMES_IN_FORCE[order.tif]}"'
        f',"type":"{names.KINDS[order.kind]}","side":"{names.SIDES[order.side]}"{working}{own}'
        f"{_unchanging_tail(order, listing, show_time)}}}{status}}}"
    ).encode()


def array(items: Sequence[str]) -> bytes:
    return f"[{','.join(items)}]".encode()
