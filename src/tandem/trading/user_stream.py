"""What an account's own streams say: order reports, states of lists, balances, funds that came or went.

Every event is encoded once per account and time unit, however many connections listen, and only while one does; what
a batch of commands brought about is handed to them at once. Reports of one command come in the order in which things
happened, its balances last. There is no `externalLockUpdate`: only orders lock funds here, no other system does.
"""

from collections.abc import Callable

from tandem.domain import money
from tandem.domain.errors import reject_name
from tandem.domain.trading import OrderKind, Side, TimeInForce
from tandem.platform.engine import (
    Credited,
    Debited,
    EngineClient,
    Result,
    SelfTradePrevented,
)
from tandem.trading import names
from tandem.trading.listings import Listing, Listings, json_text
from tandem.trading.lists import OrderList
from tandem.trading.orders import OrderView
from tandem.trading.records import WORKING, Allocation, Amendment, Extra, Fill, Order, PreventedMatch, execution_id


class Burst:
    """Events of one account in one time unit as JSON, in their order: the same object for everyone who listens."""

    __slots__ = ("events", "made")

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.made: dict[bytes, dict[int, bytes]] = {}
        """What a listener made of the events from an index on, for others who would make the same. One order may have
        20,000 reports and 1,000 listeners."""


Sink = Callable[[Burst], None]
"""Must neither raise nor block; it may unsubscribe."""

