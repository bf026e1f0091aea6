"""A cancel and a new order in one step, and the ways in which one or both of them fail.

A new order counts towards the account's order count whatever becomes of it. Over that count nothing is done, or, if
the client asked for it, the cancel alone.
"""

from typing import Any

import msgspec

from tandem.domain.errors import ApiError, api_error, engine_reject
from tandem.domain.operation import Args, Call
from tandem.domain.trading import ReplaceMode
from tandem.platform.engine import CancelReplaced, OrderAccepted, Result
from tandem.trading import answers
from tandem.trading.desk import RESTRICTIONS, Desk, read_names
from tandem.trading.listings import Listing
from tandem.trading.refusals import order_refused
from tandem.trading.rejections import tell_rejected_order
from tandem.trading.tickets import Leg, read_ticket

SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"
_DONE, _NOT_TRIED = -1, -2
_TOO_MANY_REQUESTS = 429


class ReplaceService:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def replace(self, call: Call, args: Args) -> bytes:
        desk = self._desk
        listing = desk.listings.find(args["symbol"])
        names = read_names(args, "cancelOrigClientOrderId", "cancelOrderId")
        restriction = RESTRICTIONS.get(args.get("cancelRestrictions", ""), -1)
        cancel = (*names, args.get("cancelNewClientOrderId") or desk.new_client_id(), restriction)
        leg = read_ticket(args, listing, desk.new_client_id)
        mode = ReplaceMode[args["cancelReplaceMode"]]
        try:
            desk.limiter.charge_orders(call.account, 1, call.received_us)
        except ApiError as limited:
            if args.get("orderRateLimitExceededMode") != "CANCEL_ONLY":
                raise
            raise await self._cancel_only(call, listing, cancel, mode, limited) from None
        call.ensure_fresh()
        number = desk.engine.cancel_replace(call.account, listing.id, *cancel, int(mode), leg)
        result = await desk.client.submit(number)
        if result.code >= 0:
            raise order_refused(result.code, leg)
        tell_rejected_order(desk.view, call.account, listing.id, leg, result)
        style = args.get("newOrderRespType") or answers.DEFAULT_STYLE.get(args["type"], answers.ACK)
        return self._answer(call, listing, leg, style, result)

    def _answer(self, call: Call, listing: Listing, leg: Leg, style: str, result: Result) -> bytes:
        """Raises ApiError unless both were done."""
        replaced = result.events[0]
        assert type(replaced) is CancelReplaced
        canceled: ApiError | str
        placed: ApiError | str | None
        if replaced.cancel == _DONE:
            (canceled,) = self._desk.canceled(result.events, listing, call)
        else:
            canceled = engine_reject(replaced.cancel)
        if replaced.order == _DONE:
            placed = self._placed(call, listing, style, result)
        else:
            placed = None if replaced.order == _NOT_TRIED else order_refused(replaced.order, leg)
        if isinstance(canceled, str) and isinstance(placed, str):
            return (
                f'{{"cancelResult":"{SUCCESS}","newOrderResult":"{SUCCESS}"'
                f',"cancelResponse":{canceled},"newOrderResponse":{placed}}}'
            ).encode()
        raise _failure(canceled, placed)

    def _placed(self, call: Call, listing: Listing, style: str, result: Result) -> str:
        accepted = next(event for event in result.events if type(event) is OrderAccepted)
        return answers.placed(accepted, result.events, result.time_us, listing, style, call.show_time)

    async def _cancel_only(
        self, call: Call, listing: Listing, cancel: tuple[int, str, str, int], mode: ReplaceMode, limited: ApiError
    ) -> ApiError:
        """What the client is told when its order is one too many and it asked for the cancel all the same."""
        desk = self._desk
        call.ensure_fresh()
        result = await desk.client.submit(desk.engine.cancel_order(call.account, listing.id, *cancel))
        stops = mode is ReplaceMode.STOP_ON_FAILURE
        canceled: ApiError | str
        if result.code >= 0:
            canceled = engine_reject(result.code)
            told = _failure(canceled, None if stops else limited)
        else:
            (canceled,) = desk.canceled(result.events, listing, call)
            told = _failure(canceled, limited)
        if stops:
            told.status = _TOO_MANY_REQUESTS
            told.retry_after_seconds = limited.retry_after_seconds
        return told


def _failure(canceled: ApiError | str, placed: ApiError | str | None) -> ApiError:
    """One of both failed, or both."""
    is_partial = isinstance(canceled, str) or isinstance(placed, str)
    error = api_error("CANCEL_REPLACE_PARTLY_FAILED" if is_partial else "CANCEL_REPLACE_FAILED")
    error.data = {
        "cancelResult": _result(canceled),
        "newOrderResult": _result(placed),
        "cancelResponse": _response(canceled),
        "newOrderResponse": _response(placed),
    }
    return error


def _result(half: ApiError | str | None) -> str:
    if half is None:
        return NOT_ATTEMPTED
    return SUCCESS if isinstance(half, str) else FAILURE


def _response(half: ApiError | str | None) -> Any:
    return half.body() if isinstance(half, ApiError) else None if half is None else msgspec.json.decode(half)
