"""A market with everything that answers about it repeat, prepared once."""

import msgspec

from tandem.domain import money
from tandem.domain.catalog import Asset, Catalog, Market
from tandem.domain.errors import api_error

RATE_DECIMALS = 8


def json_text(text: str) -> str:
    """`text` as JSON, with its quotes. Symbols and asset codes may hold any printable character."""
    return msgspec.json.encode(text).decode()


class Texts:
    """Names as JSON, of every market and asset; and the decimals of assets."""

    __slots__ = ("assets", "decimals", "symbols")

    def __init__(self, catalog: Catalog) -> None:
        self.symbols = {market.id: json_text(market.symbol) for market in catalog.markets.values()}
        self.assets = {asset.id: json_text(asset.code) for asset in catalog.assets.values()}
        self.decimals = {asset.id: asset.decimals for asset in catalog.assets.values()}


class Listing:
    """What answers need of one market. Prices and quote amounts print with the quote's decimals, quantities with
    the base's."""

    __slots__ = (
        "_texts",
        "base_decimals",
        "base_scale",
        "id",
        "market",
        "quote_decimals",
        "symbol_json",
        "zero_qty",
        "zero_quote",
    )

    def __init__(self, market: Market, texts: Texts) -> None:
        self.market = market
        self.id = market.id
        self._texts = texts
        self.symbol_json = texts.symbols[market.id]
        self.base_decimals = market.base.decimals
        self.base_scale: int = 10**market.base.decimals
        self.quote_decimals = market.quote.decimals
        self.zero_qty = money.show(0, market.base.decimals)
        self.zero_quote = money.show(0, market.quote.decimals)

    def show_qty(self, qty: int) -> str:
        return money.show(qty, self.base_decimals) if qty else self.zero_qty

    def show_quote(self, amount: int) -> str:
        """Prices and quote amounts."""
        return money.show(amount, self.quote_decimals) if amount else self.zero_quote

    def show_fee(self, asset: int, amount: int) -> str:
        """A commission: it may be paid in an asset that is neither base nor quote."""
        return money.show(amount, self._texts.decimals[asset])

    def fee_asset_json(self, asset: int) -> str:
        return self._texts.assets[asset]

    def symbol_of(self, market: int) -> str:
        """Another market's symbol as JSON."""
        return self._texts.symbols[market]


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
        texts = Texts(self._catalog)
        self._by_id = {market.id: Listing(market, texts) for market in self._catalog.markets.values()}
        self._by_symbol = {found.market.symbol: found for found in self._by_id.values()}
        self._version = self._catalog.version
