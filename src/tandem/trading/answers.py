"""The API's JSON for orders, trades and prevented matches, assembled as text.

Texts from outside need no escaping: client ids are letters, digits, `-` and `_` by the engine's own check, and symbols
and asset codes come from `Listing` as JSON already.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from tandem.domain.trading import SelfTradePrevention
from tandem.platform.engine import Event, OrderAccepted, OrderClosed, Result, SelfTradePrevented, Traded
from tandem.trading import names
from tandem.trading.listings import Listing
from tandem.trading.orders import Fill, Order, PreventedMatch

ShowTime = Callable[[int], int]
"""Microseconds to the unit that the client asked for."""

ACK, RESULT, FULL = "ACK", "RESULT", "FULL"
DEFAULT_STYLE = {"LIMIT": FULL, "MARKET": FULL}
"""By order type; ACK for the others."""

_TAKER_LOSES = (SelfTradePrevention.EXPIRE_TAKER, SelfTradePrevention.EXPIRE_BOTH, SelfTradePrevention.DECREMENT)
_MAKER_LOSES = (SelfTradePrevention.EXPIRE_MAKER, SelfTradePrevention.EXPIRE_BOTH, SelfTradePrevention.DECREMENT)


class _Terms(Protocol):
    @property
    def strategy_id(self) -> int | None: ...
    @property
    def strategy_type(self) -> int | None: ...


def _strategy(terms: _Terms) -> str:
    text = ""
    if terms.strategy_id is not None:
        text = f',"strategyId":{terms.strategy_id}'
    if terms.strategy_type is not None:
        text += f',"strategyType":{terms.strategy_type}'
    return text


def _prevention(match_id: int, quantity: str) -> str:
    """The match is unknown (-1) when it was before the snapshot that this process started from."""
    match = f',"preventedMatchId":{match_id}' if match_id >= 0 else ""
    return f'{match},"preventedQuantity":"{quantity}"'


# --- placing


class _Outcome:
    """What became of an order within the command that placed it."""

    __slots__ = ("expiry_reason", "filled", "fills", "last_match_id", "matches", "prevented", "spent", "status")

    def __init__(self) -> None:
        self.status = names.NEW
        self.filled = 0
        self.spent = 0
        self.prevented = 0
        self.last_match_id = -1
        self.expiry_reason = ""
        self.fills: list[str] = []
        self.matches: list[str] = []

    def take(self, events: Sequence[Event], accepted: OrderAccepted, listing: Listing) -> None:
        for event in events:
            if type(event) is Traded:
                self._fill(event, accepted.side, listing)
            elif type(event) is SelfTradePrevented:
                self.prevented += event.taker_prevented
                self.last_match_id = event.prevented_match_id
                self.matches.append(_placed_match(event, listing))
            elif type(event) is OrderClosed and event.order_id == accepted.order_id:
                self.status = names.CLOSE_STATUSES[event.status]
                self.expiry_reason = names.EXPIRY_REASONS[event.reason]

    def _fill(self, trade: Traded, side: int, listing: Listing) -> None:
        self.filled += trade.qty
        self.spent += trade.quote_amount
        self.status = names.PARTIALLY_FILLED if trade.taker_left else names.FILLED
        self.fills.append(
            f'{{"price":"{listing.show_quote(trade.price)}","qty":"{listing.show_qty(trade.qty)}"'
            f',"commission":"{listing.show_received(side, trade.taker_fee)}"'
            f',"commissionAsset":{listing.assets_json[side]},"tradeId":{trade.trade_id}}}'
        )


def _placed_match(event: SelfTradePrevented, listing: Listing) -> str:
    return (
        f'{{"preventedMatchId":{event.prevented_match_id},"makerOrderId":{event.maker_order}'
        f',"price":"{listing.show_quote(event.price)}"{_losses(event, listing)}}}'
    )


def _losses(event: SelfTradePrevented, listing: Listing) -> str:
    text = ""
    if event.mode in _TAKER_LOSES:
        text = f',"takerPreventedQuantity":"{listing.show_qty(event.taker_prevented)}"'
    if event.mode in _MAKER_LOSES:
        text += f',"makerPreventedQuantity":"{listing.show_qty(event.maker_prevented)}"'
    return text


def placed(result: Result, listing: Listing, style: str, show_time: ShowTime) -> bytes:
    """The answer to placing an order: the state right after its command, whatever happened to it since."""
    events = result.events
    accepted = events[0]
    assert type(accepted) is OrderAccepted
    time = show_time(result.time_us)
    head = (
        f'{{"symbol":{listing.symbol_json},"orderId":{accepted.order_id},"orderListId":-1'
        f',"clientOrderId":"{accepted.client_order_id}","transactTime":{time}'
    )
    if style == ACK:
        return f"{head}}}".encode()
    outcome = _Outcome()
    if len(events) > 1:
        outcome.take(events, accepted, listing)
    conditional = _strategy(accepted)
    if outcome.matches:
        conditional += _prevention(outcome.last_match_id, listing.show_qty(outcome.prevented))
        conditional += f',"preventedMatches":[{",".join(outcome.matches)}]'
    if outcome.expiry_reason:
        conditional += f',"expiryReason":"{outcome.expiry_reason}"'
    if style == FULL:
        conditional += f',"fills":[{",".join(outcome.fills)}]'
    return (
        f'{head},"price":"{listing.show_quote(accepted.price)}","origQty":"{listing.show_qty(accepted.qty)}"'
        f',"executedQty":"{listing.show_qty(outcome.filled)}"'
        f',"origQuoteOrderQty":"{listing.show_quote(accepted.quote_qty)}"'
        f',"cummulativeQuoteQty":"{listing.show_quote(outcome.spent)}"'
        f',"status":"{outcome.status}","timeInForce":"{names.TIMES_IN_FORCE[accepted.tif]}"'
        f',"type":"{names.KINDS[accepted.kind]}","side":"{names.SIDES[accepted.side]}","workingTime":{time}'
        f',"selfTradePreventionMode":"{names.STP_MODES[accepted.stp]}"{conditional}}}'
    ).encode()


# --- orders as they are now


def _amounts(order: Order, listing: Listing) -> str:
    return (
        f'"price":"{listing.show_quote(order.price)}","origQty":"{listing.show_qty(order.qty)}"'
        f',"executedQty":"{listing.show_qty(order.filled)}"'
        f',"origQuoteOrderQty":"{listing.show_quote(order.quote_qty)}"'
        f',"cummulativeQuoteQty":"{listing.show_quote(order.filled_quote)}"'
        f',"status":"{order.status}","timeInForce":"{names.TIMES_IN_FORCE[order.tif]}"'
        f',"type":"{names.KINDS[order.kind]}","side":"{names.SIDES[order.side]}"'
    )


def _tail(order: Order, listing: Listing) -> str:
    text = f',"selfTradePreventionMode":"{names.STP_MODES[order.stp]}"{_strategy(order)}'
    if order.prevented:
        text += _prevention(order.prevented_match_id, listing.show_qty(order.prevented))
    return text


def canceled(order: Order, listing: Listing, show_time: ShowTime) -> str:
    return (
        f'{{"symbol":{listing.symbol_json},"origClientOrderId":"{order.orig_client_id}","orderId":{order.id}'
        f',"orderListId":-1,"clientOrderId":"{order.client_id}","transactTime":{show_time(order.updated_us)}'
        f",{_amounts(order, listing)}{_tail(order, listing)}}}"
    )


def queried(order: Order, listing: Listing, show_time: ShowTime) -> str:
    accepted = show_time(order.accepted_us)
    expiry = f',"expiryReason":"{order.expiry_reason}"' if order.expiry_reason else ""
    return (
        f'{{"symbol":{listing.symbol_json},"orderId":{order.id},"orderListId":-1,"clientOrderId":"{order.client_id}"'
        f',{_amounts(order, listing)},"stopPrice":"{listing.zero_quote}","icebergQty":"{listing.zero_qty}"'
        f',"time":{accepted},"updateTime":{show_time(order.updated_us)},"isWorking":true,"workingTime":{accepted}'
        f"{_tail(order, listing)}{expiry}}}"
    )


# --- trades and prevented matches


def traded(fill: Fill, listing: Listing, show_time: ShowTime) -> str:
    side = fill.side
    return (
        f'{{"symbol":{listing.symbol_json},"id":{fill.id},"orderId":{fill.order_id},"orderListId":-1'
        f',"price":"{listing.show_quote(fill.price)}","qty":"{listing.show_qty(fill.qty)}"'
        f',"quoteQty":"{listing.show_quote(fill.quote_amount)}"'
        f',"commission":"{listing.show_received(side, fill.fee)}","commissionAsset":{listing.assets_json[side]}'
        f',"time":{show_time(fill.time_us)},"isBuyer":{"false" if side else "true"}'
        f',"isMaker":{"true" if fill.is_maker else "false"},"isBestMatch":true}}'
    )


def prevented_match(match: PreventedMatch, listing: Listing, show_time: ShowTime) -> str:
    event = match.event
    return (
        f'{{"symbol":{listing.symbol_json},"preventedMatchId":{event.prevented_match_id}'
        f',"takerOrderId":{event.taker_order},"makerSymbol":{listing.symbol_json},"makerOrderId":{event.maker_order}'
        f',"tradeGroupId":-1,"selfTradePreventionMode":"{names.STP_MODES[event.mode]}"'
        f',"price":"{listing.show_quote(event.price)}"{_losses(event, listing)}'
        f',"transactTime":{show_time(match.time_us)}}}'
    )


def array(items: Sequence[str]) -> bytes:
    return f"[{','.join(items)}]".encode()
