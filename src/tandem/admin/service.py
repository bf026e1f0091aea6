"""What an operator may do to a running exchange. Every change is a command in the log like any other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.admin import rules as rulebook
from tandem.admin.rule_checks import RATE_ONE, complaints
from tandem.admin.rules import Scale, names_of, read_rate
from tandem.domain import money
from tandem.domain.catalog import Asset, Market
from tandem.domain.commission import show as show_rate
from tandem.domain.errors import ApiError, engine_reject
from tandem.domain.trading import FEE_ACCOUNT, MarketStatus
from tandem.platform.engine import Account, EngineClient, ExchangeRules, MarketRules, OrderClosed, Result


class NotFound(Exception):
    """No asset, market, account or key of that name; the message says which and what exists."""


class Refused(Exception):
    """A name that clients could not ask for, or rules that do not go together; the message says what is allowed."""


MAX_NAME = 20


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is None stays as it is."""

    can_trade: bool | None = None
    rates: tuple[()] | tuple[int, int, int, int] | None = None
    """Maker, taker, buyer, seller in 10^-8; empty: each market's."""
    trade_group: int | None = None
    """`NO_GROUP`: none."""
    permissions: int | None = None
    discount: bool | None = None


NO_GROUP = -1
EXCHANGE_COUNTS = {
    "maxNumOrders": "max_num_orders",
    "maxNumAlgoOrders": "max_num_algo_orders",
    "maxNumIcebergOrders": "max_num_iceberg_orders",
    "maxNumOrderLists": "max_num_order_lists",
}


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

    def rules(self, symbol: str) -> dict[str, str]:
        """Every rule of a market, as `update_market` takes them."""
        market = self._market(symbol)
        return rulebook.show_rules(self._rules_of(market.id), Scale(market.base.decimals, market.quote.decimals))

    def exchange(self) -> dict[str, str]:
        """Bounds over all markets, per account, 0 for none, and the discount asset."""
        rules = self._engine.exchange_rules()
        shown = {key: str(getattr(rules, field)) for key, field in EXCHANGE_COUNTS.items()}
        discount = rulebook.OFF
        if rules.discount is not None:
            asset, rate = rules.discount
            discount = f"{self._client.catalog.assets[asset].code},{show_rate(rate)}"
        return shown | {"discount": discount}

    def sors(self) -> list[dict[str, Any]]:
        catalog = self._client.catalog
        names = {account.id: account.name for account in self._engine.accounts()}
        return [
            {
                "base": catalog.assets[base].code,
                "symbols": [catalog.markets[market].symbol for market in markets],
                "account": names[account],
            }
            for base, markets, account in self._engine.sors()
        ]

    def accounts(self) -> list[dict[str, Any]]:
        assets = self._client.catalog.assets
        return [
            _show_account(account)
            | {
                "balances": {
                    assets[asset].code: {"free": assets[asset].show(free), "locked": assets[asset].show(locked)}
                    for asset, free, locked in self._engine.balances(account.id)
                    if free or locked
                }
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

    async def update_account(self, name: str, change: AccountChange) -> dict[str, Any]:
        account = self._engine.account(self.account_id(name))
        assert account is not None, "account_id has just found it"
        if account.id == FEE_ACCOUNT:
            raise NotFound("the fee account cannot be changed")
        fees = account.fees
        if change.rates is not None:
            fees = change.rates if change.rates else None
        group = account.trade_group if change.trade_group is None else change.trade_group
        number = self._engine.update_account(
            account.id,
            account.can_trade if change.can_trade is None else change.can_trade,
            fees,
            None if group == NO_GROUP else group,
            account.permissions if change.permissions is None else change.permissions,
            account.discount if change.discount is None else change.discount,
        )
        await self._done(number)
        changed = self._engine.account(account.id)
        assert changed is not None
        return _show_account(changed)

    async def limit_asset(self, name: str, asset_code: str, amount: str) -> dict[str, Any]:
        """MAX_ASSET: the most of an asset that one order of the account may be about; 0: no bound."""
        account, asset = self.account_id(name), self._asset(asset_code)
        limit = money.parse(amount, asset.decimals)
        await self._done(self._engine.set_asset_limit(account, asset.id, limit))
        return {"account": name, "asset": asset.code, "limit": asset.show(limit)}

    async def expire_orders(self, name: str, symbol: str) -> dict[str, Any]:
        """The exchange ends an account's open orders in a market."""
        account, market = self.account_id(name), self._market(symbol)
        result = await self._done(self._engine.cancel_all(account, market.id, by_exchange=True))
        ended = [event.order_id for event in result.events if isinstance(event, OrderClosed)]
        return {"account": name, "symbol": symbol, "ended": ended}

    async def move(self, direction: str, name: str, asset_code: str, amount: str) -> dict[str, Any]:
        """`direction` credit or debit. Returns the balance after it."""
        account = self.account_id(name)
        asset = self._asset(asset_code)
        units = parse_amount(amount, asset.decimals)
        submit = self._engine.credit if direction == "credit" else self._engine.debit
        await self._done(submit(account, asset.id, units))
        free, locked = next((f, k) for a, f, k in self._engine.balances(account) if a == asset.id)
        return {"account": name, "asset": asset.code, "free": asset.show(free), "locked": asset.show(locked)}

    async def create_market(self, symbol: str, base: str, quote: str, rules: Mapping[str, str]) -> dict[str, Any]:
        """`rules`: see `tandem.admin.rules.KEYS`."""
        _check_name("a symbol", symbol)
        base_asset, quote_asset = self._asset(base), self._asset(quote)
        parsed = rulebook.new_market(rules, Scale(base_asset.decimals, quote_asset.decimals))
        _check_rules(parsed, base_asset, quote_asset)
        await self._done(self._engine.create_market(symbol, base_asset.id, quote_asset.id, parsed))
        return self._show_market(self._market(symbol))

    async def update_market(self, symbol: str, rules: Mapping[str, str]) -> dict[str, Any]:
        """What is not named stays. Orders that are open stay as they are."""
        market = self._market(symbol)
        scale = Scale(market.base.decimals, market.quote.decimals)
        document = rulebook.merged(rulebook.show_rules(self._rules_of(market.id), scale), rules)
        parsed = rulebook.read_rules(document, scale)
        _check_rules(parsed, market.base, market.quote)
        self._check_routed(market, parsed)
        await self._done(self._engine.update_market(market.id, parsed))
        return {"symbol": symbol, "changed": {key: document[key] for key in rules if key in document}}

    def _check_routed(self, market: Market, rules: MarketRules) -> None:
        """Raises Refused. Steps of a market in a routing group are those of the whole group."""
        is_same = (rules.tick_size, rules.lot_size) == (market.rules.tick_size, market.rules.lot_size)
        if not is_same and any(market.id in markets for _, markets, _ in self._engine.sors()):
            raise Refused(
                f"{market.symbol} is in the routing group of {market.base.code}, whose markets have equal steps; "
                f"`tandem markets route {market.base.code}` ends the group"
            )

    async def set_reference_price(self, symbol: str, price: str | None) -> dict[str, Any]:
        market = self._market(symbol)
        units = None if price is None else money.parse(price, market.quote.decimals)
        await self._done(self._engine.set_reference_price(market.id, units))
        return {"symbol": symbol, "referencePrice": None if units is None else market.show_price(units)}

    async def set_sor(self, base: str, symbols: tuple[str, ...], account: str) -> dict[str, Any]:
        """The markets that orders of smart order routing may take from; none: no routing for this asset."""
        asset = self._asset(base)
        markets = [self._market(symbol) for symbol in symbols]
        owner = self.account_id(account) if symbols else FEE_ACCOUNT
        if markets:
            _check_group(asset, markets)
        await self._done(self._engine.set_sor(asset.id, [market.id for market in markets], owner))
        return {"base": asset.code, "symbols": list(symbols)}

    async def update_exchange(self, change: Mapping[str, str]) -> dict[str, Any]:
        """Keys: those of `exchange`. What is not named stays. `discount`: asset,rate or off."""
        for key in change:
            if key not in (*EXCHANGE_COUNTS, "discount"):
                raise Refused(f"no rule {key!r}; there are {', '.join((*EXCHANGE_COUNTS, 'discount'))}")
        document = self.exchange() | dict(change)
        counts = {field: rulebook.read_count(str(document[key])) for key, field in EXCHANGE_COUNTS.items()}
        discount = None
        if document["discount"] != rulebook.OFF:
            asset, _, rate = str(document["discount"]).partition(",")
            discount = self._asset(asset).id, read_rate(rate)
            if discount[1] > RATE_ONE:
                raise Refused(f"discount: what is left of the commission is at most 1, not {rate}")
        await self._done(self._engine.update_exchange(ExchangeRules(**counts, discount=discount)))
        return self.exchange()

    async def rename_asset(self, code: str, name: str) -> dict[str, Any]:
        asset = self._asset(code)
        await self._done(self._engine.update_asset(asset.id, name))
        return {"asset": code, "name": name, "decimals": asset.decimals}

    async def set_market_status(self, symbol: str, status: MarketStatus) -> dict[str, Any]:
        await self._done(self._engine.set_market_status(self._market(symbol).id, int(status)))
        return self._show_market(self._market(symbol))

    def _rules_of(self, market: int) -> MarketRules:
        return next(found.rules for found in self._engine.markets() if found.id == market)

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
            "makerRate": show_rate(market.rules.fees[0]),
            "takerRate": show_rate(market.rules.fees[1]),
        }


def _show_account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "canTrade": account.can_trade,
        "rates": None if account.fees is None else [show_rate(fee) for fee in account.fees],
        "tradeGroup": account.trade_group,
        "permissions": names_of(account.permissions, rulebook.PERMISSION_BITS),
        "discount": account.discount,
    }


