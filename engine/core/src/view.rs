//! What a core lets be seen of its state. Plain values; nothing here changes anything.

use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, Fees, MarketId, MarketRules, MarketStatus, OrderId, OrderKind, Price,
    Qty, SelfTradePrevention, Side, TimeInForce, TimeUs,
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
    /// Its own rates, if any.
    pub fees: Option<Fees>,
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
    /// Orders in its book.
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

/// An order that rests in its book. `qty = filled + prevented + left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its id.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Limit or limit maker.
    pub kind: OrderKind,
    /// Always `Gtc`: nothing else rests.
    pub tif: TimeInForce,
    /// Its limit.
    pub price: Price,
    /// As asked for.
    pub qty: Qty,
    /// Always 0: only MARKET orders have one.
    pub quote_qty: Amount,
    /// Empty: none.
    pub client_order_id: ClientOrderId,
    /// The mode that holds for it.
    pub stp: SelfTradePrevention,
    /// Echoed.
    pub strategy_id: Option<i64>,
    /// Echoed.
    pub strategy_type: Option<i32>,
    /// What is still open.
    pub left: Qty,
    /// What self-trade prevention took off.
    pub prevented: Qty,
    /// What was traded.
    pub filled: Qty,
    /// What was paid or received for it, before fees.
    pub filled_quote: Amount,
    /// When it came.
    pub accepted_at: TimeUs,
    /// When it last changed.
    pub updated_at: TimeUs,
}
