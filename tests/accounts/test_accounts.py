from pathlib import Path

import ccxt
import pytest

from tandem.domain.errors import ApiError
from tandem.platform.engine import ExchangeRules
from tests.trading.rig import ALICE, BOB, CAROL, NOW_US, Rig, running

NO_RATES = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
RATES = NO_RATES | {"maker": "0.00100000", "taker": "0.00200000"}


async def test_an_account_in_full(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert await rig.ask("account.status") == {
        "makerCommission": 10,
        "takerCommission": 20,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": RATES,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": rig.ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": "BTC", "free": "100.00000000", "locked": "0.00000000"},
            {"asset": "USDT", "free": "990000.000000", "locked": "10000.000000"},
        ],
        "permissions": ["SPOT"],
        "uid": ALICE,
    }


async def test_an_account_has_its_own_time_of_update(rig: Rig) -> None:
    before = (await rig.ask("account.status", BOB))["updateTime"]
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    assert (await rig.ask("account.status", BOB))["updateTime"] == before


async def test_zero_balances_can_be_left_out(rig: Rig) -> None:
    await rig.done(rig.engine.create_asset("ETH", "Ether", 18))
    everything = await rig.ask("account.status")
    assert everything["balances"][2] == {"asset": "ETH", "free": "0." + "0" * 18, "locked": "0." + "0" * 18}
    held = await rig.ask("account.status", omitZeroBalances="true")
    assert [row["asset"] for row in held["balances"]] == ["BTC", "USDT"]


async def test_an_accounts_own_rates_hold_everywhere(rig: Rig) -> None:
    await rig.done(rig.engine.update_account(ALICE, False, (0, 50_000, 0, 0), None, 1, False))
    own = NO_RATES | {"taker": "0.00050000"}
    status = await rig.ask("account.status")
    assert (status["canTrade"], status["makerCommission"], status["takerCommission"]) == (False, 0, 5)
    assert status["commissionRates"] == own
    assert (await rig.ask("account.commission", symbol="BTCUSDT"))["standardCommission"] == own
    assert await rig.ask("/sapi/v1/asset/tradeFee") == [
        {"symbol": "BTCUSDT", "makerCommission": "0", "takerCommission": "0.0005"}
    ]


async def test_commission_in_full(rig: Rig) -> None:
    assert await rig.ask("account.commission", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "standardCommission": RATES,
        "specialCommission": NO_RATES,
        "taxCommission": NO_RATES,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": "0.00000000",
        },
    }


async def test_every_part_of_a_commission_is_shown(rig: Rig) -> None:
    rules = rig.rules(fees=(1, 2, 3, 4), special_fees=(5, 6, 7, 8), tax_fees=(9, 10, 11, 12), discount=True)
    await rig.done(rig.engine.update_market(0, rules))
    await rig.done(rig.engine.update_exchange(ExchangeRules(discount=(1, 75_000_000))))
    await rig.done(rig.engine.update_account(ALICE, True, (100, 200, 300, 400), 7, 1, True))

    def rates(*numbers: int) -> dict[str, str]:
        return {name: f"0.{n:08d}" for name, n in zip(NO_RATES, numbers, strict=True)}

    assert await rig.ask("account.commission", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "standardCommission": rates(100, 200, 300, 400),
        "specialCommission": rates(5, 6, 7, 8),
        "taxCommission": rates(9, 10, 11, 12),
        "discount": {
            "enabledForAccount": True,
            "enabledForSymbol": True,
            "discountAsset": "USDT",
            "discount": "0.75000000",
        },
    }
    assert (await rig.ask("account.status"))["tradeGroupId"] == 7


async def test_my_filters_show_what_concerns_the_account(rig: Rig) -> None:
    await rig.done(rig.engine.update_exchange(ExchangeRules(max_num_orders=1000)))
    await rig.done(rig.engine.set_asset_limit(ALICE, 0, 150_000_000))
    found = await rig.ask("myFilters", symbol="BTCUSDT")
    assert found["exchangeFilters"] == [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}]
    assert found["assetFilters"] == [{"filterType": "MAX_ASSET", "asset": "BTC", "limit": "1.50000000"}]
    assert "PRICE_FILTER" in {row["filterType"] for row in found["symbolFilters"]}
    assert (await rig.ask("myFilters", BOB, symbol="BTCUSDT"))["assetFilters"] == []


@pytest.mark.parametrize("name", ["account.commission", "myFilters", "/sapi/v1/asset/tradeFee"])
async def test_an_unknown_symbol_is_refused(rig: Rig, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        await rig.ask(name, symbol="ETHUSDT")
    assert refused.value.code == -1121


async def test_a_key_of_an_account_that_does_not_exist_is_refused(rig: Rig) -> None:
    with pytest.raises(ApiError) as refused:
        await rig.ask("account.status", 99)
    assert refused.value.code == -2015


# --- what clients ask when they start


async def test_coins_are_the_assets_and_their_balances(rig: Rig) -> None:
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    rows = await rig.ask("/sapi/v1/capital/config/getall")
    assert [(row["coin"], row["name"], row["free"], row["locked"], row["trading"]) for row in rows] == [
        ("BTC", "Bitcoin", "100.00000000", "0.00000000", True),
        ("USDT", "Tether", "990000.000000", "10000.000000", True),
    ]


async def test_a_client_library_reads_the_coins(rig: Rig) -> None:
    rows = await rig.ask("/sapi/v1/capital/config/getall")
    currencies = ccxt.binance().parse_currencies(rows)
    assert {code: currency["name"] for code, currency in currencies.items()} == {"BTC": "Bitcoin", "USDT": "Tether"}


async def test_trade_fees_and_system_status(rig: Rig) -> None:
    fee = {"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.002"}
    assert await rig.ask("/sapi/v1/asset/tradeFee") == [fee]
    assert await rig.ask("/sapi/v1/asset/tradeFee", symbol="BTCUSDT") == [fee]
    assert await rig.ask("/sapi/v1/system/status") == {"status": 0, "msg": "normal"}


async def test_a_key_shows_what_it_may_do(rig: Rig) -> None:
    rights = await rig.ask("/sapi/v1/account/apiRestrictions")
    assert {key for key, value in rights.items() if value is True} == {"enableReading", "enableSpotAndMarginTrading"}
    assert rights["createTime"] == NOW_US // 1000


@pytest.mark.parametrize("path", ["margin/allPairs", "margin/isolated/allPairs", "capital/deposit/hisrec"])
async def test_what_does_not_exist_is_an_empty_list(rig: Rig, path: str) -> None:
    assert await rig.ask(f"/sapi/v1/{path}") == []


async def test_an_empty_exchange_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.done(rig.engine.create_account("alice"))
        status = await rig.ask("account.status")
        assert (status["balances"], status["makerCommission"], status["updateTime"]) == ([], 0, 0)
        assert await rig.ask("/sapi/v1/capital/config/getall", CAROL) == []
