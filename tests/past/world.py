"""A real engine under random traffic, a view with a small memory over it, and one that remembers everything."""

import inspect
import random
from pathlib import Path
from typing import Any, cast

import msgspec

from tandem.domain.errors import ApiError
from tandem.domain.operation import Call, Operation
from tandem.platform.engine import EngineClient, Result
from tandem.platform.rate_limits import RateLimiter
from tandem.platform.settings import Limits
from tandem.trading import routes
from tandem.trading.orders import OrderView
from tandem.trading.past import Past
from tests.history.traffic import BTCUSDC, BTCUSDT, COINUSDT, TRADERS, Traffic, open_exchange, replayed, take_snapshot
from tests.past.remembered import tell, view_of_everything

SYMBOLS = {BTCUSDT: "BTCUSDT", BTCUSDC: "BTCUSDC", COINUSDT: "COINUSDT"}
SMALL = {"closed_limit": 40, "trades_limit": 40, "prevented_limit": 12, "rare_limit": 12, "floor": 2}
TOO_LATE = "timeout"


class World:
    """`past` answers for what the small view has let go; the oracle needs none."""

    def __init__(self, path: Path, seed: int, past: Past) -> None:
        self.path = path
        self.past = past
        self.random = random.Random(seed)
        self.engine = open_exchange(path)
        self.traffic = Traffic(self.engine, seed)
        self.traffic._new_id = self._used_id  # type: ignore[method-assign]
        self.everything = view_of_everything()
        self.results: list[Result] = []
        self.view = self._small_view()
        self._tell(self.traffic.found())
        self._serve()

    def _used_id(self) -> str:
        """Often one that was used before; commands with one that is in use are refused."""
        return f"id{self.random.randint(1, 1_500)}"

    def _small_view(self) -> OrderView:
        return OrderView(EngineClient(self.engine), **SMALL)

    def _serve(self) -> None:
        self.small, self.oracle = (self._operations(*one) for one in ((self.view, self.past), (self.everything, None)))

    def _operations(self, view: OrderView, past: Past | None) -> dict[str, Operation]:
        client, limiter = EngineClient(self.engine), RateLimiter(Limits())
        return {op.ws_method: op for op in routes.operations(client, view, limiter, lambda: "", past)}

    def _tell(self, results: list[Result]) -> None:
        new = [result for result in results if result.seq > self.everything.seq]
        tell(self.view, results)
        tell(self.everything, new)
        self.results += new

    def trade(self, commands: int) -> None:
        self._tell(self.traffic.send(commands))

    def snapshot(self) -> None:
        take_snapshot(self.engine)
        self._tell(replayed(self.engine))

    def restart(self) -> None:
        """The small view begins at the engine's newest snapshot."""
        self.engine.close()
        self.engine = self.traffic.engine = open_exchange(self.path)
        self.view = self._small_view()
        self._tell(replayed(self.engine))
        self._serve()

    def has_what_snapshots_lack(self) -> bool:
        """An open order that lost something to prevention, one that is routed, and an open list with an ended order."""
        everything = self.everything
        live = [
            order
            for holder in everything.accounts.values()
            for b in holder.blotters.values()
            for order in b.open.values()
        ]
        ended = [id for one in everything.lists.by_id.values() if one.is_open for id in one.order_ids]
        return (
            any(order.prevented for order in live)
            and any(order.extra is not None and order.extra.is_routed for order in live)
            and any(not everything.by_id[id].status.endswith(("NEW", "PARTIALLY_FILLED")) for id in ended)
        )

    async def ask(self, name: str, account: int, **params: Any) -> tuple[Any, Any]:
        """What is answered with the small memory, and what has to be."""
        got = await _ask(self.small[name], account, params)
        return got, await self.ask_oracle(name, account, **params)

    async def ask_oracle(self, name: str, account: int, **params: Any) -> Any:
        return await _ask(self.oracle[name], account, params)

    # --- random questions

    def questions(self, count: int) -> list[tuple[str, int, dict[str, Any]]]:
        kinds = [
            *(self._orders, self._order, self._trades, self._lists, self._list),
            *(self._amendments, self._allocations, self._prevented),
        ]
        return [self.random.choice(kinds)(self.random.choice(TRADERS)) for _ in range(count)]

    def _limit(self) -> dict[str, Any]:
        return self.random.choice([{}, {"limit": 1000}, *({"limit": n} for n in (1, 2, 3, 5, 20, 60))])

    def _times(self, rows: list[Any], name: str) -> dict[str, Any]:
        """A start, an end or both, near rows that there are; in microseconds, so that rows of one time are divided."""
        if not rows:
            return {}
        start, end = sorted(getattr(self.random.choice(rows), name) + self.random.choice((-1, 0, 0, 1)) for _ in "ab")
        return self.random.choice([{"startTime": start}, {"endTime": end}, {"startTime": start, "endTime": end}])

    def _blotter(self, account: int) -> tuple[Any, dict[str, Any]]:
        market = self.random.choice([m for m in SYMBOLS if self.everything.blotter(account, m)])
        return self.everything.blotter(account, market), {"symbol": SYMBOLS[market]} | self._limit()

    def _id(self, rows: list[Any], name: str = "id") -> int:
        return cast(int, getattr(self.random.choice(rows), name)) + self.random.choice((0, 0, 0, 1)) if rows else 0

    def _orders(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        by_id, by_time = {"orderId": self._id(blotter.rows)}, self._times(blotter.rows, "accepted_us")
        return "allOrders", account, params | self.random.choice([{}, by_id, by_time, by_id | by_time])

    def _order(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        order = self.random.choice(blotter.rows)
        names = [order.client_id, order.orig_client_id or order.client_id]
        by_id, by_name = {"orderId": self._id(blotter.rows)}, {"origClientOrderId": self.random.choice(names) or "x"}
        both = {"orderId": order.id, "origClientOrderId": self.random.choice([*names, "other"]) or "x"}
        chosen = self.random.choice([by_id, by_name, both])
        return "order.status", account, {"symbol": params["symbol"]} | chosen

    def _trades(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        by_id, by_time = {"fromId": self._id(blotter.fills)}, self._times(blotter.fills, "time_us")
        by_order = {"orderId": self.random.choice(blotter.rows).id}
        return "myTrades", account, params | self.random.choice([{}, by_id, by_time, by_order, by_order | by_id])

    def _allocations(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        rows = blotter.allocations
        by_id = {"fromAllocationId": self._id(rows, "allocation_id")}
        by_order = {"orderId": self.random.choice(rows or blotter.fills or blotter.rows).order_id} if rows else {}
        chosen = self.random.choice([{}, by_id, self._times(rows, "time_us"), by_order, by_order | by_id])
        return "myAllocations", account, params | chosen

    def _prevented(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        matches = [row.event for row in blotter.prevented]
        match_id = self._id(matches, "prevented_match_id")
        order_id = self._id(matches, self.random.choice(("taker_order", "maker_order")))
        by_order = {"orderId": order_id}
        chosen = self.random.choice([{"preventedMatchId": match_id}, by_order])
        if chosen is by_order and self.random.random() < 0.5:
            chosen = by_order | {"fromPreventedMatchId": match_id}
        return "myPreventedMatches", account, params | chosen

    def _amendments(self, account: int) -> tuple[str, int, dict[str, Any]]:
        blotter, params = self._blotter(account)
        amended = [order for order in blotter.rows if order.extra and order.extra.amends]
        order = self.random.choice(amended or blotter.rows)
        amends = order.extra.amends if amended else []
        first = {"fromExecutionId": self._id(amends, "execution_id")}
        return "order.amendments", account, params | {"orderId": order.id} | self.random.choice([{}, first])

    def _lists(self, account: int) -> tuple[str, int, dict[str, Any]]:
        holder = self.everything.lists.accounts.get(account)
        rows = holder.rows if holder else []
        chosen = self.random.choice([{}, {"fromId": self._id(rows)}, self._times(rows, "accepted_us")])
        return "allOrderLists", account, self._limit() | chosen

    def _list(self, account: int) -> tuple[str, int, dict[str, Any]]:
        holder = self.everything.lists.accounts.get(account)
        rows = holder.rows if holder else []
        by_name = {"origClientOrderId": self.random.choice(rows).client_id or "x"} if rows else {}
        return "orderList.status", account, self.random.choice([{"orderListId": self._id(rows)}, by_name])


async def _ask(operation: Operation, account: int, params: dict[str, Any]) -> Any:
    call = Call(account, 0, lambda us: us, lambda: None)
    try:
        answer = operation.handler(call, params)
        return msgspec.json.decode(await answer if inspect.isawaitable(answer) else answer)
    except ApiError as error:
        return error.code
    except TimeoutError:
        return TOO_LATE
