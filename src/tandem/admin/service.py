"""What an operator may do to a running exchange. Every change is a command in the log like any other."""

from collections.abc import Callable
from typing import Any

from tandem.domain import money
from tandem.domain.catalog import Asset, Market
from tandem.domain.errors import ApiError, engine_reject
from tandem.domain.trading import FEE_ACCOUNT, MarketStatus, SelfTradePrevention
from tandem.platform.engine import EngineClient, MarketRules, Result


class NotFound(Exception):
    """No asset, market, account or key of that name; the message says which and what exists."""


class Refused(Exception):
    """A name that clients could not ask for, or rules that do not go together; the message says what is allowed."""


RATE_DECIMALS = 8
MAX_NAME = 20


def _rate(text: str) -> int:
    return money.parse(text, RATE_DECIMALS)


class AdminService:
    """Names in, names out; ids stay inside. Amounts are decimal strings."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._engine = client.engine

    # --- reading

    def assets(self) -> list[dict[str, Any]]:
        return [{"asset": a.code, "name": a.name, "decimals": a.decimals} for a in self._client.catalog.assets.values()]

    def markets(self) -> list[dict[str, Any]]:
        return [self._show_market(m) for m in self._client.catalog.markets.values()]

    def accounts(self) -> list[dict[str, Any]]:
        assets = self._client.catalog.assets
        return [
            {
                "id": account.id,
                "name": account.name,
                "canTrade": account.can_trade,
                "balances": {
                    assets[asset].code: {"free": assets[asset].show(free), "locked": assets[asset].show(locked)}
                    for asset, free, locked in self._engine.balances(account.id)
                    if free or locked
                },
            }
            for account in self._engine.accounts()
        ]

    def account_id(self, name: str) -> int:
        """By name or by number. Raises NotFound."""
        for account in self._engine.accounts():
            if account.name == name or str(account.id) == name:
                return account.id
        raise NotFound(f"no account named {name!r}; `tandem accounts list` shows them")

    # --- changing

    async def create_asset(self, code: str, name: str, decimals: int) -> dict[str, Any]:
        _check_name("an asset", code)
        await self._done(self._engine.create_asset(code, name or code, decimals))
        return {"asset": code, "name": name or code, "decimals": decimals}

    async def create_account(self, name: str) -> dict[str, Any]:
        if name.isdigit():
            raise Refused(f"the name of an account is not a number, since accounts go by number too: {name!r}")
        await self._done(self._engine.create_account(name))
        return {"id": self.account_id(name), "name": name}

    async def update_account(
        self, name: str, *, can_trade: bool | None = None, rates: tuple[str, str] | bool = False
    ) -> dict[str, Any]:
        """`rates`: maker and taker rate as decimal fractions; True: each market's; False: as they are."""
        account = self._engine.account(self.account_id(name))
        assert account is not None, "account_id has just found it"
        if account.id == FEE_ACCOUNT:
            raise NotFound("the fee account cannot be changed")
        fees = account.fees if rates is False else None
        if isinstance(rates, tuple):
            fees = _rate(rates[0]), _rate(rates[1])
        may = account.can_trade if can_trade is None else can_trade
        await self._done(self._engine.update_account(account.id, may, fees))
        shown = None if fees is None else [money.show(fee, RATE_DECIMALS) for fee in fees]
        return {"id": account.id, "name": account.name, "canTrade": may, "rates": shown}

    async def move(self, direction: str, name: str, asset_code: str, amount: str) -> dict[str, Any]:
        """`direction` credit or debit. Returns the balance after it."""
        account = self.account_id(name)
        asset = self._asset(asset_code)
        units = parse_amount(amount, asset.decimals)
        submit = self._engine.credit if direction == "credit" else self._engine.debit
        await self._done(submit(account, asset.id, units))
        free, locked = next((f, k) for a, f, k in self._engine.balances(account) if a == asset.id)
        return {"account": name, "asset": asset.code, "free": asset.show(free), "locked": asset.show(locked)}

    async def create_market(self, symbol: str, base: str, quote: str, rules: dict[str, Any]) -> dict[str, Any]:
        """`rules`: see `market_rules`."""
        _check_name("a symbol", symbol)
        base_asset, quote_asset = self._asset(base), self._asset(quote)
        parsed = market_rules(rules, base_asset.decimals, quote_asset.decimals)
        _check_steps(parsed, base_asset, quote_asset)
        await self._done(self._engine.create_market(symbol, base_asset.id, quote_asset.id, parsed))
        return self._show_market(self._market(symbol))

    async def set_market_status(self, symbol: str, status: MarketStatus) -> dict[str, Any]:
        await self._done(self._engine.set_market_status(self._market(symbol).id, int(status)))
        return self._show_market(self._market(symbol))

    async def _done(self, number: int) -> Result:
        result = await self._client.submit(number)
        if result.code >= 0:
            raise engine_reject(result.code)
        return result

    def _asset(self, code: str) -> Asset:
        found = self._client.catalog.by_code.get(code)
        if found is None:
            raise NotFound(f"no asset {code!r}; `tandem assets list` shows them")
        return found

    def _market(self, symbol: str) -> Market:
        found = self._client.catalog.by_symbol.get(symbol)
        if found is None:
            raise NotFound(f"no market {symbol!r}; `tandem markets list` shows them")
        return found

    @staticmethod
    def _show_market(market: Market) -> dict[str, Any]:
        return {
            "symbol": market.symbol,
            "status": market.status.name,
            "base": market.base.code,
            "quote": market.quote.code,
            "tickSize": market.show_price(market.rules.tick_size),
            "stepSize": market.show_qty(market.rules.lot_size),
            "makerRate": money.show(market.rules.maker_rate_e8, RATE_DECIMALS),
            "takerRate": money.show(market.rules.taker_rate_e8, RATE_DECIMALS),
        }


