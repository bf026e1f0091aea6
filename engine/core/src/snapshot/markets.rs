//! The part of a snapshot that holds the markets: rules, counters, averages. Their orders are beside it.

use super::{SnapshotError, ids, orders};
use crate::admin::{judge_market, one_of};
use crate::average::{Bucket, WINDOW_MAX, minute_of};
use crate::core::Core;
use crate::market::{Market, NUMBER_MAX};
use crate::reference::{PriceBucket, Reference};
use crate::types::{AssetId, MarketId, MarketStatus, Price, Side, TimeUs};
use crate::wire::{Reader, WireError, Writer};

/// Bytes of one minute of the average price.
const MINUTE_SIZE: usize = 40;
/// Bytes of one bucket of the reference price.
const BUCKET_SIZE: usize = 32;

pub(super) fn write_market(market: &Market, w: &mut Writer<'_>) {
    w.text(&market.symbol);
    w.u32(market.base.0);
    w.u32(market.quote.0);
    w.rules(&market.rules);
    w.u8(market.status as u8);
    w.u64(market.next_trade);
    w.u64(market.next_prevented);
    w.u64(market.next_allocation);
    w.optional_u64(market.last_price.map(|price| price.0));
    w.len(market.average.buckets().len());
    for bucket in market.average.buckets() {
        w.u64(bucket.minute);
        w.u128(bucket.quote);
        w.u128(bucket.qty);
    }
    write_reference(&market.reference, w);
    w.u64(market.orders.book.version());
    for side in [Side::Buy, Side::Sell] {
        orders::write_side(market, side, w);
    }
    orders::write_waiting(market, w);
}

fn write_reference(reference: &Reference, w: &mut Writer<'_>) {
    w.flag(reference.given.is_some());
    if let Some(price) = reference.given {
        w.optional_u64(price.map(|price| price.0));
    }
    w.u64(reference.changed_at.0);
    w.len(reference.buckets().len());
    for bucket in reference.buckets() {
        w.u64(bucket.start_ms);
        w.u64(bucket.count);
        w.u128(bucket.sum);
    }
}

impl Core {
    pub(super) fn read_market(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let id = MarketId(ids(self.markets.len())?);
        let symbol = r.text()?;
        let (base, quote) = (AssetId(r.u32()?), AssetId(r.u32()?));
        let rules = r.rules()?;
        let decimals = self.known_asset(base).map_err(|_| SnapshotError::FieldInvalid)?.decimals;
        self.known_asset(quote).map_err(|_| SnapshotError::FieldInvalid)?;
        let market = judge_market(id, &symbol, base, quote, one_of(decimals), &rules);
        let mut market = market.map_err(|_| SnapshotError::FieldInvalid)?;
        market.status = r.one_of(MarketStatus::from_u8)?;
        market.next_trade = r.u64()?;
        market.next_prevented = r.u64()?;
        market.next_allocation = r.u64()?;
        market.last_price = r.optional_u64()?.map(Price);
        read_average(&mut market, minute_of(self.time.0), r)?;
        read_reference(&mut market, self.time, r)?;
        let version = r.u64()?;
        for side in [Side::Buy, Side::Sell] {
            self.read_side(&mut market, side, r)?;
        }
        self.read_waiting(&mut market, r)?;
        market.orders.book.set_version(version);
        if self.symbols.insert(symbol, id.0).is_some() {
            return Err(SnapshotError::FieldInvalid);
        }
        self.exchange.add_market(id, base, quote);
        self.markets.push(market);
        Ok(())
    }
}

fn read_average(market: &mut Market, now: u64, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
    let count = r.len(MINUTE_SIZE)?;
    let mut last = None;
    for _ in 0..count {
        let bucket = Bucket { minute: r.u64()?, quote: r.u128()?, qty: r.u128()? };
        let is_legal = last < Some(bucket.minute) && bucket.minute <= now && bucket.quote > 0 && bucket.qty > 0;
        if !is_legal {
            return Err(SnapshotError::FieldInvalid);
        }
        last = Some(bucket.minute);
        market.average.add(bucket.minute, bucket.quote, bucket.qty)?;
    }
    // Adding drops what is too old, which would not have been written.
    let is_kept = market.average.buckets().len() == count && count <= usize::from(WINDOW_MAX);
    if is_kept { Ok(()) } else { Err(SnapshotError::FieldInvalid) }
}

fn read_reference(market: &mut Market, now: TimeUs, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
    let given = if r.flag()? { Some(read_given(r)?) } else { None };
    let reference = &mut market.reference;
    reference.given = given;
    reference.changed_at = TimeUs(r.u64()?);
    let is_legal = given.is_none() || market.rules.reference.is_none();
    if !is_legal || reference.changed_at > now {
        return Err(SnapshotError::FieldInvalid);
    }
    for _ in 0..r.len(BUCKET_SIZE)? {
        let bucket = PriceBucket { start_ms: r.u64()?, count: r.u64()?, sum: r.u128()? };
        if !market.rules.reference.is_some_and(|rule| reference.restore(rule, now, bucket)) {
            return Err(SnapshotError::FieldInvalid);
        }
    }
    Ok(())
}

fn read_given(r: &mut Reader<'_>) -> Result<Option<Price>, WireError> {
    let price = r.optional_u64()?;
    if price.is_some_and(|price| price == 0 || price > NUMBER_MAX) {
        Err(WireError::Field)
    } else {
        Ok(price.map(Price))
    }
}
