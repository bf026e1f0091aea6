"""What the operations answer, field by field, in a short notation that becomes JSON Schema.

An object is text: `name:type`, a `?` behind names that are not always there. A type is a word of `WORDS`, the name of
an object or enumeration here, `[type]` for a list, `{type}` for an object of any names, `(type,type)` for a row of
fixed length, `=TEXT` for one fixed text, `type|type` for a choice. Objects have no other fields than those given here;
tests hold answers to that.
"""

from typing import Any

Schema = dict[str, Any]

DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
WORDS: dict[str, Schema] = {
    "text": {"type": "string"},
    "decimal": {"type": "string", "pattern": DECIMAL, "description": "A number as text."},
    "int": {"type": "integer"},
    "time": {"type": "integer", "description": "Milliseconds, or microseconds if asked for, since 1970 (UTC)."},
    "bool": {"type": "boolean"},
    "null": {"type": "null"},
    "empty": {"type": "array", "maxItems": 0, "items": False},
}

ENUMS = {
    "Side": "BUY SELL",
    "OrderType": "LIMIT MARKET STOP_LOSS STOP_LOSS_LIMIT TAKE_PROFIT TAKE_PROFIT_LIMIT LIMIT_MAKER",
    "TimeInForce": "GTC IOC FOK",
    "OrderStatus": "NEW PENDING_NEW PARTIALLY_FILLED FILLED CANCELED REJECTED EXPIRED EXPIRED_IN_MATCH",
    "ExpiryReason": "REJECTED EXCHANGE_CANCELED OCO_TRIGGER OTO_PHASE_ONE_EXPIRED UNFILLED_IOC_QUANTITY_EXPIRED"
    " UNFILLED_FOK_ORDER_EXPIRED INSUFFICIENT_LIQUIDITY EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
    "SelfTradePrevention": "NONE EXPIRE_MAKER EXPIRE_TAKER EXPIRE_BOTH DECREMENT TRANSFER",
    "PegPriceType": "PRIMARY_PEG MARKET_PEG",
    "PegOffsetType": "PRICE_LEVEL",
    "WorkingFloor": "EXCHANGE SOR",
    "Contingency": "OCO OTO",
    "ListStatus": "RESPONSE EXEC_STARTED UPDATED ALL_DONE",
    "ListOrderStatus": "EXECUTING ALL_DONE REJECT",
    "ReplaceResult": "SUCCESS FAILURE NOT_ATTEMPTED",
    "MarketStatus": "TRADING END_OF_DAY HALT BREAK CANCEL_ONLY",
    "LimitType": "REQUEST_WEIGHT ORDERS RAW_REQUESTS CONNECTIONS",
    "LimitInterval": "SECOND MINUTE HOUR DAY",
}

FILTERS = {
    "PRICE_FILTER": "minPrice:decimal maxPrice:decimal tickSize:decimal",
    "PERCENT_PRICE": "multiplierUp:decimal multiplierDown:decimal avgPriceMins:int",
    "PERCENT_PRICE_BY_SIDE": "bidMultiplierUp:decimal bidMultiplierDown:decimal askMultiplierUp:decimal"
    " askMultiplierDown:decimal avgPriceMins:int",
    "LOT_SIZE": "minQty:decimal maxQty:decimal stepSize:decimal",
    "MIN_NOTIONAL": "minNotional:decimal applyToMarket:bool avgPriceMins:int",
    "NOTIONAL": "minNotional:decimal applyMinToMarket:bool maxNotional:decimal applyMaxToMarket:bool avgPriceMins:int",
    "ICEBERG_PARTS": "limit:int",
    "MARKET_LOT_SIZE": "minQty:decimal maxQty:decimal stepSize:decimal",
    "MAX_NUM_ORDERS": "maxNumOrders:int",
    "MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders:int",
    "MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders:int",
    "MAX_POSITION": "maxPosition:decimal",
    "TRAILING_DELTA": "minTrailingAboveDelta:int maxTrailingAboveDelta:int minTrailingBelowDelta:int"
    " maxTrailingBelowDelta:int",
    "MAX_NUM_ORDER_AMENDS": "maxNumOrderAmends:int",
    "MAX_NUM_ORDER_LISTS": "maxNumOrderLists:int",
    "EXCHANGE_MAX_NUM_ORDERS": "maxNumOrders:int",
    "EXCHANGE_MAX_NUM_ALGO_ORDERS": "maxNumAlgoOrders:int",
    "EXCHANGE_MAX_NUM_ICEBERG_ORDERS": "maxNumIcebergOrders:int",
    "EXCHANGE_MAX_NUM_ORDER_LISTS": "maxNumOrderLists:int",
    "MAX_ASSET": "asset:text limit:decimal",
}

