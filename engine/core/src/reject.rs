//! Why a command changed nothing: one closed list, mirrored with its wire texts in `spec/errors.toml`.

use crate::types::closed_enum;

closed_enum!(
    /// A predicate that was true and should not have been. Numbers are part of the log's digest: never reuse one.
    RejectCode {
        /// The payload is not a command of a version this core knows.
        CommandNotUnderstood = 0,
        /// The session already sent this number or a later one.
        CommandRepeated = 1,
        /// No asset has this id.
        AssetUnknown = 2,
        /// The code is taken.
        AssetExists = 3,
        /// No market has this id.
        MarketUnknown = 4,
        /// The symbol is taken.
        MarketExists = 5,
        /// No account has this id.
        AccountUnknown = 6,
        /// The name is taken.
        AccountExists = 7,
        /// A code, symbol or name is empty, too long or has control characters.
        NameInvalid = 8,
        /// More than 18 decimals.
        DecimalsOutOfRange = 9,
        /// Base equals quote, a step is 0, bounds cross, a window is too long, or tick times lot is not whole.
        MarketRulesInvalid = 10,
        /// Tick or lot size cannot change while orders are open.
        MarketHasOpenOrders = 11,
        /// A commission rate above one.
        RateOutOfRange = 12,
        /// An amount of 0.
        AmountZero = 13,
        /// A sum would not fit its integer.
        AmountOverflow = 14,
        /// Free funds do not cover it.
        BalanceInsufficient = 15,
        /// The account may not place orders.
        AccountMayNotTrade = 16,
        /// The market is not in status TRADING.
        MarketClosed = 17,
        /// Fields that do not go together: a MARKET order with a price, a LIMIT order without, and so on.
        OrderFieldsInvalid = 18,
        /// The market does not allow this self-trade prevention mode.
        StpModeNotAllowed = 19,
        /// PRICE_FILTER: below minPrice, above maxPrice or off tick.
        PriceFilterFailed = 20,
        /// LOT_SIZE: below minQty, above maxQty or off step.
        LotSizeFailed = 21,
        /// MARKET_LOT_SIZE: the same for MARKET orders.
        MarketLotSizeFailed = 22,
        /// MIN_NOTIONAL: worth too little.
        MinNotionalFailed = 23,
        /// NOTIONAL: worth too little or too much.
        NotionalFailed = 24,
        /// MAX_NUM_ORDERS: too many open orders.
        MaxNumOrdersReached = 25,
        /// An open order of the account in this market has the same client order id.
        ClientOrderIdInUse = 26,
        /// A LIMIT_MAKER order that would take.
        WouldTake = 27,
        /// A MARKET order that meets no order it could take, or less than one lot of them.
        LiquidityInsufficient = 28,
        /// No such open order of this account in this market.
        OrderUnknown = 29,
        /// The account has none of the market's permissions.
        MarketNotPermitted = 30,
        /// The market does not take this order kind.
        OrderKindNotSupported = 31,
        /// The market takes no iceberg orders.
        IcebergNotSupported = 32,
        /// The market takes no trailing orders.
        TrailingNotSupported = 33,
        /// The market takes no pegged orders.
        PegNotSupported = 34,
        /// The market takes no MARKET orders by quote amount.
        QuoteQtyNotSupported = 35,
        /// The market takes no lists of this kind.
        ListKindNotSupported = 36,
        /// The market takes no cancel-replace.
        CancelReplaceNotSupported = 37,
        /// The market takes no amends.
        AmendNotSupported = 38,
        /// The market is in no smart order routing group.
        SorNotSupported = 39,
        /// This order kind may not be pegged.
        PegKindInvalid = 40,
        /// This order kind may not be pegged to that side.
        PegPriceInvalid = 41,
        /// The book has too few levels for the peg.
        PegUnresolved = 42,
        /// PERCENT_PRICE: too far from the average price.
        PercentPriceFailed = 43,
        /// PERCENT_PRICE_BY_SIDE: too far from the average price.
        PercentPriceBySideFailed = 44,
        /// The iceberg quantity is above the quantity.
        IcebergQtyTooLarge = 45,
        /// ICEBERG_PARTS: too many parts.
        IcebergPartsFailed = 46,
        /// TRAILING_DELTA: out of its bounds.
        TrailingDeltaFailed = 47,
        /// MAX_POSITION: the account would hold too much of the base asset.
        MaxPositionReached = 48,
        /// MAX_ASSET: the order is about too much of an asset.
        MaxAssetExceeded = 49,
        /// MAX_NUM_ALGO_ORDERS: too many open contingent orders.
        MaxNumAlgoOrdersReached = 50,
        /// MAX_NUM_ICEBERG_ORDERS: too many open iceberg orders.
        MaxNumIcebergOrdersReached = 51,
        /// MAX_NUM_ORDER_LISTS: too many open lists.
        MaxNumOrderListsReached = 52,
        /// MAX_NUM_ORDER_AMENDS: the order was amended too often.
        MaxNumOrderAmendsReached = 53,
        /// EXCHANGE_MAX_NUM_ORDERS: too many open orders in all markets.
        ExchangeMaxNumOrdersReached = 54,
        /// EXCHANGE_MAX_NUM_ALGO_ORDERS: too many open contingent orders in all markets.
        ExchangeMaxNumAlgoOrdersReached = 55,
        /// EXCHANGE_MAX_NUM_ICEBERG_ORDERS: too many open iceberg orders in all markets.
        ExchangeMaxNumIcebergOrdersReached = 56,
        /// EXCHANGE_MAX_NUM_ORDER_LISTS: too many open lists in all markets.
        ExchangeMaxNumOrderListsReached = 57,
        /// A contingent order whose trigger the last price already meets.
        WouldTrigger = 58,
        /// Orders that do not make a list of this kind.
        ListLegsInvalid = 59,
        /// The prices of a pair are not on their sides of the last price.
        ListPricesInvalid = 60,
        /// An open list of the account has the same client list id.
        ClientListIdInUse = 61,
        /// No such open list of this account in this market.
        ListUnknown = 62,
        /// The order is not in the state that the cancel asks for.
        CancelRestricted = 63,
        /// An amend to a higher quantity.
        AmendIncrease = 64,
        /// An amend to the same quantity.
        AmendNoChange = 65,
        /// A pending order whose quantity is not known yet cannot be amended.
        AmendPendingOpo = 66,
        /// The discount's asset is unknown or its rate above one.
        ExchangeRulesInvalid = 67,
        /// Markets of a group that do not fit together, or are in another group.
        SorInvalid = 68,
        /// The market's reference price is computed and cannot be set.
        ReferencePriceComputed = 69,
        /// Nothing was cut off.
        NothingToRelease = 70,
    }
);

