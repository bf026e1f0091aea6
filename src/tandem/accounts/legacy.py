"""What clients ask under /sapi when they start or on demand.

True data where there is some; an empty list for what a spot exchange without margin and withdrawals does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tandem.accounts.service import RATE_DECIMALS, AccountService, rates_in
from tandem.domain import money
from tandem.domain.errors import api_error
from tandem.domain.operation import Args, Call
from tandem.domain.trading import MarketStatus
from tandem.platform.engine import EngineClient


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """An API key as its owner may see it."""

    created_us: int
    may_trade: bool
    is_ip_restricted: bool


class LegacyService:
    def __init__(self, client: EngineClient, accounts: AccountService, key_facts: Callable[[str], KeyFacts]) -> None:
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
        rows = [(market.symbol, *rates_in(account, market)) for market in markets]
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
        return {"vipLevel": 0, "isMarginEnabled": False, "isFutureEnabled": False}

    def account_status(self, _call: Call, _args: Args) -> dict[str, str]:
        return {"data": "Normal"}


def system_status(_call: Call, _args: Args) -> dict[str, Any]:
    return {"status": 0, "msg": "normal"}


def nothing(_call: Call, _args: Args) -> bytes:
    return b"[]"


def _short(rate_e8: int) -> str:
    """Without trailing zeros: "0.001"."""
    return money.show(rate_e8, RATE_DECIMALS).rstrip("0").rstrip(".")
