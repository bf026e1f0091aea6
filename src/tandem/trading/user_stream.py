"""What an account's own streams say: order reports, balances, funds that came or went.

Every event is encoded once per account and time unit, however many connections listen, and only while one does.
Reports of one command come in the order in which things happened, its balances last.
"""

from collections.abc import Callable

from tandem.domain import money
from tandem.platform.engine import (
    Credited,
    Debited,
    EngineClient,
    Result,
    SelfTradePrevented,
)
from tandem.trading import names
from tandem.trading.listings import Listings, json_text
from tandem.trading.orders import Fill, Order, OrderView

Sink = Callable[[bytes], None]
"""Takes one event as JSON. Must neither raise nor block; it may unsubscribe."""

EXECUTIONS_PER_COMMAND = 4096
"""Execution ids of a command start at seq times this. More reports than that reach into the next command's, whose
own then start later: ids rise all the same."""


class _Audience:
    """Who listens to one account, by time unit: microseconds of one unit and its sinks."""

    __slots__ = ("sinks",)

    def __init__(self) -> None:
        self.sinks: dict[int, tuple[Sink, ...]] = {1000: (), 1: ()}

    def is_empty(self) -> bool:
        return not any(self.sinks.values())


class UserStreams:
    """The `OrderView`'s observer; one for a process."""

    def __init__(self, client: EngineClient, view: OrderView) -> None:
        self._engine = client.engine
        self._listings = Listings(client.catalog)
        self._view = view
        self._audiences: dict[int, _Audience] = {}
        self._execution = 0
        view.observer = self

    def subscribe(self, account: int, sink: Sink, *, micros: bool = False) -> Callable[[], None]:
        """`sink` gets the account's events from now on, until the returned function is called (more than once does
        no harm)."""
        audience = self._audiences.get(account)
        if audience is None:
            audience = self._audiences[account] = _Audience()
            self._view.watched.add(account)
            self._engine.watch(account, True)
        unit = 1 if micros else 1000
        audience.sinks[unit] += (sink,)

        def unsubscribe() -> None:
            audience.sinks[unit] = tuple(other for other in audience.sinks[unit] if other is not sink)
            if audience.is_empty() and self._audiences.get(account) is audience:
                del self._audiences[account]
                self._view.watched.discard(account)
                self._engine.watch(account, False)

        return unsubscribe

    # --- told by OrderView

    def accepted(self, order: Order, result: Result) -> None:
        self._report(order, result, "NEW", is_on_book=True)

    def traded(self, order: Order, fill: Fill, result: Result) -> None:
        listing = self._listings.by_id(order.blotter.market)
        self._report(
            order,
            result,
            "TRADE",
            last_qty=listing.show_qty(fill.qty),
            last_price=listing.show_quote(fill.price),
            last_quote=listing.show_quote(fill.quote_amount),
            fee=listing.show_fee(fill.fee_asset, fill.fee),
            fee_asset=listing.fee_asset_json(fill.fee_asset),
            trade_id=fill.id,
            is_on_book=order.status == names.PARTIALLY_FILLED and _may_rest(order),
            is_maker=fill.is_maker,
            is_trade=True,
        )

    def prevented(self, order: Order, event: SelfTradePrevented, result: Result) -> None:
        listing = self._listings.by_id(order.blotter.market)
        is_taker = order.id == event.taker_order
        lost, counter = (
            (event.taker_prevented, event.maker_order) if is_taker else (event.maker_prevented, event.taker_order)
        )
        would_fill = min(event.taker_left + event.taker_prevented, event.maker_left + event.maker_prevented)
        self._report(
            order,
            result,
            "TRADE_PREVENTION",
            is_on_book=order.status != names.EXPIRED_IN_MATCH and _may_rest(order),
            more=(
                f',"v":{event.prevented_match_id},"A":"{listing.show_qty(order.prevented)}"'
                f',"B":"{listing.show_qty(lost)}","U":{counter},"Cs":{listing.symbol_json}'
                f',"pl":"{listing.show_qty(would_fill)}","pL":"{listing.show_quote(event.price)}"'
                f',"pY":"{listing.show_quote(event.price * would_fill // listing.base_scale)}"'
            ),
        )

    def closed(self, order: Order, result: Result) -> None:
        is_cancel = order.status == names.CANCELED
        self._report(
            order,
            result,
            "CANCELED" if is_cancel else "EXPIRED",
            more=f',"eR":"{order.expiry_reason}"' if order.expiry_reason else "",
        )

    def moved(self, event: Credited | Debited, result: Result) -> None:
        asset = self._listings.asset(event.asset)
        delta = event.amount if type(event) is Credited else -event.amount
        code, shown = json_text(asset.code), asset.show(delta)
        for unit, sinks in self._listeners(event.account):
            time = result.time_us // unit
            _send(sinks, f'{{"e":"balanceUpdate","E":{time},"a":{code},"d":"{shown}","T":{time}}}')

    def settled(self, result: Result) -> None:
        rows: dict[int, list[str]] = {}
        for account, asset_id, free, locked in result.balances:
            if account in self._audiences:
                asset = self._listings.asset(asset_id)
                rows.setdefault(account, []).append(
                    f'{{"a":{json_text(asset.code)},"f":"{money.show(free, asset.decimals)}"'
                    f',"l":"{money.show(locked, asset.decimals)}"}}'
                )
        for account, balances in rows.items():
            for unit, sinks in self._listeners(account):
                time = result.time_us // unit
                head = f'{{"e":"outboundAccountPosition","E":{time},"u":{time}'
                _send(sinks, f'{head},"B":[{",".join(balances)}]}}')

    # --- formatting

    def _listeners(self, account: int) -> list[tuple[int, tuple[Sink, ...]]]:
        audience = self._audiences.get(account)
        return [] if audience is None else [(unit, sinks) for unit, sinks in audience.sinks.items() if sinks]

    def _report(
        self,
        order: Order,
        result: Result,
        execution: str,
        *,
        last_qty: str = "",
        last_price: str = "",
        last_quote: str = "",
        fee: str = "0",
        fee_asset: str = "null",
        trade_id: int = -1,
        is_on_book: bool = False,
        is_maker: bool = False,
        is_trade: bool = False,
        more: str = "",
    ) -> None:
        listing = self._listings.by_id(order.blotter.market)
        self._execution = max(self._execution + 1, result.seq * EXECUTIONS_PER_COMMAND)
        head = (
            f'"s":{listing.symbol_json},"c":"{order.client_id}","S":"{names.SIDES[order.side]}"'
            f',"o":"{names.KINDS[order.kind]}","f":"{names.TIMES_IN_FORCE[order.tif]}"'
            f',"q":"{listing.show_qty(order.qty)}","p":"{listing.show_quote(order.price)}"'
            f',"P":"{listing.zero_quote}","F":"{listing.zero_qty}","g":-1,"C":"{order.orig_client_id}"'
            f',"x":"{execution}","X":"{order.status}","r":"NONE","i":{order.id}'
            f',"l":"{last_qty or listing.zero_qty}","z":"{listing.show_qty(order.filled)}"'
            f',"L":"{last_price or listing.zero_quote}","n":"{fee}","N":{fee_asset}'
        )
        middle = (
            f'"t":{trade_id},"I":{self._execution},"w":{_flag(is_on_book)},"m":{_flag(is_maker)},"M":{_flag(is_trade)}'
        )
        tail = (
            f'"Z":"{listing.show_quote(order.filled_quote)}","Y":"{last_quote or listing.zero_quote}"'
            f',"Q":"{listing.show_quote(order.quote_qty)}","V":"{names.STP_MODES[order.stp]}"'
            f"{_strategy(order)}{more}"
        )
        for unit, sinks in self._listeners(order.account):
            now, created = result.time_us // unit, order.accepted_us // unit
            _send(
                sinks,
                f'{{"e":"executionReport","E":{now},{head},"T":{now},{middle},"O":{created},"W":{created},{tail}}}',
            )


def _send(sinks: tuple[Sink, ...], event: str) -> None:
    encoded = event.encode()
    for sink in sinks:
        sink(encoded)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _may_rest(order: Order) -> bool:
    """Whether what is left of it belongs in the book."""
    return names.KINDS[order.kind] != "MARKET" and names.TIMES_IN_FORCE[order.tif] == "GTC"


def _strategy(order: Order) -> str:
    strategy_id, strategy_type = order.strategy_id, order.strategy_type
    text = "" if strategy_id is None else f',"j":{strategy_id}'
    return text if strategy_type is None else f'{text},"J":{strategy_type}'