def _check_name(what: str, name: str) -> None:
    """Clients can only name what the API's own pattern for symbols allows. Raises Refused."""
    if not (0 < len(name) <= MAX_NAME and name.isalnum() and name == name.upper()):
        raise Refused(f"{what} has 1 to {MAX_NAME} upper-case letters and digits, not {name!r}")


def _check_rules(rules: MarketRules, base: Asset, quote: Asset) -> None:
    """The engine refuses such rules too, but cannot say which. Raises Refused."""
    tick, step = money.show(rules.tick_size, quote.decimals), money.show(rules.lot_size, base.decimals)
    if not rules.tick_size or not rules.lot_size:
        raise Refused(f"tick size {tick} and step size {step} must both be above zero")
    if rules.tick_size * rules.lot_size % 10**base.decimals:
        raise Refused(
            f"tick size {tick} times step size {step} is finer than the smallest unit of {quote.code} "
            f"({money.show(1, quote.decimals)}); make one of them larger"
        )
    for complaint in complaints(rules):
        raise Refused(complaint)


def _check_group(base: Asset, markets: list[Market]) -> None:
    """The engine refuses such routing groups too, but cannot say why. Raises Refused."""
    first, *others = markets
    if not others:
        raise Refused("a routing group has at least two markets; without any there is no routing")
    for market in markets:
        if market.base != base:
            raise Refused(f"{market.symbol} does not trade {base.code}; a routing group has one base asset")
    for market in others:
        if market.quote == first.quote:
            raise Refused(f"{market.symbol} and {first.symbol} have one quote asset; each market needs its own")
        for rule, of_market, of_first in (
            ("tickSize", market.show_price(market.rules.tick_size), first.show_price(first.rules.tick_size)),
            ("stepSize", market.show_qty(market.rules.lot_size), first.show_qty(first.rules.lot_size)),
        ):
            if of_market != of_first:
                raise Refused(
                    f"{rule} of {market.symbol} is {of_market}, of {first.symbol} {of_first}; they must be equal: "
                    f"tandem markets update {market.symbol} {rule}={of_first}"
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


def explain(error: Exception) -> str:
    """One line for the operator: what is wrong and with what."""
    if isinstance(error, ApiError):
        return error.message
    kinds: dict[type[Exception], str] = {
        money.IllegalNumber: "is not a decimal number",
        money.TooPrecise: "has more decimals than the asset",
        money.TooLarge: "is more than the engine takes",
    }
    return f"{str(error)!r} {kinds[type(error)]}" if type(error) in kinds else str(error)
