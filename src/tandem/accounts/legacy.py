"""What clients ask under /sapi when they start or on demand.

True data where there is some; an empty list for what a spot exchange without margin and withdrawals does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tandem.accounts.service import AccountService
from tandem.domain.catalog import Asset
from tandem.domain.commission import show as show_rate
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.domain.trading import MarketStatus
from tandem.platform.engine import EngineClient

VALUED_IN = "BTC"
"""The asset that the API values holdings in."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """An API key as its owner may see it."""

    created_us: int
    may_trade: bool
    is_ip_restricted: bool


class LegacyService:
    def __init__(self, client: EngineClient, accounts: AccountService, key_facts: Callable[[str], KeyFacts]) -> None:
        self._engine = client.engine
        self._catalog = client.catalog
        self._accounts = accounts
        self._key_facts = key_facts

    def coins(self, call: Call, _args: Args) -> list[dict[str, Any]]:
        held = self._accounts.balances(call.account)
        traded = {
            asset.id
            for market in self._catalog.markets.values()
            if market.status == MarketStatus.TRADING
            for asset in (market.base, market.quote)
        }
        return [
            {
                "coin": asset.code,
                "name": asset.name,
                "free": asset.show(held.get(asset.id, (0, 0))[0]),
                "locked": asset.show(held.get(asset.id, (0, 0))[1]),
                "freeze": "0",
                "withdrawing": "0",
                "ipoing": "0",
                "ipoable": "0",
                "storage": "0",
                "isLegalMoney": False,
                "trading": asset.id in traded,
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "networkList": [],
            }
            for asset in self._catalog.assets.values()
        ]

    def trade_fees(self, call: Call, args: Args) -> list[dict[str, str]]:
        account = self._accounts.account(call)
        markets = list(self._catalog.markets.values())
        if "symbol" in args:
            markets = [market for market in markets if market.symbol == args["symbol"]]
            if not markets:
                raise api_error("BAD_SYMBOL")
        rows = [(market.symbol, *(account.fees or market.rules.fees)[:2]) for market in markets]
        return [
            {"symbol": symbol, "makerCommission": _short(maker), "takerCommission": _short(taker)}
            for symbol, maker, taker in rows
        ]

    def key_restrictions(self, call: Call, _args: Args) -> dict[str, Any]:
        facts = self._key_facts(call.api_key)
        return {
            "ipRestrict": facts.is_ip_restricted,
            "createTime": call.show_time(facts.created_us),
            "enableReading": True,
            "enableSpotAndMarginTrading": facts.may_trade,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enablePortfolioMarginTrading": False,
        }

    def account_info(self, _call: Call, _args: Args) -> dict[str, Any]:
        return {
            "vipLevel": 0,
            "isMarginEnabled": False,
            "isFutureEnabled": False,
            "isOptionsEnabled": False,
            "isPortfolioMarginRetailEnabled": False,
        }

    def account_status(self, _call: Call, _args: Args) -> dict[str, str]:
        return {"data": "Normal"}

    def trading_status(self, call: Call, _args: Args) -> dict[str, Any]:
        """Nothing locks an account by itself: there are no trigger conditions, and no time when it is over."""
        is_locked = not self._accounts.account(call).can_trade
        return {"data": {"isLocked": is_locked, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": 0}}

    def assets_held(self, call: Call, args: Args) -> list[dict[str, str]]:
        held = self._accounts.balances(call.account)
        wanted = [a for a in self._catalog.assets.values() if args.get("asset", a.code) == a.code]
        return [
            {
                "asset": asset.code,
                "free": asset.show(free),
                "locked": asset.show(locked),
                "freeze": "0",
                "withdrawing": "0",
                "ipoable": "0",
                "btcValuation": self._valued(asset, free + locked) if args.get("needBtcValuation") else "0",
            }
            for asset in wanted
            for free, locked in [held.get(asset.id, (0, 0))]
            if free or locked
        ]

    def _valued(self, asset: Asset, amount: int) -> str:
        """At the last price of a market that the asset has with `VALUED_IN`, rounded down; "0" when there is none."""
        unit = self._catalog.by_code.get(VALUED_IN)
        if unit is None:
            return "0"
        if asset.id == unit.id:
            return unit.show(amount)
        for market in self._engine.markets():
            price = market.last_price
            if price and (market.base, market.quote) == (asset.id, unit.id):
                return unit.show(amount * price // 10**asset.decimals)
            if price and (market.base, market.quote) == (unit.id, asset.id):
                return unit.show(amount * 10**unit.decimals // price)
        return "0"

    def asset_details(self, _call: Call, args: Args) -> dict[str, dict[str, Any]]:
        """Nothing comes or goes over a network."""
        detail = {"minWithdrawAmount": "0", "depositStatus": False, "withdrawFee": "0", "withdrawStatus": False}
        return {code: detail for code in self._catalog.by_code if args.get("asset", code) == code}


def system_status(_call: Call, _args: Args) -> dict[str, Any]:
    return {"status": 0, "msg": "normal"}


def no_snapshots(_call: Call, _args: Args) -> dict[str, Any]:
    """Balances are not kept by day."""
    return {"code": 200, "msg": "", "snapshotVos": []}


def nothing(_call: Call, _args: Args) -> bytes:
    return b"[]"


def _short(rate_e8: int) -> str:
    """Without trailing zeros: "0.001"."""
    return show_rate(rate_e8).rstrip("0").rstrip(".")
