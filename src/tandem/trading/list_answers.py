"""The API's JSON for order lists."""

from collections.abc import Sequence

from tandem.platform.engine import ListAccepted, ListClosed, OrderAccepted, OrderReleased, Result
from tandem.trading import names
from tandem.trading.answers import ShowTime, canceled, placed
from tandem.trading.listings import Listing
from tandem.trading.lists import OrderList
from tandem.trading.records import Order


def placed_list(result: Result, listing: Listing, style: str, show_time: ShowTime) -> bytes:
    """The answer to placing a list: its state right after it came in."""
    events, time_us = result.events, result.time_us
    accepted = events[0]
    assert type(accepted) is ListAccepted
    orders = [event for event in events if type(event) is OrderAccepted]
    is_open = True
    for event in events:
        if type(event) is OrderReleased:
            break
        if type(event) is ListClosed and event.list_id == accepted.list_id:
            is_open = False
    rows = [(order.order_id, order.client_order_id) for order in orders]
    head = _head(accepted.list_id, accepted.kind, is_open, accepted.client_list_id, show_time(time_us), listing, rows)
    reports = [placed(order, events, time_us, listing, style, show_time) for order in orders]
    return f'{{{head},"orderReports":[{",".join(reports)}]}}'.encode()


def canceled_list(ended: OrderList, orders: Sequence[Order], listing: Listing, show_time: ShowTime) -> str:
    """`orders` are those that were canceled together, at least one."""
    reports = [canceled(order, listing, show_time) for order in orders]
    head = _head_of(ended, show_time(orders[0].updated_us), listing)
    return f'{{{head},"orderReports":[{",".join(reports)}]}}'


def queried_list(found: OrderList, listing: Listing, show_time: ShowTime) -> str:
    return f"{{{_head_of(found, show_time(found.accepted_us), listing)}}}"


def status_after_amend(found: OrderList, listing: Listing) -> str:
    _, order_status = names.LIST_STATUSES[found.is_open]
    return (
        f'{{"orderListId":{found.id},"contingencyType":"{names.CONTINGENCIES[found.kind]}"'
        f',"listOrderStatus":"{order_status}","listClientOrderId":"{found.client_id}"'
        f',"symbol":{listing.symbol_json},"orders":{_orders(_rows(found), listing)}}}'
    )


def _head_of(found: OrderList, time: int, listing: Listing) -> str:
    return _head(found.id, found.kind, found.is_open, found.client_id, time, listing, _rows(found))


def _rows(found: OrderList) -> list[tuple[int, str]]:
    return list(zip(found.order_ids, found.client_ids, strict=True))


def _head(
    list_id: int, kind: int, is_open: bool, client_id: str, time: int, listing: Listing, rows: Sequence[tuple[int, str]]
) -> str:
    status_type, order_status = names.LIST_STATUSES[is_open]
    return (
        f'"orderListId":{list_id},"contingencyType":"{names.CONTINGENCIES[kind]}"'
        f',"listStatusType":"{status_type}","listOrderStatus":"{order_status}"'
        f',"listClientOrderId":"{client_id}","transactionTime":{time},"symbol":{listing.symbol_json}'
        f',"orders":{_orders(rows, listing)}'
    )


def _orders(rows: Sequence[tuple[int, str]], listing: Listing) -> str:
    texts = (f'{{"symbol":{listing.symbol_json},"orderId":{id},"clientOrderId":"{own}"}}' for id, own in rows)
    return f"[{','.join(texts)}]"
