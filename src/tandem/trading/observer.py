"""Who is told of what happens to watched accounts."""

from typing import Protocol

from tandem.platform.engine import Credited, Debited, Result, SelfTradePrevented
from tandem.trading.lists import OrderList
from tandem.trading.records import Amendment, Fill, Order, PreventedMatch


class Observer(Protocol):
    """Is told of each change to a watched account right after it, with the state the order had then. What is rejected
    is told when no batch is."""

    def accepted(self, order: Order, result: Result) -> None: ...
    def released(self, order: Order, result: Result) -> None: ...
    def amended(self, order: Order, amendment: Amendment, result: Result) -> None: ...
    def traded(self, order: Order, fill: Fill, result: Result) -> None: ...
    def prevented(self, order: Order, match: PreventedMatch, result: Result) -> None: ...
    def closed(self, order: Order, result: Result) -> None: ...
    def rejected(self, order: Order, code: int, result: Result) -> None:
        """The new order of a cancel-replace, which exists nowhere: its cancel was done and it failed with `code`."""

    def list_accepted(self, order_list: OrderList, result: Result) -> None: ...
    def list_renamed(self, order_list: OrderList, result: Result) -> None: ...
    def list_closed(self, order_list: OrderList, result: Result) -> None: ...
    def list_rejected(self, order_list: OrderList, code: int, result: Result) -> None:
        """A list that failed with `code` and exists nowhere."""

    def moved(self, event: Credited | Debited, result: Result) -> None: ...
    def transferred(self, event: SelfTradePrevented, side: int, result: Result) -> None:
        """Funds went between two accounts of a trade group, of which one or both are watched; `side` is the taker's."""

    def settled(self, result: Result) -> None:
        """All events of a result that carries balances have been told."""

    def deliver(self) -> None:
        """All results of a batch have been told."""
