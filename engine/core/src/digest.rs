//! The digest: a running hash over every command's seq and events. Equal seq must mean equal digest on every replica.
//!
//! The encoding is fixed: changing it, or a number of an enum, makes old logs disagree with old digests. Frequent events
//! are taken in as packed words, rare ones as bytes.

use crate::event::{
    AcceptedExtra, Allocated, Event, Half, ListAccepted, OrderAccepted, OrderAmended, OrderClosed, OrderReleased,
    SelfTradePrevented, Traded,
};
use crate::hash::Hash;
use crate::types::{AccountId, AssetId, ClientOrderId, Fees, MarketId, Seq};
use crate::wire::Writer;

/// A running hash over seqs and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(Hash);

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

const REJECTED: u8 = 1;
const ORDER_ACCEPTED: u8 = 2;
const TRADED: u8 = 3;
const SELF_TRADE_PREVENTED: u8 = 4;
const ORDER_CLOSED: u8 = 5;
const RARE: u8 = 6;

/// Two 32-bit ids in one word.
#[inline(always)]
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Four bytes and a 32-bit id in one word.
#[inline(always)]
fn tagged(bytes: [u8; 4], id: u32) -> u64 {
    pair(id, u32::from_le_bytes(bytes))
}

#[inline(always)]
const fn low(value: u128) -> u64 {
    value as u64
}

#[inline(always)]
const fn high(value: u128) -> u64 {
    (value >> 64) as u64
}

impl Digest {
    /// The digest of nothing.
    pub const fn new() -> Self {
        Self(Hash::new())
    }

    /// Carries on from a digest.
    pub const fn from_value(value: u64) -> Self {
        Self(Hash::from_value(value))
    }

    /// The digest so far.
    pub const fn value(self) -> u64 {
        self.0.value()
    }