impl RejectCode {
    /// The name used in `spec/errors.toml`, in scenarios and in logs.
    #[expect(clippy::too_many_lines, reason = "one line for each")]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandNotUnderstood => "command_not_understood",
            Self::CommandRepeated => "command_repeated",
            Self::AssetUnknown => "asset_unknown",
            Self::AssetExists => "asset_exists",
            Self::MarketUnknown => "market_unknown",
            Self::MarketExists => "market_exists",
            Self::AccountUnknown => "account_unknown",
            Self::AccountExists => "account_exists",
            Self::NameInvalid => "name_invalid",
            Self::DecimalsOutOfRange => "decimals_out_of_range",
            Self::MarketRulesInvalid => "market_rules_invalid",
            Self::MarketHasOpenOrders => "market_has_open_orders",
            Self::RateOutOfRange => "rate_out_of_range",
            Self::AmountZero => "amount_zero",
            Self::AmountOverflow => "amount_overflow",
            Self::BalanceInsufficient => "balance_insufficient",
            Self::AccountMayNotTrade => "account_may_not_trade",
            Self::MarketClosed => "market_closed",
            Self::OrderFieldsInvalid => "order_fields_invalid",
            Self::StpModeNotAllowed => "stp_mode_not_allowed",
            Self::PriceFilterFailed => "price_filter_failed",
            Self::LotSizeFailed => "lot_size_failed",
            Self::MarketLotSizeFailed => "market_lot_size_failed",
            Self::MinNotionalFailed => "min_notional_failed",
            Self::NotionalFailed => "notional_failed",
            Self::MaxNumOrdersReached => "max_num_orders_reached",
            Self::ClientOrderIdInUse => "client_order_id_in_use",
            Self::WouldTake => "would_take",
            Self::LiquidityInsufficient => "liquidity_insufficient",
            Self::OrderUnknown => "order_unknown",
            Self::MarketNotPermitted => "market_not_permitted",
            Self::OrderKindNotSupported => "order_kind_not_supported",
            Self::IcebergNotSupported => "iceberg_not_supported",
            Self::TrailingNotSupported => "trailing_not_supported",
            Self::PegNotSupported => "peg_not_supported",
            Self::QuoteQtyNotSupported => "quote_qty_not_supported",
            Self::ListKindNotSupported => "list_kind_not_supported",
            Self::CancelReplaceNotSupported => "cancel_replace_not_supported",
            Self::AmendNotSupported => "amend_not_supported",
            Self::SorNotSupported => "sor_not_supported",
            Self::PegKindInvalid => "peg_kind_invalid",
            Self::PegPriceInvalid => "peg_price_invalid",
            Self::PegUnresolved => "peg_unresolved",
            Self::PercentPriceFailed => "percent_price_failed",
            Self::PercentPriceBySideFailed => "percent_price_by_side_failed",
            Self::IcebergQtyTooLarge => "iceberg_qty_too_large",
            Self::IcebergPartsFailed => "iceberg_parts_failed",
            Self::TrailingDeltaFailed => "trailing_delta_failed",
            Self::MaxPositionReached => "max_position_reached",
            Self::MaxAssetExceeded => "max_asset_exceeded",
            Self::MaxNumAlgoOrdersReached => "max_num_algo_orders_reached",
            Self::MaxNumIcebergOrdersReached => "max_num_iceberg_orders_reached",
            Self::MaxNumOrderListsReached => "max_num_order_lists_reached",
            Self::MaxNumOrderAmendsReached => "max_num_order_amends_reached",
            Self::ExchangeMaxNumOrdersReached => "exchange_max_num_orders_reached",
            Self::ExchangeMaxNumAlgoOrdersReached => "exchange_max_num_algo_orders_reached",
            Self::ExchangeMaxNumIcebergOrdersReached => "exchange_max_num_iceberg_orders_reached",
            Self::ExchangeMaxNumOrderListsReached => "exchange_max_num_order_lists_reached",
            Self::WouldTrigger => "would_trigger",
            Self::ListLegsInvalid => "list_legs_invalid",
            Self::ListPricesInvalid => "list_prices_invalid",
            Self::ClientListIdInUse => "client_list_id_in_use",
            Self::ListUnknown => "list_unknown",
            Self::CancelRestricted => "cancel_restricted",
            Self::AmendIncrease => "amend_increase",
            Self::AmendNoChange => "amend_no_change",
            Self::AmendPendingOpo => "amend_pending_opo",
            Self::ExchangeRulesInvalid => "exchange_rules_invalid",
            Self::SorInvalid => "sor_invalid",
            Self::ReferencePriceComputed => "reference_price_computed",
            Self::NothingToRelease => "nothing_to_release",
        }
    }
}
