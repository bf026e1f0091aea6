"""What an account is and has: status, balances, commission rates, filters."""

from collections.abc import Callable
from typing import Any

from tandem.domain import filters, permissions
from tandem.domain.catalog import Market
from tandem.domain.commission import Commission, Rates, commission_of, show_rates
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.platform.engine import Account, EngineClient

BASIS_POINT_E8 = 10_000


class AccountService:
    """`updated_us` says when an event last touched an account (0: not lately)."""

    def __init__(self, client: EngineClient, updated_us: Callable[[int], int]) -> None:
        self._engine = client.engine
        self._catalog = client.catalog
        self._updated_us = updated_us

    def status(self, call: Call, args: Args) -> dict[str, Any]:
        account = self.account(call)
        rates = self._account_rates(account)
        maker, taker, buyer, seller = (rate // BASIS_POINT_E8 for rate in rates)
        group = {} if account.trade_group is None else {"tradeGroupId": account.trade_group}
        return {
            "makerCommission": maker,
            "takerCommission": taker,
            "buyerCommission": buyer,
            "sellerCommission": seller,
            "commissionRates": show_rates(rates),
            "canTrade": account.can_trade,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.show_time(self._updated_us(account.id)),
            "accountType": "SPOT",
            "balances": self._balances(account.id, omit_zero=args.get("omitZeroBalances", False)),
            "permissions": permissions.names_of(account.permissions),
            "uid": account.id,
            **group,
        }

    def commission(self, call: Call, args: Args) -> dict[str, Any]:
        market = self._market(args)
        return {"symbol": market.symbol, **self.commission_in(self.account(call), market).show()}

    def commission_in(self, account: Account, market: Market) -> Commission:
        rules = self._engine.exchange_rules()
        discount = None if rules.discount is None else (self._catalog.assets[rules.discount[0]].code, rules.discount[1])
        return commission_of(account.fees, account.discount, market, discount)

    def my_filters(self, call: Call, args: Args) -> dict[str, Any]:
        """The filters that concern the account: the only place that shows MAX_ASSET."""
        market = self._market(args)
        limits = dict(self._engine.asset_limits(self.account(call).id))
        return {
            "exchangeFilters": filters.of_exchange(self._engine.exchange_rules()),
            "symbolFilters": filters.of_market(market),
            "assetFilters": [
                {"filterType": "MAX_ASSET", "asset": asset.code, "limit": asset.show(limits[asset.id])}
                for asset in (market.base, market.quote)
                if limits.get(asset.id)
            ],
        }

    def _market(self, args: Args) -> Market:
        market = self._catalog.by_symbol.get(args["symbol"])
        if market is None:
            raise api_error("BAD_SYMBOL")
        return market

    def account(self, call: Call) -> Account:
        """Raises ApiError: a key may outlive the data it was made for."""
        account = self._engine.account(call.account)
        if account is None:
            raise api_error("REJECTED_MBX_KEY")
        return account

    def balances(self, account: int) -> dict[int, tuple[int, int]]:
        """Free and locked by asset id; an asset that the account never held is missing."""
        return {asset: (free, locked) for asset, free, locked in self._engine.balances(account)}

    def _balances(self, account: int, *, omit_zero: bool) -> list[dict[str, str]]:
        held = self.balances(account)
        rows = []
        for asset in self._catalog.assets.values():
            free, locked = held.get(asset.id, (0, 0))
            if free or locked or not omit_zero:
                rows.append({"asset": asset.code, "free": asset.show(free), "locked": asset.show(locked)})
        return rows

    def _account_rates(self, account: Account) -> Rates:
        """Its own rates, or else the highest of any market, so that nobody pays more than this says."""
        if account.fees is not None:
            return account.fees
        rates = [market.rules.fees for market in self._catalog.markets.values()]
        maker, taker, buyer, seller = (max(column) for column in zip((0, 0, 0, 0), *rates, strict=True))
        return maker, taker, buyer, seller