    /// Takes in one command and its events.
    #[inline]
    pub fn command(&mut self, seq: Seq, events: &[Event]) {
        self.0.words(seq.0, events.len() as u64);
        for event in events {
            self.event(event);
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        match event {
            Event::Rejected { code } => self.0.words(u64::from(REJECTED), u64::from(*code as u8)),
            Event::OrderAccepted(order) => self.accepted(order),
            Event::Traded(trade) => self.traded(trade),
            Event::SelfTradePrevented(prevented) => self.prevented(prevented),
            Event::OrderClosed(closed) => self.closed(closed),
            rare => self.rare(rare),
        }
    }

    #[inline]
    fn accepted(&mut self, e: &OrderAccepted) {
        let h = &mut self.0;
        let has_rare = high(e.quote_qty.0) != 0 || e.strategy_id.is_some() || e.strategy_type.is_some();
        let flags = u8::from(has_rare)
            | u8::from(e.strategy_id.is_some()) << 1
            | u8::from(e.strategy_type.is_some()) << 2
            | u8::from(e.extra.is_some()) << 3;
        let first =
            [ORDER_ACCEPTED, e.side as u8, e.kind as u8, e.tif as u8, e.stp as u8, flags, e.client_order_id.len(), 0];
        h.words(u64::from_le_bytes(first), e.order_id.0);
        h.words(pair(e.account.0, e.market.0), e.price.0);
        h.words(e.qty.0, low(e.quote_qty.0));
        if has_rare {
            let kind = e.strategy_type.unwrap_or(0).cast_unsigned();
            h.words(high(e.quote_qty.0), e.strategy_id.unwrap_or(0).cast_unsigned());
            h.words(u64::from(kind), 0);
        }
        self.client_order_id(&e.client_order_id);
        if let Some(extra) = &e.extra {
            self.bytes(|w| write_extra(extra, w));
        }
    }

    #[inline]
    fn traded(&mut self, e: &Traded) {
        let h = &mut self.0;
        let highs = [high(e.quote_amount.0), high(e.taker_fee.0), high(e.maker_fee.0)];
        let has_highs = highs != [0; 3];
        let first = [TRADED, e.taker_side as u8, u8::from(has_highs), u8::from(e.is_routed)];
        h.words(tagged(first, e.market.0), e.trade_id.0);
        h.words(e.price.0, e.qty.0);
        h.words(e.taker_order.0, e.maker_order.0);
        h.words(pair(e.taker_account.0, e.maker_account.0), e.taker_left.0);
        h.words(low(e.quote_amount.0), e.maker_left.0);
        h.words(low(e.taker_fee.0), low(e.maker_fee.0));
        h.words(pair(e.taker_fee_asset.0, e.maker_fee_asset.0), 0);
        if has_highs {
            let [quote, taker, maker] = highs;
            h.words(quote, taker);
            h.words(maker, 0);
        }
    }

    fn prevented(&mut self, e: &SelfTradePrevented) {
        let h = &mut self.0;
        let first = tagged([SELF_TRADE_PREVENTED, e.mode as u8, 0, 0], e.market.0);
        h.words(first, e.prevented_match_id.0);
        h.words(pair(e.taker_account.0, e.maker_account.0), e.price.0);
        h.words(e.taker_order.0, e.maker_order.0);
        h.words(e.taker_prevented.0, e.maker_prevented.0);
        h.words(e.taker_left.0, e.maker_left.0);
        h.words(low(e.transferred.0), high(e.transferred.0));
        h.words(pair(u32::from(e.trade_group.is_some()), e.maker_market.0), u64::from(e.trade_group.unwrap_or(0)));
    }

    #[inline]
    fn closed(&mut self, e: &OrderClosed) {
        let lens = [e.client_order_id.len(), e.cancel_id.len()];
        let first = [ORDER_CLOSED, e.status as u8, e.reason as u8, lens[0], lens[1], 0, 0, 0];
        self.0.words(u64::from_le_bytes(first), e.order_id.0);
        self.0.words(pair(e.account.0, e.market.0), e.left.0);
        self.client_order_id(&e.client_order_id);
        self.client_order_id(&e.cancel_id);
    }

    /// Its length is in a word before it.
    #[inline]
    fn client_order_id(&mut self, id: &ClientOrderId) {
        if id.is_empty() {
            return;
        }
        let [a, b, c, d, e] = id.words();
        self.0.words(a, b);
        if id.len() > 16 {
            self.0.words(c, d);
            self.0.words(e, 0);
        }
    }

    fn rare(&mut self, event: &Event) {
        self.0.words(u64::from(RARE), 0);
        self.bytes(|w| write_rare(event, w));
    }

    #[cold]
    fn bytes(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut bytes = Vec::new();
        write(&mut Writer(&mut bytes));
        self.0.bytes(&bytes);
    }
}

fn write_extra(e: &AcceptedExtra, w: &mut Writer<'_>) {
    w.terms(&e.terms);
    w.optional_u64(e.list.map(|list| list.0));
    w.u64(e.pegged_price.0);
    w.u8(e.state as u8);
}

/// The fixed encoding of the events that are not taken in as words.
fn write_rare(event: &Event, w: &mut Writer<'_>) {
    match event {
        Event::AssetCreated { .. }
        | Event::AssetUpdated { .. }
        | Event::MarketCreated { .. }
        | Event::MarketUpdated { .. }
        | Event::MarketStatusChanged { .. }
        | Event::AccountCreated { .. }
        | Event::AccountUpdated { .. }
        | Event::Credited { .. }
        | Event::Debited { .. } => write_reference(event, w),
        Event::ExchangeUpdated { .. }
        | Event::AssetLimitSet { .. }
        | Event::ReferencePriceSet { .. }
        | Event::SorSet { .. } => write_exchange(event, w),
        Event::ListAccepted(list) => write_list(list, w),
        Event::ListClosed { list, account, market } => {
            w.u8(15);
            w.u64(list.0);
            write_place(*account, *market, w);
        }
        Event::OrderReleased(released) => write_released(released, w),
        Event::TrailingStarted { order_id, account, market } => {
            w.u8(17);
            w.u64(order_id.0);
            write_place(*account, *market, w);
        }
        Event::OrderAmended(amended) => write_amended(amended, w),
        Event::CancelReplaced { cancel, order } => {
            w.u8(19);
            write_half(*cancel, w);
            write_half(*order, w);
        }
        Event::Allocated(allocated) => write_allocated(allocated, w),
        // Taken in as words.
        Event::Rejected { .. }
        | Event::OrderAccepted(_)
        | Event::Traded(_)
        | Event::SelfTradePrevented(_)
        | Event::OrderClosed(_) => {}
    }
}

fn write_place(account: AccountId, market: MarketId, w: &mut Writer<'_>) {
    w.u32(account.0);
    w.u32(market.0);
}

fn write_list(e: &ListAccepted, w: &mut Writer<'_>) {
    w.u8(14);
    w.u64(e.list.0);
    write_place(e.account, e.market, w);
    w.u8(e.kind as u8);
    w.client_order_id(&e.client_list_id);
    w.count(e.orders.len());
    for order in &e.orders {
        w.u64(order.0);
    }
}

fn write_released(e: &OrderReleased, w: &mut Writer<'_>) {
    w.u8(16);
    w.u64(e.order_id.0);
    write_place(e.account, e.market, w);
    w.u8(e.cause as u8);
    w.u8(e.state as u8);
    w.u64(e.qty.0);
    w.u64(e.pegged_price.0);
}

fn write_amended(e: &OrderAmended, w: &mut Writer<'_>) {
    w.u8(18);
    w.u64(e.order_id.0);
    write_place(e.account, e.market, w);
    w.u64(e.old_qty.0);
    w.u64(e.qty.0);
    w.u64(e.left.0);
    w.client_order_id(&e.old_client_order_id);
    w.client_order_id(&e.client_order_id);
}

fn write_half(half: Half, w: &mut Writer<'_>) {
    match half {
        Half::Done => w.u8(0),
        Half::NotAttempted => w.u8(1),
        Half::Failed(code) => {
            w.u8(2);
            w.u8(code as u8);
        }
    }
}

fn write_allocated(e: &Allocated, w: &mut Writer<'_>) {
    w.u8(20);
    write_place(e.account, e.market, w);
    w.u64(e.allocation_id.0);
    w.u64(e.order_id.0);
    w.u8(e.side as u8);
    w.u64(e.price.0);
    w.u64(e.qty.0);
    w.u128(e.quote_amount.0);
    write_amount(e.fee_asset, e.fee.0, w);
    w.u64(e.left.0);
    w.u32(e.maker_market.0);
    w.u64(e.trade_id.0);
}

fn write_amount(asset: AssetId, amount: u128, w: &mut Writer<'_>) {
    w.u32(asset.0);
    w.u128(amount);
}

/// The events of assets, markets, accounts and funds.
fn write_reference(event: &Event, w: &mut Writer<'_>) {
    match event {
        Event::AssetCreated { asset, code, name, decimals } => {
            w.u8(1);
            w.u32(asset.0);
            w.text(code);
            w.text(name);
            w.u8(*decimals);
        }
        Event::AssetUpdated { asset, name } => {
            w.u8(2);
            w.u32(asset.0);
            w.text(name);
        }
        Event::MarketCreated { market, symbol, base, quote, rules } => {
            w.u8(3);
            w.u32(market.0);
            w.text(symbol);
            w.u32(base.0);
            w.u32(quote.0);
            w.rules(rules);
        }
        Event::MarketUpdated { market, rules } => {
            w.u8(4);
            w.u32(market.0);
            w.rules(rules);
        }
        Event::MarketStatusChanged { market, status } => {
            w.u8(5);
            w.u32(market.0);
            w.u8(*status as u8);
        }
        Event::AccountCreated { account, name } => {
            w.u8(6);
            w.u32(account.0);
            w.text(name);
        }
        Event::AccountUpdated { account, can_trade, fees, trade_group, permissions, discount } => {
            w.u8(7);
            write_account(*account, *can_trade, *fees, w);
            w.optional_u32(*trade_group);
            w.u32(*permissions);
            w.flag(*discount);
        }
        Event::Credited { account, asset, amount } => {
            w.u8(8);
            w.u32(account.0);
            write_amount(*asset, amount.0, w);
        }
        Event::Debited { account, asset, amount } => {
            w.u8(9);
            w.u32(account.0);
            write_amount(*asset, amount.0, w);
        }
        _ => {}
    }
}

fn write_exchange(event: &Event, w: &mut Writer<'_>) {
    match event {
        Event::ExchangeUpdated { rules } => {
            w.u8(10);
            w.exchange_rules(rules);
        }
        Event::AssetLimitSet { account, asset, limit } => {
            w.u8(11);
            w.u32(account.0);
            write_amount(*asset, limit.0, w);
        }
        Event::ReferencePriceSet { market, price } => {
            w.u8(12);
            w.u32(market.0);
            w.optional_u64(price.map(|price| price.0));
        }
        Event::SorSet { base, markets, account } => {
            w.u8(13);
            w.u32(base.0);
            w.market_ids(markets);
            w.u32(account.0);
        }
        _ => {}
    }
}

fn write_account(account: AccountId, can_trade: bool, fees: Option<Fees>, w: &mut Writer<'_>) {
    w.u32(account.0);
    w.flag(can_trade);
    w.optional_fees(fees);
}
