//! Commands: what somebody asks the exchange to do. Imperative; nothing here has happened yet.

use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, Fees, MarketId, MarketRules, MarketStatus, OrderId, OrderKind, Price,
    Qty, SelfTradePrevention, Side, TimeInForce,
};

/// Who sent a command, and which of theirs it is. A retry carries the same pair and is applied once.
///
/// Numbers of one session rise. Session 0 is never deduplicated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Drawn at random by each gateway process when it starts.
    pub session: u64,
    /// Rises by at least one with every command of the session; starts at 1.
    pub number: u64,
}

/// One request to change the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new asset. `code` is upper-case and unique.
    CreateAsset {
        /// "BTC"
        code: String,
        /// "Bitcoin"
        name: String,
        /// Minor units are `10^-decimals`; 0 to 18.
        decimals: u8,
    },
    /// Another display name. Decimals never change.
    UpdateAsset {
        /// Which.
        asset: AssetId,
        /// The new display name.
        name: String,
    },
    /// A new market; starts in status TRADING.
    CreateMarket {
        /// "BTCUSDT", unique.
        symbol: String,
        /// What is bought and sold.
        base: AssetId,
        /// What it is paid in.
        quote: AssetId,
        /// Filters and rates.
        rules: MarketRules,
    },
    /// Replaces the rules. Resting orders stay as they are.
    UpdateMarket {
        /// Which.
        market: MarketId,
        /// The new rules.
        rules: MarketRules,
    },
    /// Opens or stops trading.
    SetMarketStatus {
        /// Which.
        market: MarketId,
        /// The new status.
        status: MarketStatus,
    },
    /// A new account with zero balances. `name` is unique and not empty.
    CreateAccount {
        /// For people; ids are what counts.
        name: String,
    },
    /// Replaces what can be changed about an account.
    UpdateAccount {
        /// Which.
        account: AccountId,
        /// Whether it may place orders. Cancelling is always allowed.
        can_trade: bool,
        /// Its own rates, in every market; `None`: each market's.
        fees: Option<Fees>,
    },
    /// Funds come in from outside.
    Credit {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much; not 0.
        amount: Amount,
    },
    /// Free funds go out.
    Debit {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much; not 0.
        amount: Amount,
    },
    /// A new order.
    PlaceOrder(PlaceOrder),
    /// Ends one open order.
    CancelOrder(CancelOrder),
    /// Ends every open order of an account in a market, oldest first.
    CancelAll {
        /// Whose.
        account: AccountId,
        /// Where.
        market: MarketId,
    },
}

/// A new order. Fields that its kind does not use are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Limit, limit maker or market.
    pub kind: OrderKind,
    /// `Gtc` unless the kind is `Limit`.
    pub tif: TimeInForce,
    /// 0 for MARKET.
    pub price: Price,
    /// 0 for MARKET by quote amount.
    pub qty: Qty,
    /// MARKET only: spend (buy) or receive (sell) up to this much of the quote asset. 0: by quantity.
    pub quote_qty: Amount,
    /// Unique among the account's open orders in the market; empty: none.
    pub client_order_id: ClientOrderId,
    /// `None`: the market's default.
    pub stp: Option<SelfTradePrevention>,
    /// Echoed.
    pub strategy_id: Option<i64>,
    /// Echoed.
    pub strategy_type: Option<i32>,
}

/// Ends one open order, named by its id, by its client order id, or by both (then both must match).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// Whose; an order of another account is as unknown as one that never was.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// The exchange's id.
    pub order_id: Option<OrderId>,
    /// The client's id; empty: not given.
    pub client_order_id: ClientOrderId,
    /// The id of this cancel, which the order carries from now on; empty: it keeps its own.
    pub new_client_order_id: ClientOrderId,
}