_RATES = "maker:decimal taker:decimal"
_TICKER = "symbol:text openPrice:decimal highPrice:decimal lowPrice:decimal lastPrice:decimal volume:decimal"
_WINDOW = " quoteVolume:decimal openTime:time closeTime:time firstId:int lastId:int count:int"
_CHANGE = " priceChange:decimal priceChangePercent:decimal weightedAvgPrice:decimal"
_ACK = "symbol:text orderId:int orderListId:int clientOrderId:text transactTime:time"
_STATE = " status:OrderStatus timeInForce:TimeInForce type:OrderType side:Side"
_AMOUNTS = " price:decimal origQty:decimal executedQty:decimal origQuoteOrderQty:decimal cummulativeQuoteQty:decimal"
_PENDING_AMOUNTS = _AMOUNTS.replace("origQty", "origQty?")
"""Of a pending order whose quantity another order decides."""
_STP = " selfTradePreventionMode:SelfTradePrevention"
_IF_SENT = (
    " icebergQty?:decimal stopPrice?:decimal strategyId?:int strategyType?:int trailingDelta?:int trailingTime?:time"
    " pegPriceType?:PegPriceType pegOffsetType?:PegOffsetType pegOffsetValue?:int peggedPrice?:decimal"
)
_IF_HAPPENED = (
    " preventedMatchId?:int preventedQuantity?:decimal expiryReason?:ExpiryReason usedSor?:bool"
    " workingFloor?:WorkingFloor tradeGroupId?:int"
)
_LIST = (
    "orderListId:int contingencyType:Contingency listStatusType:ListStatus listOrderStatus:ListOrderStatus"
    " listClientOrderId:text transactionTime:time symbol:text orders:[ListMember]"
)
_DISCOUNT = "enabledForAccount:bool enabledForSymbol:bool discountAsset:text discount:decimal"

