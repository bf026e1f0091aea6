//! What a core lets be seen of its state. Plain values; nothing here changes anything.

use crate::event::OrderAccepted;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, Fees, ListId, ListKind, MarketId, MarketRules, MarketStatus, OrderId,
    PERMISSION_SPOT, Price, Qty, TimeUs,
};

/// Something that is held and traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// "BTC", unique.
    pub code: String,
    /// "Bitcoin"
    pub name: String,
    /// Minor units are `10^-decimals`.
    pub decimals: u8,
}

/// Somebody who has balances and orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Unique.
    pub name: String,
    /// Whether it may place orders; the fee account never may.
    pub can_trade: bool,
    /// Its own standard rates, if any.
    pub fees: Option<Fees>,
    /// Accounts of one group do not trade with each other.
    pub trade_group: Option<u32>,
    /// What it may trade: one bit in common with the market's is enough.
    pub permissions: u32,
    /// Whether it pays commissions in the discount asset where it can.
    pub discount: bool,
}

impl Account {
    /// As it is created.
    pub(crate) const fn new(id: AccountId, name: String) -> Self {
        Self { id, name, can_trade: true, fees: None, trade_group: None, permissions: PERMISSION_SPOT, discount: false }
    }
}

/// A market as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketView<'a> {
    /// Its id.
    pub id: MarketId,
    /// "BTCUSDT", unique.
    pub symbol: &'a str,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid in.
    pub quote: AssetId,
    /// Filters and rates.
    pub rules: &'a MarketRules,
    /// What it accepts.
    pub status: MarketStatus,
    /// Price of the last trade, if there was one.
    pub last_price: Option<Price>,
    /// How often its book has changed.
    pub book_version: u64,
    /// Open orders of any state.
    pub open_orders: u64,
    /// Trades so far; the next trade's id.
    pub trades: u64,
}

/// The levels of a book, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The book's version.
    pub version: u64,
    /// Price and total quantity. 128 bits: many orders of up to 2^63 minor units.
    pub bids: Vec<(Price, u128)>,
    /// Price and total quantity.
    pub asks: Vec<(Price, u128)>,
}

/// An open order of any state. `qty = filled + prevented + left`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// As it came in, but for its quantity and client order id (as amended, or as known since its release), its pegged
    /// price and its state.
    pub accepted: OrderAccepted,
    /// What is still open, with what it does not show.
    pub left: Qty,
    /// What self-trade prevention took off.
    pub prevented: Qty,
    /// What was traded.
    pub filled: Qty,
    /// What was paid or received for it, before fees.
    pub filled_quote: Amount,
    /// When it came.
    pub accepted_at: TimeUs,
    /// When it began to work; `None`: not yet.
    pub working_at: Option<TimeUs>,
    /// When it began to follow the price; `None`: not yet, or it does not trail.
    pub trailing_at: Option<TimeUs>,
    /// When it last changed.
    pub updated_at: TimeUs,
    /// How often it was amended.
    pub amends: u16,
}

/// An order list of which at least one order is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrderList {
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
    /// All its orders, those that have ended too, in the order of [`ListKind`].
    pub orders: Vec<OrderId>,
    /// When it came.
    pub accepted_at: TimeUs,
}

/// A market's reference price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferencePrice {
    /// By the market's trades; if not, it was set from outside.
    pub is_computed: bool,
    /// `None`: there is none at the moment, and that is known.
    pub price: Option<Price>,
    /// When it was set, or when its last trade was.
    pub changed_at: TimeUs,
}

/// A smart order routing group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SorView<'a> {
    /// Of all its markets.
    pub base: AssetId,
    /// As they were given.
    pub markets: &'a [MarketId],
    /// Stands between the books.
    pub account: AccountId,
}
