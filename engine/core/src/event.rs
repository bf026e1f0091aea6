//! Events: what happened because of a command, in the order in which it happened. Past tense, final.

use crate::reject::RejectCode;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, CloseReason, CloseStatus, Fees, MarketId, MarketRules, MarketStatus,
    OrderId, OrderKind, PreventedMatchId, Price, Qty, SelfTradePrevention, Side, TimeInForce, TradeId,
};

/// One thing that happened.
///
/// An accepted order that is neither closed nor filled by the end of its command rests in the book with what is left
/// of it. A filled order gets no event of its own: the last `Traded` says that nothing is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command changed nothing.
    Rejected {
        /// Why.
        code: RejectCode,
    },
    /// An asset exists.
    AssetCreated {
        /// Its id.
        asset: AssetId,
        /// "BTC"
        code: String,
        /// "Bitcoin"
        name: String,
        /// Minor units are `10^-decimals`.
        decimals: u8,
    },
    /// An asset has another display name.
    AssetUpdated {
        /// Which.
        asset: AssetId,
        /// The new display name.
        name: String,
    },
    /// A market exists and trades.
    MarketCreated {
        /// Its id.
        market: MarketId,
        /// "BTCUSDT"
        symbol: String,
        /// What is bought and sold.
        base: AssetId,
        /// What it is paid in.
        quote: AssetId,
        /// Filters and rates.
        rules: MarketRules,
    },
    /// A market has other rules.
    MarketUpdated {
        /// Which.
        market: MarketId,
        /// The rules from now on.
        rules: MarketRules,
    },
    /// A market has another status.
    MarketStatusChanged {
        /// Which.
        market: MarketId,
        /// The status from now on.
        status: MarketStatus,
    },
    /// An account exists.
    AccountCreated {
        /// Its id.
        account: AccountId,
        /// Its name.
        name: String,
    },
    /// An account was changed.
    AccountUpdated {
        /// Which.
        account: AccountId,
        /// Whether it may place orders.
        can_trade: bool,
        /// Its own rates, if any.
        fees: Option<Fees>,
    },
    /// Funds came in.
    Credited {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// Funds went out.
    Debited {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// An order passed every check; its fills, if any, follow.
    OrderAccepted(OrderAccepted),
    /// A fill, at the maker's price.
    Traded(Traded),
    /// A match inside one account was prevented.
    SelfTradePrevented(SelfTradePrevented),
    /// An order ended without being filled.
    OrderClosed(OrderClosed),
}

/// An order as it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderAccepted {
    /// Its id.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Limit, limit maker or market.
    pub kind: OrderKind,
    /// Time in force.
    pub tif: TimeInForce,
    /// 0 for MARKET.
    pub price: Price,
    /// As asked for; for MARKET by quote amount what that amount came to.
    pub qty: Qty,
    /// 0 unless MARKET by quote amount.
    pub quote_qty: Amount,
    /// Empty: none.
    pub client_order_id: ClientOrderId,
    /// The mode that holds for it.
    pub stp: SelfTradePrevention,
    /// Echoed.
    pub strategy_id: Option<i64>,
    /// Echoed.
    pub strategy_type: Option<i32>,
}

/// One fill. The buyer receives `qty` of the base asset, the seller `quote_amount` of the quote asset, each less its
/// own fee, which is taken from what it receives and rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traded {
    /// Where.
    pub market: MarketId,
    /// Counter per market.
    pub trade_id: TradeId,
    /// The maker's price.
    pub price: Price,
    /// Base minor units.
    pub qty: Qty,
    /// Exactly price times quantity, in minor quote units.
    pub quote_amount: Amount,
    /// Side of the taker.
    pub taker_side: Side,
    /// The order that came.
    pub taker_order: OrderId,
    /// Its owner.
    pub taker_account: AccountId,
    /// In the asset that the taker received.
    pub taker_fee: Amount,
    /// What is left of the taker's order.
    pub taker_left: Qty,
    /// The order that rested.
    pub maker_order: OrderId,
    /// Its owner.
    pub maker_account: AccountId,
    /// In the asset that the maker received.
    pub maker_fee: Amount,
    /// What is left of the maker's order; 0: it is filled and gone.
    pub maker_left: Qty,
}

/// A prevented match. Orders that end by it get an `OrderClosed` right after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTradePrevented {
    /// Where.
    pub market: MarketId,
    /// Counter per market.
    pub prevented_match_id: PreventedMatchId,
    /// Of both orders.
    pub account: AccountId,
    /// The taker's mode.
    pub mode: SelfTradePrevention,
    /// The maker's price.
    pub price: Price,
    /// The order that came.
    pub taker_order: OrderId,
    /// The order that rested.
    pub maker_order: OrderId,
    /// What the taker lost; 0 when the mode leaves it alone.
    pub taker_prevented: Qty,
    /// What the maker lost; 0 when the mode leaves it alone.
    pub maker_prevented: Qty,
    /// What is left of the taker's order.
    pub taker_left: Qty,
    /// What is left of the maker's order.
    pub maker_left: Qty,
}

/// An order's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderClosed {
    /// Which.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// The state it ended in.
    pub status: CloseStatus,
    /// Why.
    pub reason: CloseReason,
    /// What was still open (after `SelfTradePrevented`, what that left: 0 if prevention consumed it).
    pub left: Qty,
    /// The client order id it had; empty: none.
    pub client_order_id: ClientOrderId,
    /// The id of the cancel that ended it; empty: none.
    pub cancel_id: ClientOrderId,
}