OBJECTS = {
    "Error": "code:int msg:text data?:ReplaceOutcome",
    "Nothing": "",
    # --- market data
    "Time": "serverTime:time",
    "RateLimit": "rateLimitType:LimitType interval:LimitInterval intervalNum:int limit:int",
    "Market": "symbol:text status:MarketStatus baseAsset:text baseAssetPrecision:int quoteAsset:text quotePrecision:int"
    " quoteAssetPrecision:int baseCommissionPrecision:int quoteCommissionPrecision:int orderTypes:[OrderType]"
    " icebergAllowed:bool ocoAllowed:bool otoAllowed:bool opoAllowed:bool quoteOrderQtyMarketAllowed:bool"
    " allowTrailingStop:bool cancelReplaceAllowed:bool amendAllowed:bool pegInstructionsAllowed:bool"
    " isSpotTradingAllowed:bool isMarginTradingAllowed:bool filters:[Filter] permissions:[text]"
    " permissionSets:[[text]] defaultSelfTradePreventionMode:SelfTradePrevention"
    " allowedSelfTradePreventionModes:[SelfTradePrevention]",
    "Sor": "baseAsset:text symbols:[text]",
    "ExchangeInfo": "timezone:text serverTime:time rateLimits:[RateLimit] exchangeFilters:[Filter] symbols:[Market]"
    " sors?:[Sor]",
    "PriceRange": "ruleType:=PRICE_RANGE bidLimitMultUp?:decimal bidLimitMultDown?:decimal askLimitMultUp?:decimal"
    " askLimitMultDown?:decimal",
    "MarketRules": "symbol:text rules:[PriceRange]",
    "ExecutionRules": "symbolRules:[MarketRules]",
    "Depth": "lastUpdateId:int bids:[Level] asks:[Level]",
    "Trade": "id:int price:decimal qty:decimal quoteQty:decimal time:time isBuyerMaker:bool isBestMatch:bool",
    "BlockTrade": "id:int price:decimal qty:decimal quoteQty:decimal time:time isBuyerMaker:bool",
    "AggregateTrade": "a:int p:decimal q:decimal f:int l:int T:time m:bool M:bool",
    "AveragePrice": "mins:int price:decimal closeTime:time",
    "MiniTicker": _TICKER + _WINDOW,
    "WindowTicker": _TICKER + _CHANGE + _WINDOW,
    "DayTicker": _TICKER + _CHANGE + _WINDOW + " prevClosePrice:decimal lastQty:decimal bidPrice:decimal"
    " bidQty:decimal askPrice:decimal askQty:decimal",
    "PriceTicker": "symbol:text price:decimal",
    "BookTicker": "symbol:text bidPrice:decimal bidQty:decimal askPrice:decimal askQty:decimal",
    "ReferencePrice": "symbol:text referencePrice:decimal|null timestamp:time",
    "MeanCalculation": "symbol:text calculationType:=ARITHMETIC_MEAN bucketCount:int bucketWidthMs:int",
    "ExternalCalculation": "symbol:text calculationType:=EXTERNAL externalCalculationId:int",
    # --- orders
    "Fill": "price:decimal qty:decimal commission:decimal commissionAsset:text tradeId:int matchType?:text"
    " allocId?:int",
    "PlacedPreventedMatch": "preventedMatchId:int makerSymbol?:text makerOrderId:int price:decimal"
    " takerPreventedQuantity?:decimal makerPreventedQuantity?:decimal",
    "OrderAck": _ACK,
    "OrderResult": _ACK
    + _AMOUNTS
    + _STATE
    + " workingTime:time"
    + _STP
    + _IF_SENT
    + _IF_HAPPENED
    + " fills?:[Fill] preventedMatches?:[PlacedPreventedMatch]",
    "CanceledOrder": _ACK + " origClientOrderId:text" + _AMOUNTS + _STATE + _STP + _IF_SENT + _IF_HAPPENED,
    "ListMember": "symbol:text orderId:int clientOrderId:text",
    "OrderList": _LIST,
    "ListedOrder": _ACK
    + _PENDING_AMOUNTS
    + _STATE
    + " workingTime?:time"
    + _STP
    + _IF_SENT
    + _IF_HAPPENED
    + " fills?:[Fill] preventedMatches?:[PlacedPreventedMatch]",
    "PlacedList": _LIST + " orderReports:[OrderAck|ListedOrder]",
    "CanceledListedOrder": _ACK
    + " origClientOrderId:text"
    + _PENDING_AMOUNTS
    + _STATE
    + " workingTime?:time"
    + _STP
    + _IF_SENT
    + _IF_HAPPENED,
    "CanceledList": _LIST + " orderReports:[CanceledListedOrder]",
    "ReplaceOutcome": "cancelResult:ReplaceResult newOrderResult:ReplaceResult"
    " cancelResponse:CanceledOrder|CanceledList|Error newOrderResponse:OrderAck|OrderResult|Error|null",
    "Replaced": "cancelResult:=SUCCESS newOrderResult:=SUCCESS cancelResponse:CanceledOrder|CanceledList"
    " newOrderResponse:OrderAck|OrderResult",
    "AmendedOrder": "symbol:text orderId:int orderListId:int origClientOrderId:text clientOrderId:text price:decimal"
    " qty:decimal executedQty:decimal preventedQty:decimal quoteOrderQty:decimal cumulativeQuoteQty:decimal"
    + _STATE
    + " workingTime?:time"
    + _STP
    + _IF_SENT
    + _IF_HAPPENED,
    "AmendedList": "orderListId:int contingencyType:Contingency listOrderStatus:ListOrderStatus listClientOrderId:text"
    " symbol:text orders:[ListMember]",
    "Amendment": "transactTime:time executionId:int amendedOrder:AmendedOrder listStatus?:AmendedList",
    "PastAmendment": "symbol:text orderId:int executionId:int origClientOrderId:text newClientOrderId:text"
    " origQty:decimal newQty:decimal time:time",
    "MakerTaker": _RATES,
    "Discount": _DISCOUNT,
    "RoutedOrderCommission": "standardCommissionForOrder:MakerTaker taxCommissionForOrder:MakerTaker discount:Discount",
    "OrderCommission": "standardCommissionForOrder:MakerTaker specialCommissionForOrder:MakerTaker"
    " taxCommissionForOrder:MakerTaker discount:Discount",
    "Order": "symbol:text orderId:int orderListId:int clientOrderId:text stopPrice:decimal icebergQty:decimal time:time"
    " updateTime:time isWorking:bool workingTime:time"
    + _PENDING_AMOUNTS
    + _STATE
    + _STP
    + _IF_SENT.replace(" icebergQty?:decimal stopPrice?:decimal", "")
    + _IF_HAPPENED,
    # --- accounts
    "Rates": _RATES + " buyer:decimal seller:decimal",
    "Balance": "asset:text free:decimal locked:decimal",
    "Account": "makerCommission:int takerCommission:int buyerCommission:int sellerCommission:int commissionRates:Rates"
    " canTrade:bool canWithdraw:bool canDeposit:bool brokered:bool requireSelfTradePrevention:bool preventSor:bool"
    " updateTime:time accountType:=SPOT balances:[Balance] permissions:[text] uid:int tradeGroupId?:int",
    "Commission": "symbol:text standardCommission:Rates specialCommission:Rates taxCommission:Rates discount:Discount",
    "AccountTrade": "symbol:text id:int orderId:int orderListId:int price:decimal qty:decimal quoteQty:decimal"
    " commission:decimal commissionAsset:text time:time isBuyer:bool isMaker:bool isBestMatch:bool",
    "OrderCount": "rateLimitType:=ORDERS interval:LimitInterval intervalNum:int limit:int count:int",
    "PreventedMatch": "symbol:text preventedMatchId:int takerOrderId:int makerSymbol:text makerOrderId:int"
    " tradeGroupId:int selfTradePreventionMode:SelfTradePrevention price:decimal takerPreventedQuantity?:decimal"
    " makerPreventedQuantity?:decimal transactTime:time",
    "Allocation": "symbol:text allocationId:int allocationType:=SOR orderId:int orderListId:int price:decimal"
    " qty:decimal quoteQty:decimal commission:decimal commissionAsset:text time:time isBuyer:bool isMaker:bool"
    " isAllocator:bool",
    "AccountFilters": "exchangeFilters:[Filter] symbolFilters:[Filter] assetFilters:[Filter]",
    "ListenKey": "listenKey:text",
    # --- what some clients ask besides
    "SystemStatus": "status:int msg:text",
    "Coin": "coin:text name:text free:decimal locked:decimal freeze:decimal withdrawing:decimal ipoing:decimal"
    " ipoable:decimal storage:decimal isLegalMoney:bool trading:bool depositAllEnable:bool withdrawAllEnable:bool"
    " networkList:empty",
    "TradeFee": "symbol:text makerCommission:decimal takerCommission:decimal",
    "KeyRestrictions": "ipRestrict:bool createTime:time enableReading:bool enableSpotAndMarginTrading:bool"
    " enableWithdrawals:bool enableInternalTransfer:bool enableMargin:bool enableFutures:bool"
    " permitsUniversalTransfer:bool enableVanillaOptions:bool enableFixApiTrade:bool enableFixReadOnly:bool"
    " enablePortfolioMarginTrading:bool",
    "AccountInfo": "vipLevel:int isMarginEnabled:bool isFutureEnabled:bool isOptionsEnabled:bool"
    " isPortfolioMarginRetailEnabled:bool",
    "AccountStatus": "data:text",
    "TradingLock": "isLocked:bool plannedRecoverTime:time triggerCondition:{int} updateTime:time",
    "TradingStatus": "data:TradingLock",
    "Snapshots": "code:int msg:text snapshotVos:empty",
    "AssetDetail": "minWithdrawAmount:decimal depositStatus:bool withdrawFee:decimal withdrawStatus:bool",
    "HeldAsset": "asset:text free:decimal locked:decimal freeze:decimal withdrawing:decimal ipoable:decimal"
    " btcValuation:decimal",
    "ListenToken": "token:text expirationTime:time",
}

