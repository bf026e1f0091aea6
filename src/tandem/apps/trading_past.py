"""The past as trading asks for it: rows of the history's database as trading's own records."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from msgspec.structs import asdict

from tandem.apps.history import Questions
from tandem.domain.history import Need
from tandem.history.reader import Answer, Range
from tandem.platform.engine import SelfTradePrevented
from tandem.trading.lists import OrderList
from tandem.trading.past import Asked
from tandem.trading.records import (
    AccountOrders,
    Allocation,
    Amendment,
    Blotter,
    Extra,
    Fill,
    Order,
    PreventedMatch,
    execution_id,
    seq_of,
)

ALL_MATCHES = 100_000
"""More than one order can have: ids of two markets may be among them, so that they are cut only once in order."""


class TradingPast:
    """`tandem.trading.past.Past`."""

    def __init__(self, questions: Questions) -> None:
        self._ask = questions.ask
        self._reader = questions.reader

    async def orders(self, asked: Asked) -> list[Order]:
        def question() -> Answer:
            return self._reader.orders(asked.account, asked.market, _range(asked))

        return await self._ask(asked.need, question, _order)

    async def order(self, need: Need, account: int, market: int, id: int | None, client_id: str) -> Order | None:
        def question() -> Answer:
            if id is not None:
                return self._reader.orders_by_id([id])
            return self._reader.order_by_client_id(account, market, client_id)

        found = await self._ask(need, question, _order)
        return next((o for o in found if (o.account, o.blotter.market) == (account, market)), None)

    async def orders_by_id(self, need: Need, ids: Sequence[int]) -> list[Order]:
        return await self._ask(need, lambda: self._reader.orders_by_id(ids), _order)

    async def amendments(self, asked: Asked) -> list[Amendment]:
        order_id = asked.order_id
        assert order_id is not None
        # The execution ids of one command begin below the one that is asked for: one row may be dropped for that.
        seqs = replace(_range(asked, more=1), from_id=None if asked.first_id is None else seq_of(asked.first_id))
        found = await self._ask(asked.need, lambda: self._reader.amendments(order_id, seqs), _amendment)
        return [one for one in found if asked.first_id is None or one.execution_id >= asked.first_id]

    async def fills(self, asked: Asked) -> list[Fill]:
        def question() -> Answer:
            if asked.order_id is not None:
                return _of_asker(asked, self._reader.fills_of_order(asked.order_id, _range(asked)))
            return self._reader.fills(asked.account, asked.market, _range(asked))

        return await self._ask(asked.need, question, _fill)

    async def allocations(self, asked: Asked) -> list[Allocation]:
        def question() -> Answer:
            if asked.order_id is not None:
                return _of_asker(asked, self._reader.allocations_of_order(asked.order_id, _range(asked)))
            return self._reader.allocations(asked.account, asked.market, _range(asked))

        return await self._ask(asked.need, question, _allocation)

    async def prevented_matches(self, asked: Asked) -> list[PreventedMatch]:
        account, market, match_id, order_id = asked.account, asked.market, asked.match_id, asked.order_id

        def question() -> Answer:
            if match_id is not None:
                found = self._reader.prevented_match(account, market, match_id)
            else:
                assert order_id is not None
                every = Range(limit=ALL_MATCHES, from_id=asked.first_id)
                found = self._reader.prevented_matches_of(account, order_id, every)
            rows = [row for row in found.rows if _is_in_blotter(row, account, market)]
            return found._replace(rows=sorted(rows, key=lambda row: (row.seq, row.id))[: asked.limit])

        return await self._ask(asked.need, question, _prevented_match)

    async def order_lists(self, asked: Asked) -> list[OrderList]:
        def question() -> Answer:
            return self._reader.order_lists(asked.account, _range(asked))

        return await self._ask(asked.need, question, _order_list)

    async def order_lists_by_id(self, need: Need, ids: Sequence[int]) -> list[OrderList]:
        return await self._ask(need, lambda: self._reader.order_lists_by_id(ids), _order_list)

    async def order_list(self, need: Need, account: int, id: int | None, client_id: str) -> OrderList | None:
        def question() -> Answer:
            if id is not None:
                return self._reader.order_lists_by_id([id])
            return self._reader.order_list_by_client_id(account, client_id)

        found = await self._ask(need, question, _order_list)
        return next((one for one in found if one.account == account), None)


def _range(asked: Asked, *, more: int = 0) -> Range:
    return Range(
        limit=asked.limit + more,
        is_last=not asked.from_start,
        from_id=asked.first_id,
        from_us=asked.start_us,
        to_us=asked.end_us,
    )


def _of_asker(asked: Asked, answer: Answer) -> Answer:
    rows = [row for row in answer.rows if (row.account, row.market) == (asked.account, asked.market)]
    return answer._replace(rows=rows)


def _is_in_blotter(row: Any, account: int, market: int) -> bool:
    """A prevented match: the taker's market is where it took, even if the maker waited in another one."""
    own = (account, market)
    return own in ((row.taker_account, row.market), (row.maker_account, row.maker_market))


