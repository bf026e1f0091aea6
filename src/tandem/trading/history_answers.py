"""The API's JSON for what happened to orders: trades, allocations, prevented matches, amendments."""

from tandem.trading import names
from tandem.trading.answers import ShowTime, losses
from tandem.trading.listings import Listing
from tandem.trading.records import Allocation, Amendment, Fill, PreventedMatch

SOR = "SOR"
"""`allocationType`: there is no other."""


def traded(fill: Fill, listing: Listing, show_time: ShowTime) -> str:
    return (
        f'{{"symbol":{listing.symbol_json},"id":{fill.id},{_amounts(fill, listing, show_time)}'
        f',"isMaker":{"true" if fill.is_maker else "false"},"isBestMatch":true}}'
    )


def allocated(fill: Allocation, listing: Listing, show_time: ShowTime) -> str:
    return (
        f'{{"symbol":{listing.symbol_json},"allocationId":{fill.allocation_id},"allocationType":"{SOR}"'
        f',{_amounts(fill, listing, show_time)},"isMaker":false,"isAllocator":false}}'
    )


def _amounts(fill: Fill, listing: Listing, show_time: ShowTime) -> str:
    return (
        f'"orderId":{fill.order_id},"orderListId":{fill.list_id}'
        f',"price":"{listing.show_quote(fill.price)}","qty":"{listing.show_qty(fill.qty)}"'
        f',"quoteQty":"{listing.show_quote(fill.quote_amount)}"'
        f',"commission":"{listing.show_fee(fill.fee_asset, fill.fee)}"'
        f',"commissionAsset":{listing.fee_asset_json(fill.fee_asset)}'
        f',"time":{show_time(fill.time_us)},"isBuyer":{"false" if fill.side else "true"}'
    )


def prevented_match(match: PreventedMatch, listing: Listing, show_time: ShowTime) -> str:
    """`listing` is that of the taker's market, which counts the matches."""
    event = match.event
    return (
        f'{{"symbol":{listing.symbol_json},"preventedMatchId":{event.prevented_match_id}'
        f',"takerOrderId":{event.taker_order},"makerSymbol":{listing.symbol_of(event.maker_market)}'
        f',"makerOrderId":{event.maker_order},"tradeGroupId":{match.trade_group}'
        f',"selfTradePreventionMode":"{names.STP_MODES[event.mode]}"'
        f',"price":"{listing.show_quote(event.price)}"{losses(event, listing)}'
        f',"transactTime":{show_time(match.time_us)}}}'
    )


def amended(amendment: Amendment, listing: Listing, show_time: ShowTime) -> str:
    return (
        f'{{"symbol":{listing.symbol_json},"orderId":{amendment.order_id},"executionId":{amendment.execution_id}'
        f',"origClientOrderId":"{amendment.old_client_id}","newClientOrderId":"{amendment.new_client_id}"'
        f',"origQty":"{listing.show_qty(amendment.old_qty)}","newQty":"{listing.show_qty(amendment.new_qty)}"'
        f',"time":{show_time(amendment.time_us)}}}'
    )
