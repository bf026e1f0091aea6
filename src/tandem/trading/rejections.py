"""What the engine has no event for: orders and lists that it refused, as their owner's streams are told of them."""

from collections.abc import Sequence

from tandem.platform.engine import CancelReplaced, Result, Terms
from tandem.trading import names
from tandem.trading.lists import OrderList
from tandem.trading.orders import OrderView
from tandem.trading.records import Extra, Order
from tandem.trading.tickets import Leg

_DONE = -1


def tell_rejected_order(view: OrderView, account: int, market: int, leg: Leg, result: Result) -> None:
    """To call with the result of each cancel-replace; does nothing unless its cancel was done and its order failed:
    the API reports a rejected order only then."""
    replaced = result.events[0]
    assert type(replaced) is CancelReplaced
    blotter = view.blotter(account, market)
    if replaced.cancel != _DONE or replaced.order < 0 or account not in view.watched:
        return
    assert view.observer is not None
    assert blotter is not None, "an order of it was canceled right now"
    side, kind, tif, price, qty, quote_qty, client_id, stp, strategy_id, strategy_type, terms = leg
    order = Order(
        blotter,
        -1,
        account,
        side,
        kind,
        tif,
        price,
        qty,
        quote_qty,
        stp,
        strategy_id,
        strategy_type,
        client_id,
        qty,
        result.time_us,
        result.time_us,
        status=names.REJECTED,
        extra=_extra(terms),
    )
    view.observer.rejected(order, replaced.order, result)


def tell_rejected_list(
    view: OrderView, account: int, market: int, kind: int, client_id: str, legs: Sequence[Leg], result: Result
) -> None:
    """To call with the result of each new list that failed."""
    if account in view.watched:
        assert view.observer is not None
        client_ids = [leg[6] for leg in legs]
        failed = OrderList(-1, account, market, kind, client_id, result.time_us, [-1] * len(legs), client_ids)
        view.observer.list_rejected(failed, result.code, result)


def _extra(terms: Terms | None) -> Extra:
    if terms is None:
        return Extra()
    return Extra(
        stop_price=terms.stop_price,
        trailing_delta=terms.trailing_delta,
        iceberg_qty=terms.iceberg_qty,
        peg_price=terms.peg_price,
        peg_offset=terms.peg_offset,
        used_sor=terms.use_sor,
    )