_ORDER_COLUMNS = (
    *("id", "account", "market", "side", "kind", "tif", "price", "quote_qty", "stp", "strategy_id", "strategy_type"),
    *("list_id", "stop_price", "trailing_delta", "iceberg_qty", "peg_price", "peg_offset", "used_sor", "accepted_us"),
    *("first_seq", "qty", "client_id", "cancel_id", "state", "status", "expiry_reason", "left_qty", "filled"),
    *("filled_quote", "is_routed", "prevented", "prevented_match_id", "amends", "pegged_price", "trailing_us"),
    *("working_us", "updated_us", "seq"),
)
"""As SQL has them. A thousand rows may be wanted at once: by place they are read in a third of the time."""
_PLAIN = (-1, 0, 0, 0, -1, -1, False)


def _order(row: Sequence[Any]) -> Order:
    """It is in nobody's blotter, but says of which market it was."""
    id, account, market, side, kind, tif, price, quote_qty, stp, strategy_id, strategy_type = row[:11]
    special, accepted_us = row[11:18], row[18]
    qty, client_id, cancel_id, state, status, reason, left, filled, spent = row[20:29]
    is_routed, prevented, match_id, _amends, pegged_price, trailing_us, working_us, updated_us, _seq = row[29:]
    shown, before = (cancel_id, client_id) if cancel_id else (client_id, "")
    extra = None
    if special != _PLAIN or working_us != accepted_us:
        list_id, stop_price, delta, iceberg, peg, offset, sor = special
        pegged = (iceberg, peg, offset, pegged_price)
        extra = Extra(stop_price, delta, trailing_us, *pegged, sor, is_routed, list_id, state, working_us)
    return Order(
        _blotter(market),
        *(id, account, side, kind, tif, price, qty, quote_qty, stp, strategy_id, strategy_type, shown),
        *(left, accepted_us, updated_us, before, filled, spent, prevented, match_id, status, reason, extra),
    )


@cache
def _blotter(market: int) -> Blotter:
    return Blotter(AccountOrders(), market)


def _amendment(row: Any) -> Amendment:
    """The order that was asked for comes first in its command, the other one of its pair later."""
    execution = execution_id(row.seq, int(row.n > 0))
    return Amendment(execution, row.order_id, row.time_us, row.old_qty, row.qty, row.old_client_id, row.client_id)


_FILL_COLUMNS = (
    *("seq", "n", "side", "time_us", "account", "market", "trade_id", "allocation_id", "is_maker", "order_id"),
    *("list_id", "price", "qty", "quote_amount", "fee", "fee_asset", "maker_market", "maker_trade_id"),
)


def _fill(row: Sequence[Any]) -> Fill:
    _seq, _n, side, time_us, _account, market, trade_id, _allocation_id, is_maker, order_id, list_id = row[:11]
    price, qty, amount, fee, asset = row[11:16]
    return Fill(trade_id, order_id, market, time_us, side, is_maker, price, qty, amount, fee, asset, list_id)


def _allocation(row: Sequence[Any]) -> Allocation:
    fill = _fill(row)
    return Allocation(**(asdict(fill) | {"id": -1, "allocation_id": row[7]}))


def _prevented_match(row: Any) -> PreventedMatch:
    event = SelfTradePrevented(
        market=row.market,
        prevented_match_id=row.id,
        maker_market=row.maker_market,
        taker_account=row.taker_account,
        maker_account=row.maker_account,
        mode=row.mode,
        price=row.price,
        taker_order=row.taker_order,
        maker_order=row.maker_order,
        taker_prevented=row.taker_prevented,
        maker_prevented=row.maker_prevented,
        transferred=row.transferred,
        # Not kept, and not shown.
        taker_left=0,
        maker_left=0,
    )
    return PreventedMatch(event, row.market, row.time_us, row.trade_group, row.seq)


def _order_list(row: Any) -> OrderList:
    ids, names = [int(id) for id in row.orders.split(",")], row.client_ids.split(",")
    return OrderList(row.id, row.account, row.market, row.kind, row.client_id, row.accepted_us, ids, names, row.is_open)
