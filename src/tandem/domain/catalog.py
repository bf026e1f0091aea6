"""What exists on the exchange: assets and markets by id and by name. Replaced as a whole when something changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tandem.domain import money
from tandem.domain.trading import MarketStatus


@dataclass(frozen=True, slots=True)
class Asset:
    id: int
    code: str
    name: str
    decimals: int

    def show(self, amount: int) -> str:
        """Minor units as the API prints them."""
        return money.show(amount, self.decimals)


class Rules(Protocol):
    """The engine's market rules, in minor units (`tandem._engine.MarketRules`)."""

    @property
    def tick_size(self) -> int: ...
    @property
    def price_min(self) -> int: ...
    @property
    def price_max(self) -> int: ...
    @property
    def lot_size(self) -> int: ...
    @property
    def qty_min(self) -> int: ...
    @property
    def qty_max(self) -> int: ...
    @property
    def market_lot_size(self) -> int: ...
    @property
    def market_qty_min(self) -> int: ...
    @property
    def market_qty_max(self) -> int: ...
    @property
    def min_notional(self) -> tuple[int, bool] | None: ...
    @property
    def notional(self) -> tuple[int, bool, int, bool] | None: ...
    @property
    def avg_price_mins(self) -> int: ...
    @property
    def max_num_orders(self) -> int: ...
    @property
    def percent_price(self) -> tuple[int, int, int, int, bool] | None: ...
    @property
    def iceberg_parts(self) -> int: ...
    @property
    def max_num_algo_orders(self) -> int: ...
    @property
    def max_num_iceberg_orders(self) -> int: ...
    @property
    def max_num_order_lists(self) -> int: ...
    @property
    def max_num_order_amends(self) -> int: ...
    @property
    def max_position(self) -> int: ...
    @property
    def trailing_delta(self) -> tuple[int, int, int, int] | None: ...
    @property
    def price_range(self) -> tuple[int, int, int, int] | None: ...
    @property
    def reference(self) -> tuple[int, int] | None: ...
    @property
    def kinds(self) -> int: ...
    @property
    def features(self) -> int: ...
    @property
    def permissions(self) -> int: ...
    @property
    def fees(self) -> tuple[int, int, int, int]: ...
    @property
    def special_fees(self) -> tuple[int, int, int, int]: ...
    @property
    def tax_fees(self) -> tuple[int, int, int, int]: ...
    @property
    def discount(self) -> bool: ...
    @property
    def stp_default(self) -> int: ...
    @property
    def stp_allowed(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Market:
    """A market with the assets it trades; prices print with the quote's decimals, quantities with the base's."""

    id: int
    symbol: str
    base: Asset
    quote: Asset
    rules: Rules
    status: MarketStatus

    def show_price(self, price: int) -> str:
        return money.show(price, self.quote.decimals)

    def show_qty(self, qty: int) -> str:
        return money.show(qty, self.base.decimals)

    def show_quote(self, amount: int) -> str:
        return money.show(amount, self.quote.decimals)


@dataclass(slots=True)
class Catalog:
    """One object for the life of the process; `replace` swaps its contents."""

    assets: dict[int, Asset] = field(default_factory=dict)
    markets: dict[int, Market] = field(default_factory=dict)
    by_code: dict[str, Asset] = field(default_factory=dict)
    by_symbol: dict[str, Market] = field(default_factory=dict)
    version: int = 0
    """Rises with every change, for caches of what is derived."""

    def replace(self, assets: Iterable[Asset], markets: Iterable[Market]) -> None:
        self.assets = {a.id: a for a in assets}
        self.markets = {m.id: m for m in markets}
        self.by_code = {a.code: a for a in self.assets.values()}
        self.by_symbol = {m.symbol: m for m in self.markets.values()}
        self.version += 1
