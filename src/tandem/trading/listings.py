"""A market with everything that answers about it repeat, prepared once."""

import msgspec

from tandem.domain import money
from tandem.domain.catalog import Asset, Catalog, Market
from tandem.domain.errors import api_error

RATE_DECIMALS = 8


def json_text(text: str) -> str:
    """`text` as JSON, with its quotes. Symbols and asset codes may hold any printable character."""
    return msgspec.json.encode(text).decode()


class Listing:
    """What answers need of one market. Prices and quote amounts print with the quote's decimals, quantities with
    the base's."""

    __slots__ = (
        "assets_json",
        "base_decimals",
        "base_scale",
        "id",
        "market",
        "quote_decimals",
        "symbol_json",
        "zero_qty",
        "zero_quote",
    )

    def __init__(self, market: Market) -> None:
        self.market = market
        self.id = market.id
        self.symbol_json = json_text(market.symbol)
        self.base_decimals = market.base.decimals
        self.base_scale: int = 10**market.base.decimals
        self.quote_decimals = market.quote.decimals
        self.zero_qty = money.show(0, market.base.decimals)
        self.zero_quote = money.show(0, market.quote.decimals)
        self.assets_json = (json_text(market.base.code), json_text(market.quote.code))
        """What a buyer and what a seller receives, and pays its commission in."""

    def show_qty(self, qty: int) -> str:
        return money.show(qty, self.base_decimals) if qty else self.zero_qty

    def show_quote(self, amount: int) -> str:
        """Prices and quote amounts."""
        return money.show(amount, self.quote_decimals) if amount else self.zero_quote

    def show_received(self, side: int, amount: int) -> str:
        """An amount of what the `side` receives."""
        return money.show(amount, self.quote_decimals if side else self.base_decimals)


class Listings:
    """Listings by symbol and by id, renewed when the catalog changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = -1
        self._by_id: dict[int, Listing] = {}
        self._by_symbol: dict[str, Listing] = {}

    def find(self, symbol: str) -> Listing:
        """Raises ApiError BAD_SYMBOL."""
        if self._catalog.version != self._version:
            self._renew()
        found = self._by_symbol.get(symbol)
        if found is None:
            raise api_error("BAD_SYMBOL")
        return found

    def by_id(self, market: int) -> Listing:
        if self._catalog.version != self._version:
            self._renew()
        return self._by_id[market]

    def asset(self, asset: int) -> Asset:
        return self._catalog.assets[asset]

    def _renew(self) -> None:
        self._by_id = {market.id: Listing(market) for market in self._catalog.markets.values()}
        self._by_symbol = {found.market.symbol: found for found in self._by_id.values()}
        self._version = self._catalog.version
