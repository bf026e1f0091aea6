"""What an account is and has: status, balances, commission rates."""

from collections.abc import Callable
from typing import Any

from tandem.domain import money
from tandem.domain.catalog import Market
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.platform.engine import Account, EngineClient

RATE_DECIMALS = 8
NO_RATE = money.show(0, RATE_DECIMALS)
BASIS_POINT_E8 = 10_000
NO_DISCOUNT = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "",
    "discount": NO_RATE,
}
"""Commission is always taken from what a trade brings."""


class AccountService:
    """`updated_us` says when an event last touched an account (0: not lately)."""

    def __init__(self, client: EngineClient, updated_us: Callable[[int], int]) -> None:
        self._engine = client.engine
        self._catalog = client.catalog
        self._updated_us = updated_us

    def status(self, call: Call, args: Args) -> dict[str, Any]:
        account = self.account(call)
        maker, taker = self._account_rates(account)
        return {
            "makerCommission": maker // BASIS_POINT_E8,
            "takerCommission": taker // BASIS_POINT_E8,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {**_rates(maker, taker), "buyer": NO_RATE, "seller": NO_RATE},
            "canTrade": account.can_trade,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.show_time(self._updated_us(account.id)),
            "accountType": "SPOT",
            "balances": self._balances(account.id, omit_zero=args.get("omitZeroBalances", False)),
            "permissions": ["SPOT"],
            "uid": account.id,
        }

    def commission(self, call: Call, args: Args) -> dict[str, Any]:
        market = self._catalog.by_symbol.get(args["symbol"])
        if market is None:
            raise api_error("BAD_SYMBOL")
        sides = {"buyer": NO_RATE, "seller": NO_RATE}
        none = {**_rates(0, 0), **sides}
        return {
            "symbol": market.symbol,
            "standardCommission": {**_rates(*rates_in(self.account(call), market)), **sides},
            "specialCommission": none,
            "taxCommission": none,
            "discount": NO_DISCOUNT,
        }

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

    def _account_rates(self, account: Account) -> tuple[int, int]:
        """Its own rates, or else the highest of any market, so that nobody pays more than this says."""
        if account.fees is not None:
            return account.fees
        rules = [market.rules for market in self._catalog.markets.values()]
        return max((r.maker_rate_e8 for r in rules), default=0), max((r.taker_rate_e8 for r in rules), default=0)


def rates_in(account: Account, market: Market) -> tuple[int, int]:
    """Maker and taker rate, as the engine applies them."""
    return account.fees or (market.rules.maker_rate_e8, market.rules.taker_rate_e8)


def _rates(maker: int, taker: int) -> dict[str, str]:
    return {"maker": money.show(maker, RATE_DECIMALS), "taker": money.show(taker, RATE_DECIMALS)}
