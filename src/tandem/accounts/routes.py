"""The operations about an account itself."""

from collections.abc import Callable
from typing import Any

from tandem.accounts.legacy import KeyFacts, LegacyService, no_snapshots, nothing, system_status
from tandem.accounts.service import AccountService
from tandem.domain.operation import Args, Call, Kind, Operation, Param, Security
from tandem.platform.engine import EngineClient

_EMPTY = {
    "margin/isolated/allPairs": "Isolated margin pairs: there are none.",
    "asset/wallet/balance": "Wallets besides the spot account: there are none.",
    "capital/deposit/hisrec": "Deposits over a network: there are none.",
    "capital/withdraw/history": "Withdrawals over a network: there are none.",
}
"""What clients filter by does not matter."""
_FILTERS = {
    "margin/isolated/allPairs": ("symbol",),
    "asset/wallet/balance": ("quoteAsset",),
    "capital/deposit/hisrec": ("coin", "status", "startTime", "endTime", "offset", "limit", "txId", "includeSource"),
    "capital/withdraw/history": ("coin", "withdrawOrderId", "status", "startTime", "endTime", "offset", "limit"),
}

Handler = Callable[[Call, Args], Any]


def operations(
    client: EngineClient, updated_us: Callable[[int], int], key_facts: Callable[[str], KeyFacts]
) -> list[Operation]:
    """`updated_us`: when an event last touched an account. `key_facts`: an API key by its id."""
    service = AccountService(client, updated_us)
    return [
        Operation(
            "GET",
            "/api/v3/account",
            "account.status",
            Security.USER_DATA,
            20,
            (Param("omitZeroBalances", Kind.BOOL),),
            service.status,
            summary="The account, its balances and its rates.",
        ),
        Operation(
            "GET",
            "/api/v3/account/commission",
            "account.commission",
            Security.USER_DATA,
            20,
            (Param("symbol", Kind.SYMBOL, mandatory=True),),
            service.commission,
            summary="The account's commission rates in a market.",
        ),
        Operation(
            "GET",
            "/api/v3/myFilters",
            "myFilters",
            Security.USER_DATA,
            40,
            (Param("symbol", Kind.SYMBOL, mandatory=True),),
            service.my_filters,
            summary="The filters that hold for the account in a market.",
        ),
        *_legacy(LegacyService(client, service, key_facts)),
    ]


_SNAPSHOT = (
    Param("type", Kind.ENUM, mandatory=True, choices=("SPOT", "MARGIN", "FUTURES")),
    Param("startTime", Kind.TIME),
    Param("endTime", Kind.TIME),
    Param("limit", Kind.INT, minimum=7, maximum=30),
)


def _legacy(service: LegacyService) -> list[Operation]:
    symbol = (Param("symbol", Kind.SYMBOL),)
    asset = (Param("asset", Kind.STRING),)
    valued = (*asset, Param("needBtcValuation", Kind.BOOL))
    return [
        Operation(
            "GET", "/sapi/v1/system/status", "", Security.NONE, 1, (), system_status, summary="Whether the system runs."
        ),
        _sapi("capital/config/getall", (), service.coins, "Assets and the account's balances of them."),
        _sapi("asset/tradeFee", symbol, service.trade_fees, "Commission rates by market."),
        _sapi("account/apiRestrictions", (), service.key_restrictions, "What the API key may do."),
        _sapi("account/info", (), service.account_info, "What the account has besides spot: nothing."),
        _sapi("account/status", (), service.account_status, "Whether the account is in order."),
        _sapi("account/apiTradingStatus", (), service.trading_status, "Whether the account may trade."),
        _sapi("accountSnapshot", _SNAPSHOT, no_snapshots, "Balances by day: none are kept."),
        _sapi("asset/assetDetail", asset, service.asset_details, "Deposits and withdrawals of assets: there are none."),
        _sapi("asset/get-funding-asset", valued, nothing, "A funding wallet: there is none.", method="POST"),
        _sapi("asset/getUserAsset", valued, service.assets_held, "What the account holds.", method="POST", version=3),
        Operation(
            "GET",
            "/sapi/v1/margin/allPairs",
            "",
            Security.KEY,
            1,
            # Some clients sign this request and some do not; the key alone is needed.
            tuple(Param(name, Kind.STRING) for name in ("symbol", "timestamp", "recvWindow")),
            nothing,
            summary="Margin pairs: there are none.",
        ),
        *(
            _sapi(path, tuple(Param(name, Kind.STRING) for name in _FILTERS[path]), nothing, summary)
            for path, summary in _EMPTY.items()
        ),
    ]


def _sapi(
    path: str, params: tuple[Param, ...], handler: Handler, summary: str, *, method: str = "GET", version: int = 1
) -> Operation:
    return Operation(method, f"/sapi/v{version}/{path}", "", Security.USER_DATA, 1, params, handler, summary=summary)
