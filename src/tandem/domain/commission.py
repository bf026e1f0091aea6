"""The commission rates that hold for an account in a market, as the engine applies them and the API shows them."""

from dataclasses import dataclass
from typing import Any

from tandem.domain import money
from tandem.domain.catalog import Market
from tandem.domain.trading import Side

RATE_DECIMALS = 8
Rates = tuple[int, int, int, int]
"""Maker, taker, buyer, seller in 10^-8. A fill pays the maker's or the taker's, and the buyer's or the seller's."""
NAMES = ("maker", "taker", "buyer", "seller")


def show(rate: int) -> str:
    return money.show(rate, RATE_DECIMALS)


def show_rates(rates: Rates) -> dict[str, str]:
    return {name: show(rate) for name, rate in zip(NAMES, rates, strict=True)}


@dataclass(frozen=True, slots=True)
class Commission:
    """Of one account in one market. `discount_asset` is empty where the exchange has none."""

    standard: Rates
    special: Rates
    tax: Rates
    is_discount_on_for_account: bool
    is_discount_on_for_symbol: bool
    discount_asset: str = ""
    discount: int = 0
    """What is left of the standard rate, in 10^-8."""

    def show(self) -> dict[str, Any]:
        return {
            "standardCommission": show_rates(self.standard),
            "specialCommission": show_rates(self.special),
            "taxCommission": show_rates(self.tax),
            "discount": self._show_discount(),
        }

    def show_for_order(self, side: Side) -> dict[str, Any]:
        """The rates of an order's fills: the side's rate is part of maker and taker."""
        return {
            "standardCommissionForOrder": _for_side(self.standard, side),
            "specialCommissionForOrder": _for_side(self.special, side),
            "taxCommissionForOrder": _for_side(self.tax, side),
            "discount": self._show_discount(),
        }

    def _show_discount(self) -> dict[str, Any]:
        return {
            "enabledForAccount": self.is_discount_on_for_account,
            "enabledForSymbol": self.is_discount_on_for_symbol,
            "discountAsset": self.discount_asset,
            "discount": show(self.discount),
        }


def _for_side(rates: Rates, side: Side) -> dict[str, str]:
    maker, taker, buyer, seller = rates
    own = buyer if side == Side.BUY else seller
    return {"maker": show(maker + own), "taker": show(taker + own)}


def commission_of(
    own: Rates | None, has_discount: bool, market: Market, discount: tuple[str, int] | None
) -> Commission:
    """`own`: the account's rates, if it has some. `discount`: the exchange's asset and what it leaves of the rate."""
    rules = market.rules
    asset, left = discount or ("", 0)
    return Commission(
        standard=own or rules.fees,
        special=rules.special_fees,
        tax=rules.tax_fees,
        is_discount_on_for_account=has_discount and discount is not None,
        is_discount_on_for_symbol=rules.discount and discount is not None,
        discount_asset=asset,
        discount=left,
    )