def _check_name(what: str, name: str) -> None:
    """Clients can only name what the API's own pattern for symbols allows. Raises Refused."""
    if not (0 < len(name) <= MAX_NAME and name.isalnum() and name == name.upper()):
        raise Refused(f"{what} has 1 to {MAX_NAME} upper-case letters and digits, not {name!r}")


def _check_steps(rules: MarketRules, base: Asset, quote: Asset) -> None:
    """The engine refuses such rules too, but cannot say which. Raises Refused."""
    tick, step = money.show(rules.tick_size, quote.decimals), money.show(rules.lot_size, base.decimals)
    if not rules.tick_size or not rules.lot_size:
        raise Refused(f"tick size {tick} and step size {step} must both be above zero")
    if rules.tick_size * rules.lot_size % 10**base.decimals:
        raise Refused(
            f"tick size {tick} times step size {step} is finer than the smallest unit of {quote.code} "
            f"({money.show(1, quote.decimals)}); make one of them larger"
        )


def parse_amount(text: str, decimals: int) -> int:
    """Like `money.parse`, but up to what a balance holds and not only an order."""
    whole, _, fraction = text.partition(".")
    legal = whole.isascii() and whole.isdigit() and len(whole) <= 30
    legal = legal and (not fraction or (fraction.isascii() and fraction.isdigit()))
    if not legal or text.endswith("."):
        raise money.IllegalNumber(text)
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise money.TooPrecise(text)
    scale: int = 10**decimals
    return int(whole) * scale + int(fraction.ljust(decimals, "0") or "0")


def market_rules(rules: dict[str, Any], base_decimals: int, quote_decimals: int) -> MarketRules:
    """Decimal strings to the engine's units. Keys: tickSize, stepSize (both needed), minPrice, maxPrice, minQty,
    maxQty, marketMinQty, marketMaxQty, minNotional, maxNumOrders, makerRate, takerRate, selfTradePrevention."""

    def read(key: str, parse: Callable[[str], int], default: int) -> int:
        return parse(rules[key]) if rules.get(key) else default

    def price(text: str) -> int:
        return money.parse(text, quote_decimals)

    def qty(text: str) -> int:
        return money.parse(text, base_decimals)

    tick, lot = read("tickSize", price, 0), read("stepSize", qty, 0)
    least = read("minNotional", price, 0)
    return MarketRules(
        tick_size=tick,
        lot_size=lot,
        price_min=read("minPrice", price, tick),
        price_max=read("maxPrice", price, tick * 100_000_000),
        qty_min=read("minQty", qty, lot),
        qty_max=read("maxQty", qty, lot * 1_000_000_000),
        market_qty_min=read("marketMinQty", qty, 0),
        market_qty_max=read("marketMaxQty", qty, 0),
        notional=(least, True, 0, False) if least else None,
        max_num_orders=int(rules.get("maxNumOrders") or 200),
        maker_rate_e8=read("makerRate", _rate, 100_000),
        taker_rate_e8=read("takerRate", _rate, 100_000),
        stp_default=int(SelfTradePrevention[rules.get("selfTradePrevention") or "EXPIRE_MAKER"]),
    )


def explain(error: Exception) -> str:
    """One line for the operator: what is wrong and with what."""
    if isinstance(error, ApiError):
        return error.message
    kinds: dict[type[Exception], str] = {
        money.IllegalNumber: "is not a decimal number",
        money.TooPrecise: "has more decimals than the asset",
        money.TooLarge: "is more than the engine takes",
    }
    return f"{error} {kinds[type(error)]}" if type(error) in kinds else str(error)