_RESTING_KINDS = tuple(kind.works_as is not OrderKind.MARKET for kind in OrderKind)
_GTC = int(TimeInForce.GTC)


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
        self._gathered: dict[tuple[int, int], Burst] = {}
        """By account and time unit, until `deliver`."""
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
        self._report(order, result, "NEW", is_on_book=order.extra is None or order.extra.state == WORKING)

    def released(self, order: Order, result: Result) -> None:
        self.accepted(order, result)

    def amended(self, order: Order, amendment: Amendment, result: Result) -> None:
        """Its execution id is the one that queries of amendments tell, too."""
        # Not the next one: a command with very many reports may have reached into this one's.
        self._execution = amendment.execution_id - 1
        is_on_book = order.left > 0 and (order.extra is None or order.extra.state == WORKING)
        self._report(order, result, "REPLACED", was=amendment.old_client_id, is_on_book=is_on_book)

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
            more=f',"b":"{names.ONE_PARTY}","a":{fill.allocation_id}' if type(fill) is Allocation else "",
        )

    def prevented(self, order: Order, match: PreventedMatch, result: Result) -> None:
        event = match.event
        listing = self._listings.by_id(order.blotter.market)
        if order.id == event.taker_order:
            lost, counter, counter_market = event.taker_prevented, event.maker_order, event.maker_market
        else:
            lost, counter, counter_market = event.maker_prevented, event.taker_order, event.market
        would_fill = min(event.taker_left + event.taker_prevented, event.maker_left + event.maker_prevented)
        if event.taker_prevented == event.maker_prevented:
            would_fill = lost  # of an iceberg what it shows, which is less than what is left of it
        group = f',"u":{match.trade_group}' if match.trade_group >= 0 else ""
        self._report(
            order,
            result,
            "TRADE_PREVENTION",
            is_on_book=order.status != names.EXPIRED_IN_MATCH and _may_rest(order),
            more=(
                f',"v":{event.prevented_match_id},"A":"{listing.show_qty(order.prevented)}"'
                f',"B":"{listing.show_qty(lost)}"{group},"U":{counter},"Cs":{listing.symbol_of(counter_market)}'
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

    def rejected(self, order: Order, code: int, result: Result) -> None:
        if order.stp < 0:
            order.stp = self._listings.by_id(order.blotter.market).market.rules.stp_default
        self._report(order, result, "REJECTED", reason=_reason(code))
        self.deliver()

    def list_accepted(self, order_list: OrderList, result: Result) -> None:
        self._report_list(order_list, result, *names.LIST_STATUSES[True])

    def list_renamed(self, order_list: OrderList, result: Result) -> None:
        self._report_list(order_list, result, "UPDATED", "EXECUTING")

    def list_closed(self, order_list: OrderList, result: Result) -> None:
        self._report_list(order_list, result, *names.LIST_STATUSES[False])

    def list_rejected(self, order_list: OrderList, code: int, result: Result) -> None:
        self._report_list(order_list, result, "RESPONSE", "REJECT", _reason(code))
        self.deliver()

    def moved(self, event: Credited | Debited, result: Result) -> None:
        delta = event.amount if type(event) is Credited else -event.amount
        self._report_funds(event.account, event.asset, delta, result)

    def transferred(self, event: SelfTradePrevented, side: int, result: Result) -> None:
        market = self._listings.by_id(event.market).market
        buyer, seller = event.taker_account, event.maker_account
        if side == Side.SELL:
            buyer, seller = seller, buyer
        for account, sign in ((buyer, 1), (seller, -1)):
            self._report_funds(account, market.base.id, sign * event.taker_prevented, result)
            self._report_funds(account, market.quote.id, -sign * event.transferred, result)

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
            for unit, burst in self._listeners(account):
                time = result.time_us // unit
                head = f'{{"e":"outboundAccountPosition","E":{time},"u":{time}'
                burst.events.append(f'{head},"B":[{",".join(balances)}]}}'.encode())

    def deliver(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for (account, unit), burst in gathered.items():
            audience = self._audiences.get(account)
            for sink in () if audience is None else audience.sinks[unit]:
                sink(burst)

    # --- formatting

    def _listeners(self, account: int) -> list[tuple[int, Burst]]:
        """By time unit, what those who listen will be told."""
        audience = self._audiences.get(account)
        if audience is None:
            return []
        return [(unit, self._burst(account, unit)) for unit, sinks in audience.sinks.items() if sinks]

    def _burst(self, account: int, unit: int) -> Burst:
        burst = self._gathered.get((account, unit))
        if burst is None:
            burst = self._gathered[account, unit] = Burst()
        return burst

    def _report_funds(self, account: int, asset_id: int, delta: int, result: Result) -> None:
        asset = self._listings.asset(asset_id)
        code, shown = json_text(asset.code), asset.show(delta)
        for unit, burst in self._listeners(account):
            time = result.time_us // unit
            event = f'{{"e":"balanceUpdate","E":{time},"a":{code},"d":"{shown}","T":{time}}}'
            burst.events.append(event.encode())

    def _report_list(
        self, order_list: OrderList, result: Result, status_type: str, status: str, reason: str = "NONE"
    ) -> None:
        symbol = self._listings.by_id(order_list.market).symbol_json
        orders = ",".join(
            f'{{"s":{symbol},"i":{order_id},"c":"{client_id}"}}'
            for order_id, client_id in zip(order_list.order_ids, order_list.client_ids, strict=True)
        )
        body = (
            f'"s":{symbol},"g":{order_list.id},"c":"{names.CONTINGENCIES[order_list.kind]}","l":"{status_type}"'
            f',"L":"{status}","r":"{reason}","C":"{order_list.client_id}"'
        )
        for unit, burst in self._listeners(order_list.account):
            time = result.time_us // unit
            burst.events.append(f'{{"e":"listStatus","E":{time},{body},"T":{time},"O":[{orders}]}}'.encode())

    def _report(
        self,
        order: Order,
        result: Result,
        execution: str,
        *,
        was: str = "",
        reason: str = "NONE",
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
        self._execution = max(self._execution + 1, execution_id(result.seq))
        extra = order.extra
        stop, iceberg, list_id, working_us = listing.zero_quote, listing.zero_qty, -1, order.accepted_us
        if extra is not None:
            stop, iceberg = listing.show_quote(extra.stop_price), listing.show_qty(extra.iceberg_qty)
            list_id, working_us = extra.list_id, extra.working_us
        head = (
            f'"s":{listing.symbol_json},"c":"{order.client_id}","S":"{names.SIDES[order.side]}"'
            f',"o":"{names.KINDS[order.kind]}","f":"{names.TIMES_IN_FORCE[order.tif]}"'
            f',"q":"{listing.show_qty(order.qty)}","p":"{listing.show_quote(order.price)}"'
            f',"P":"{stop}","F":"{iceberg}","g":{list_id},"C":"{was or order.orig_client_id}"'
            f',"x":"{execution}","X":"{order.status}","r":"{reason}","i":{order.id}'
            f',"l":"{last_qty or listing.zero_qty}","z":"{listing.show_qty(order.filled)}"'
            f',"L":"{last_price or listing.zero_quote}","n":"{fee}","N":{fee_asset}'
        )
        middle = (
            f'"t":{trade_id},"I":{self._execution},"w":{_flag(is_on_book)},"m":{_flag(is_maker)},"M":{_flag(is_trade)}'
        )
        tail = (
            f'"Z":"{listing.show_quote(order.filled_quote)}","Y":"{last_quote or listing.zero_quote}"'
            f',"Q":"{listing.show_quote(order.quote_qty)}","V":"{names.STP_MODES[order.stp]}"'
            f"{_strategy(order)}"
        )
        for unit, burst in self._listeners(order.account):
            now, created = result.time_us // unit, order.accepted_us // unit
            works = f'"W":{working_us // unit},' if working_us >= 0 else ""
            special = "" if extra is None else _special(extra, listing, unit)
            times = f'"T":{now},{middle},"O":{created},{works}'
            event = f'{{"e":"executionReport","E":{now},{head},{times}{tail}{special}{more}}}'
            burst.events.append(event.encode())


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _reason(code: int) -> str:
    return names.REJECT_REASONS.get(reject_name(code), "NONE")


def _may_rest(order: Order) -> bool:
    """Whether what is left of it belongs in the book."""
    return _RESTING_KINDS[order.kind] and order.tif == _GTC


def _strategy(order: Order) -> str:
    strategy_id, strategy_type = order.strategy_id, order.strategy_type
    text = "" if strategy_id is None else f',"j":{strategy_id}'
    return text if strategy_type is None else f'{text},"J":{strategy_type}'


def _special(extra: Extra, listing: Listing, unit: int) -> str:
    """What only trailing, routed and pegged orders say. Microseconds become times of the `unit`."""
    text = ""
    if extra.trailing_delta:
        since = extra.trailing_us // unit if extra.trailing_us >= 0 else -1
        text = f',"d":{extra.trailing_delta},"D":{since}'
    if extra.used_sor:
        text += f',"k":"{names.FLOORS[extra.is_routed]}","uS":true'
    if extra.peg_price >= 0:
        text += f',"gP":"{names.PEG_PRICES[extra.peg_price]}"'
        if extra.peg_offset >= 0:
            text += f',"gOT":"{names.PEG_OFFSET}","gOV":{extra.peg_offset}'
        if extra.pegged_price:
            text += f',"gp":"{listing.show_quote(extra.pegged_price)}"'
    return text
