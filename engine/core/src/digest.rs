//! The digest: a running hash over every command's seq and events. Equal seq must mean equal digest on every replica.
//!
//! The encoding is fixed: changing it, or a number of an enum, makes old logs disagree with old digests. Frequent events
//! are taken in as packed words, rare ones as bytes.

use crate::event::{Event, OrderAccepted, OrderClosed, SelfTradePrevented, Traded};
use crate::hash::Hash;
use crate::types::{ClientOrderId, Seq};
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
        let flags =
            u8::from(has_rare) | u8::from(e.strategy_id.is_some()) << 1 | u8::from(e.strategy_type.is_some()) << 2;
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
    }

    #[inline]
    fn traded(&mut self, e: &Traded) {
        let h = &mut self.0;
        let highs = [high(e.quote_amount.0), high(e.taker_fee.0), high(e.maker_fee.0)];
        let has_highs = highs != [0; 3];
        h.words(tagged([TRADED, e.taker_side as u8, u8::from(has_highs), 0], e.market.0), e.trade_id.0);
        h.words(e.price.0, e.qty.0);
        h.words(e.taker_order.0, e.maker_order.0);
        h.words(pair(e.taker_account.0, e.maker_account.0), e.taker_left.0);
        h.words(low(e.quote_amount.0), e.maker_left.0);
        h.words(low(e.taker_fee.0), low(e.maker_fee.0));
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
        h.words(u64::from(e.account.0), e.price.0);
        h.words(e.taker_order.0, e.maker_order.0);
        h.words(e.taker_prevented.0, e.maker_prevented.0);
        h.words(e.taker_left.0, e.maker_left.0);
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
        let mut bytes = Vec::new();
        write_rare(event, &mut Writer(&mut bytes));
        self.0.words(u64::from(RARE), 0);
        self.0.bytes(&bytes);
    }
}

/// The fixed encoding of the events of everything but trading.
fn write_rare(event: &Event, w: &mut Writer<'_>) {
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
        Event::AccountUpdated { account, can_trade, fees } => {
            w.u8(7);
            w.u32(account.0);
            w.flag(*can_trade);
            w.optional_fees(*fees);
        }
        Event::Credited { account, asset, amount } => {
            w.u8(8);
            w.u32(account.0);
            w.u32(asset.0);
            w.u128(amount.0);
        }
        Event::Debited { account, asset, amount } => {
            w.u8(9);
            w.u32(account.0);
            w.u32(asset.0);
            w.u128(amount.0);
        }
        // Taken in as words.
        Event::Rejected { .. }
        | Event::OrderAccepted(_)
        | Event::Traded(_)
        | Event::SelfTradePrevented(_)
        | Event::OrderClosed(_) => {}
    }
}