ROWS = {
    "Level": "(decimal,decimal)",
    "Candle": "(time,decimal,decimal,decimal,decimal,decimal,time,decimal,int,decimal,decimal,decimal)",
}

_API = {
    "GET ping": "Nothing",
    "GET time": "Time",
    "GET exchangeInfo": "ExchangeInfo",
    "GET executionRules": "ExecutionRules",
    "GET depth": "Depth",
    "GET trades": "[Trade]",
    "GET historicalTrades": "[Trade]",
    "GET historicalBlockTrades": "[BlockTrade]",
    "GET aggTrades": "[AggregateTrade]",
    "GET klines": "[Candle]",
    "GET uiKlines": "[Candle]",
    "GET avgPrice": "AveragePrice",
    "GET ticker/24hr": "DayTicker|MiniTicker|[DayTicker]|[MiniTicker]",
    "GET ticker/tradingDay": "WindowTicker|MiniTicker|[WindowTicker]|[MiniTicker]",
    "GET ticker/price": "PriceTicker|[PriceTicker]",
    "GET ticker/bookTicker": "BookTicker|[BookTicker]",
    "GET ticker": "WindowTicker|MiniTicker|[WindowTicker]|[MiniTicker]",
    "GET referencePrice": "ReferencePrice",
    "GET referencePrice/calculation": "MeanCalculation|ExternalCalculation",
    "POST order": "OrderAck|OrderResult",
    "POST order/test": "Nothing|OrderCommission",
    "DELETE order": "CanceledOrder|CanceledList",
    "DELETE openOrders": "[CanceledOrder|CanceledList]",
    "POST order/cancelReplace": "Replaced",
    "PUT order/amend/keepPriority": "Amendment",
    "POST order/oco": "PlacedList",
    "POST orderList/oco": "PlacedList",
    "POST orderList/oto": "PlacedList",
    "POST orderList/otoco": "PlacedList",
    "POST orderList/opo": "PlacedList",
    "POST orderList/opoco": "PlacedList",
    "DELETE orderList": "CanceledList",
    "POST sor/order": "OrderAck|OrderResult",
    "POST sor/order/test": "Nothing|RoutedOrderCommission",
    "GET account": "Account",
    "GET order": "Order",
    "GET openOrders": "[Order]",
    "GET allOrders": "[Order]",
    "GET orderList": "OrderList",
    "GET allOrderList": "[OrderList]",
    "GET openOrderList": "[OrderList]",
    "GET myTrades": "[AccountTrade]",
    "GET rateLimit/order": "[OrderCount]",
    "GET myPreventedMatches": "[PreventedMatch]",
    "GET myAllocations": "[Allocation]",
    "GET account/commission": "Commission",
    "GET order/amendments": "[PastAmendment]",
    "GET myFilters": "AccountFilters",
}
_LISTEN_KEYS = {
    "POST userDataStream": "ListenKey",
    "PUT userDataStream": "Nothing",
    "DELETE userDataStream": "Nothing",
}
_SAPI = {
    "GET system/status": "SystemStatus",
    "GET capital/config/getall": "[Coin]",
    "GET capital/deposit/hisrec": "empty",
    "GET capital/withdraw/history": "empty",
    "GET asset/tradeFee": "[TradeFee]",
    "GET asset/wallet/balance": "empty",
    "GET asset/assetDetail": "{AssetDetail}",
    "POST asset/get-funding-asset": "empty",
    "GET account/apiRestrictions": "KeyRestrictions",
    "GET account/apiTradingStatus": "TradingStatus",
    "GET account/info": "AccountInfo",
    "GET account/status": "AccountStatus",
    "GET accountSnapshot": "Snapshots",
    "GET margin/allPairs": "empty",
    "GET margin/isolated/allPairs": "empty",
    "POST userListenToken": "ListenToken",
}
_OLDEST = "ping time depth trades historicalTrades aggTrades klines ticker/24hr ticker/price ticker/bookTicker"
_BY_BASE = {
    "/api/v3/": _API | _LISTEN_KEYS,
    "/api/v1/": _LISTEN_KEYS | {f"GET {path}": _API[f"GET {path}"] for path in _OLDEST.split()},
    "/fapi/v1/": {"GET exchangeInfo": "ExchangeInfo"},
    "/dapi/v1/": {"GET exchangeInfo": "ExchangeInfo"},
    "/sapi/v1/": _SAPI | _LISTEN_KEYS,
    "/sapi/v3/": {"POST asset/getUserAsset": "[HeldAsset]"},
}
ANSWERS: dict[tuple[str, str], str] = {
    (method, base + path): answer
    for base, answers in _BY_BASE.items()
    for (method, _, path), answer in ((name.partition(" "), answer) for name, answer in answers.items())
}
"""By method and path: the type of the answer of a request that succeeded."""


