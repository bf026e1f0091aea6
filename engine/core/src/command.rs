//! Commands: what somebody asks the exchange to do. Imperative; nothing here has happened yet.

use crate::types::{
    AccountId, Amount, AssetId, CancelRestriction, ClientOrderId, ExchangeRules, Fees, ListId, ListKind, MarketId,
    MarketRules, MarketStatus, OrderId, OrderKind, Price, Qty, ReplaceMode, SelfTradePrevention, Side, Terms,
    TimeInForce,
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
        rules: Box<MarketRules>,
    },
    /// Replaces the rules. Resting orders stay as they are.
    UpdateMarket {
        /// Which.
        market: MarketId,
        /// The new rules.
        rules: Box<MarketRules>,
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
        /// Its own standard rates, in every market; `None`: each market's.
        fees: Option<Fees>,
        /// Accounts of one group do not trade with each other.
        trade_group: Option<u32>,
        /// What it may trade: one bit in common with `MarketRules::permissions` is enough.
        permissions: u32,
        /// Whether it pays commissions in the discount asset where it can.
        discount: bool,
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
        /// The exchange ends them, not their owner.
        by_exchange: bool,
    },
    /// Replaces the rules of the whole exchange.
    UpdateExchange {
        /// The new rules.
        rules: ExchangeRules,
    },
    /// MAX_ASSET: the most of an asset that one order of an account may be about.
    SetAssetLimit {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: AssetId,
        /// Quantity where the asset is the base, notional where it is the quote; 0: no bound.
        limit: Amount,
    },
    /// The reference price of a market without `MarketRules::reference`.
    SetReferencePrice {
        /// Which.
        market: MarketId,
        /// `None`: there is none from now on, and it is said so.
        price: Option<Price>,
    },
    /// The smart order routing group of a base asset; replaces the one before.
    SetSor {
        /// Of all its markets.
        base: AssetId,
        /// None: no group from now on.
        markets: Vec<MarketId>,
        /// Stands between the books: pays and is paid in the other markets' quote assets.
        account: AccountId,
    },
    /// Two or three orders that depend on each other.
    PlaceList(PlaceList),
    /// Ends every order of a list.
    CancelList(CancelList),
    /// Lowers an order's quantity; it keeps its place.
    AmendOrder(AmendOrder),
    /// A cancel and a new order in one step.
    CancelReplace(Box<CancelReplace>),
    /// Carries on with what [`crate::types::RELEASES_MAX`] cut off. Sent by whoever orders the log.
    RunReleases,
}

/// A new order. Fields that its kind does not use are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// What it does when it works, and whether it waits for a trigger first.
    pub kind: OrderKind,
    /// `Gtc` unless it works as `Limit`.
    pub tif: TimeInForce,
    /// 0 for what works as MARKET; may be 0 with a peg.
    pub price: Price,
    /// 0 for MARKET by quote amount, and for pending orders of `Opo` and `Opoco`.
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
    /// What only some orders have; `None` is the default terms, and the default terms are always `None`.
    pub terms: Option<Box<Terms>>,
}

/// Ends one open order and its list, named by its id, by its client order id, or by both (then both must match).
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
    /// What must hold, if anything.
    pub restriction: Option<CancelRestriction>,
}

/// Two or three orders that depend on each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceList {
    /// Of all its orders.
    pub account: AccountId,
    /// Of all its orders.
    pub market: MarketId,
    /// What it is made of.
    pub kind: ListKind,
    /// Unique among the account's open lists; empty: none.
    pub client_list_id: ClientOrderId,
    /// In the order that [`ListKind`] says; a pair is the stop-loss leg and then the limit or take-profit leg.
    pub orders: Vec<PlaceOrder>,
}

/// Ends every order of a list, named by its id, its client list id, or both (then both must match).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelList {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// The exchange's id.
    pub list_id: Option<ListId>,
    /// The client's id; empty: not given.
    pub client_list_id: ClientOrderId,
    /// The id of this cancel, which its orders carry from now on; empty: they keep their own.
    pub new_client_order_id: ClientOrderId,
}

/// Lowers an open order's quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmendOrder {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// The exchange's id.
    pub order_id: Option<OrderId>,
    /// The client's id; empty: not given.
    pub client_order_id: ClientOrderId,
    /// The order's whole quantity from now on, with what is filled.
    pub new_qty: Qty,
    /// The order's id from now on; empty: it keeps its own.
    pub new_client_order_id: ClientOrderId,
}

/// A cancel and a new order in one step, of the same account in the same market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelReplace {
    /// What ends.
    pub cancel: CancelOrder,
    /// What happens to the new order when the cancel fails.
    pub mode: ReplaceMode,
    /// What takes its place.
    pub order: PlaceOrder,
}
