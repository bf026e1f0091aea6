//! Events: what happened because of a command, in the order in which it happened. Past tense, final.

use crate::reject::RejectCode;
use crate::types::{
    AccountId, AllocationId, Amount, AssetId, ClientOrderId, CloseReason, CloseStatus, ExchangeRules, Fees, ListId,
    ListKind, MarketId, MarketRules, MarketStatus, OrderId, OrderKind, OrderState, PreventedMatchId, Price, Qty,
    ReleaseCause, SelfTradePrevention, Side, Terms, TimeInForce, TradeId,
};

/// One thing that happened.
///
/// An accepted order that is neither closed nor filled by the end of its command is open: it rests in the book with what
/// is left of it, or waits as its state says. A filled order gets no event of its own: the last `Traded` or `Allocated`
/// says that nothing is left.
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
        rules: Box<MarketRules>,
    },
    /// A market has other rules.
    MarketUpdated {
        /// Which.
        market: MarketId,
        /// The rules from now on.
        rules: Box<MarketRules>,
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
        /// Accounts of one group do not trade with each other.
        trade_group: Option<u32>,
        /// What it may trade.
        permissions: u32,
        /// Whether it pays commissions in the discount asset where it can.
        discount: bool,
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
    /// The exchange has other rules.
    ExchangeUpdated {
        /// The rules from now on.
        rules: ExchangeRules,
    },
    /// An account has another MAX_ASSET.
    AssetLimitSet {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// 0: no bound.
        limit: Amount,
    },
    /// A market's reference price was set from outside.
    ReferencePriceSet {
        /// Which.
        market: MarketId,
        /// `None`: there is none.
        price: Option<Price>,
    },
    /// A base asset has another smart order routing group.
    SorSet {
        /// Of all its markets.
        base: AssetId,
        /// None: no group.
        markets: Vec<MarketId>,
        /// Stands between the books.
        account: AccountId,
    },
    /// A list passed every check; its orders follow.
    ListAccepted(ListAccepted),
    /// All orders of a list have ended.
    ListClosed {
        /// Which.
        list: ListId,
        /// Whose.
        account: AccountId,
        /// Where.
        market: MarketId,
    },
    /// An order that waited goes on: it works from now on, or an activated one waits for its trigger.
    OrderReleased(OrderReleased),
    /// A trailing order has begun to follow the price.
    TrailingStarted {
        /// Which.
        order_id: OrderId,
        /// Whose.
        account: AccountId,
        /// Where.
        market: MarketId,
    },
    /// An order has a lower quantity.
    OrderAmended(OrderAmended),
    /// The first event of a cancel-replace: what became of its halves. What each half did follows.
    CancelReplaced {
        /// Of the cancel.
        cancel: Half,
        /// Of the new order.
        order: Half,
    },
    /// A fill of a routed order in another market's book; right after its `Traded`.
    Allocated(Allocated),
}

/// What became of one half of a cancel-replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// It was done.
    Done,
    /// It failed.
    Failed(RejectCode),
    /// It was not tried.
    NotAttempted,
}

/// What an accepted order has beyond the plain ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedExtra {
    /// As asked for.
    pub terms: Terms,
    /// Its list, if it is in one.
    pub list: Option<ListId>,
    /// The price that its peg came to; 0: no peg, or not known before it works.
    pub pegged_price: Price,
    /// Where it is now.
    pub state: OrderState,
}

/// A list as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAccepted {
    /// Its id.
    pub list: ListId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// What it is made of.
    pub kind: ListKind,
    /// Empty: none.
    pub client_list_id: ClientOrderId,
    /// Its orders' ids, rising, in the order of [`ListKind`].
    pub orders: Vec<OrderId>,
}

/// An order that waited goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderReleased {
    /// Which.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Why.
    pub cause: ReleaseCause,
    /// Where it is now: `Working`, or `Waiting` when it was activated and is contingent.
    pub state: OrderState,
    /// Its quantity: for pending orders of `Opo` and `Opoco` known from now on.
    pub qty: Qty,
    /// The price that its peg came to; 0: no peg, or not known before it works.
    pub pegged_price: Price,
}

/// An order has a lower quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderAmended {
    /// Which.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Its quantity before.
    pub old_qty: Qty,
    /// Its whole quantity from now on.
    pub qty: Qty,
    /// What is open of it; 0: an `OrderClosed` follows.
    pub left: Qty,
    /// Its id before.
    pub old_client_order_id: ClientOrderId,
    /// Its id from now on.
    pub client_order_id: ClientOrderId,
}

/// A fill of a routed order in another market's book. The order's owner gives and receives its own market's assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// The order's market.
    pub market: MarketId,
    /// Counter per market.
    pub allocation_id: AllocationId,
    /// The order that came.
    pub order_id: OrderId,
    /// Its owner.
    pub account: AccountId,
    /// Buy or sell.
    pub side: Side,
    /// The maker's.
    pub price: Price,
    /// Base minor units.
    pub qty: Qty,
    /// Exactly price times quantity, in minor units of the order's own quote asset.
    pub quote_amount: Amount,
    /// What the owner pays for it.
    pub fee: Amount,
    /// In which asset.
    pub fee_asset: AssetId,
    /// What is left of the order.
    pub left: Qty,
    /// Whose book it came from.
    pub maker_market: MarketId,
    /// The trade there.
    pub trade_id: TradeId,
}

/// An order as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderAccepted {
    /// Its id.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// What it does when it works.
    pub kind: OrderKind,
    /// Time in force.
    pub tif: TimeInForce,
    /// As asked for.
    pub price: Price,
    /// As asked for; for MARKET by quote amount what that amount came to; 0 for pending orders of `Opo` and `Opoco`.
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
    /// `None` for a plain order: no terms, no list, working.
    pub extra: Option<Box<AcceptedExtra>>,
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
    /// Its owner; for a routed order the account between the books.
    pub taker_account: AccountId,
    /// What the taker pays for it; 0 for a routed order, whose `Allocated` says it.
    pub taker_fee: Amount,
    /// In which asset.
    pub taker_fee_asset: AssetId,
    /// What is left of the taker's order.
    pub taker_left: Qty,
    /// The order that rested.
    pub maker_order: OrderId,
    /// Its owner.
    pub maker_account: AccountId,
    /// What the maker pays for it.
    pub maker_fee: Amount,
    /// In which asset.
    pub maker_fee_asset: AssetId,
    /// What is left of the maker's order, with what it does not show; 0: it is filled and gone.
    pub maker_left: Qty,
    /// The taker is an order of another market: `Allocated` follows.
    pub is_routed: bool,
}

/// A prevented match. Orders that end by it get an `OrderClosed` right after. The quote amount of a transfer is exactly
/// price times prevented quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTradePrevented {
    /// The taker's.
    pub market: MarketId,
    /// Counter per market.
    pub prevented_match_id: PreventedMatchId,
    /// The maker's market; another one only when the taker is routed.
    pub maker_market: MarketId,
    /// The taker's owner.
    pub taker_account: AccountId,
    /// The maker's owner: the same, or one of the same trade group.
    pub maker_account: AccountId,
    /// The taker's owner's, as it was then.
    pub trade_group: Option<u32>,
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
    /// What moved from the buyer to the seller, while the quantity moved the other way; 0: nothing was transferred.
    pub transferred: Amount,
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