def schema_of(notation: str) -> Schema:
    """The JSON Schema of a type in the notation above. KeyError: a name that is nowhere here."""
    choices = _split(notation, "|")
    if len(choices) > 1:
        return {"anyOf": [schema_of(choice) for choice in choices]}
    inner = notation[1:-1]
    if notation[0] == "[":
        return {"type": "array", "items": schema_of(inner)}
    if notation[0] == "{":
        return {"type": "object", "additionalProperties": schema_of(inner)}
    if notation[0] == "(":
        cells = [schema_of(cell) for cell in _split(inner, ",")]
        return {
            "type": "array",
            "prefixItems": cells,
            "items": False,
            "minItems": len(cells),
            "maxItems": len(cells),
        }
    if notation[0] == "=":
        return {"const": notation[1:]}
    if notation in WORDS:
        return {"$ref": f"#/components/schemas/{notation}"} if notation in _NAMED_WORDS else WORDS[notation]
    if notation != "Filter" and not any(notation in named for named in (OBJECTS, ENUMS, ROWS)):
        raise KeyError(notation)
    return {"$ref": f"#/components/schemas/{notation}"}


_NAMED_WORDS = ("decimal", "time")


def schemas() -> dict[str, Schema]:
    """All named schemas."""
    found = {word: WORDS[word] for word in _NAMED_WORDS}
    found |= {name: {"type": "string", "enum": values.split()} for name, values in ENUMS.items()}
    found["Filter"] = {"anyOf": [_object(f"filterType:={name} {fields}") for name, fields in FILTERS.items()]}
    found |= {name: schema_of(row) for name, row in ROWS.items()}
    return found | {name: _object(fields) for name, fields in OBJECTS.items()}


def _object(fields: str) -> Schema:
    pairs = [field.partition(":") for field in fields.split()]
    schema: Schema = {
        "type": "object",
        "properties": {name.removesuffix("?"): schema_of(notation) for name, _, notation in pairs},
        "additionalProperties": False,
    }
    required = [name for name, _, _ in pairs if not name.endswith("?")]
    return schema | ({"required": required} if required else {})


def _split(text: str, separator: str) -> list[str]:
    """At the separators that are in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in ")]")
        if letter == separator and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
