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
    }
);

impl RejectCode {
    /// The name used in `spec/errors.toml`, in scenarios and in logs.
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
        }
    }
}
