"""What clients ask under /sapi: true where there is something, honestly empty where there is nothing."""

import pytest

from tandem.domain.errors import ApiError
from tests.trading.rig import ALICE, BOB, CAROL, Rig

NOTHING_ELSE = {"freeze": "0", "withdrawing": "0", "ipoable": "0"}


async def test_what_an_account_holds_is_valued_at_the_last_price(rig: Rig) -> None:
    await rig.done(rig.engine.create_asset("ETH", "Ether", 18))
    await rig.limit(ALICE, "BUY", "20000", "0.5")
    await rig.limit(BOB, "SELL", "20000", "0.1")
    held = await rig.ask("/sapi/v3/asset/getUserAsset", CAROL, needBtcValuation="true")
    assert held == [
        {
            "asset": "BTC",
            "free": "100.00000000",
            "locked": "0.00000000",
            **NOTHING_ELSE,
            "btcValuation": "100.00000000",
        },
        {
            "asset": "USDT",
            "free": "1000000.000000",
            "locked": "0.000000",
            **NOTHING_ELSE,
            "btcValuation": "50.00000000",
        },
    ]
    assert [row["btcValuation"] for row in await rig.ask("/sapi/v3/asset/getUserAsset", CAROL)] == ["0", "0"]
    one = await rig.ask("/sapi/v3/asset/getUserAsset", asset="USDT")
    assert [(row["asset"], row["free"], row["locked"]) for row in one] == [("USDT", "990000.000000", "8000.000000")]


async def test_a_market_quoted_in_bitcoin_values_its_base(rig: Rig) -> None:
    await rig.done(rig.engine.create_asset("ETH", "Ether", 18))
    await rig.done(rig.engine.credit(CAROL, 2, 3 * 10**18))
    held = await rig.ask("/sapi/v3/asset/getUserAsset", CAROL, asset="ETH", needBtcValuation="true")
    assert held[0]["btcValuation"] == "0"
    rules = type(rig.engine.markets()[0].rules)(tick_size=10**4, lot_size=10**14)
    await rig.done(rig.engine.create_market("ETHBTC", 2, 0, rules))
    await rig.ask("order.place", CAROL, symbol="ETHBTC", side="SELL", type="LIMIT", timeInForce="GTC", price="0.05",
                  quantity="1")  # fmt: skip
    await rig.ask("order.place", ALICE, symbol="ETHBTC", side="BUY", type="MARKET", quantity="1")
    held = await rig.ask("/sapi/v3/asset/getUserAsset", CAROL, asset="ETH", needBtcValuation="true")
    assert (held[0]["free"], held[0]["btcValuation"]) == ("2.000000000000000000", "0.10000000")


async def test_an_account_that_may_not_trade_is_locked(rig: Rig) -> None:
    told = {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": {}, "updateTime": 0}
    assert await rig.ask("/sapi/v1/account/apiTradingStatus") == {"data": told}
    await rig.done(rig.engine.update_account(ALICE, False, None, None, 1, False))
    assert await rig.ask("/sapi/v1/account/apiTradingStatus") == {"data": told | {"isLocked": True}}


async def test_nothing_comes_or_goes_over_a_network(rig: Rig) -> None:
    detail = {"minWithdrawAmount": "0", "depositStatus": False, "withdrawFee": "0", "withdrawStatus": False}
    assert await rig.ask("/sapi/v1/asset/assetDetail") == {"BTC": detail, "USDT": detail}
    assert await rig.ask("/sapi/v1/asset/assetDetail", asset="BTC") == {"BTC": detail}


async def test_what_is_not_kept_is_empty(rig: Rig) -> None:
    assert await rig.ask("/sapi/v1/asset/get-funding-asset", asset="BTC") == []
    snapshot = await rig.ask("/sapi/v1/accountSnapshot", type="SPOT", limit=7)
    assert snapshot == {"code": 200, "msg": "", "snapshotVos": []}


@pytest.mark.parametrize(
    ("params", "code"), [({}, -1102), ({"type": "spot"}, -1130), ({"type": "SPOT", "limit": 6}, -1130)]
)
async def test_a_snapshot_needs_a_type(rig: Rig, params: dict[str, object], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        await rig.ask("/sapi/v1/accountSnapshot", **params)
    assert refused.value.code == code
