//! A core's whole state as bytes, and back. Canonical: equal state, equal bytes.
//!
//! Places in slabs and indexes are not part of the state: they are built anew. Restoring believes nothing: every id,
//! bound and sum is checked, and the result must pass [`Core::check`]. The last eight bytes are a checksum of the rest.

use std::fmt;

use crate::admin::{judge_account_name, judge_asset, judge_market, one_of};
use crate::average::{Bucket, WINDOW_MAX, minute_of};
use crate::book::Maker;
use crate::broken::Broken;
use crate::command::Origin;
use crate::core::{Core, FEE_ACCOUNT_NAME};
use crate::digest::Digest;
use crate::hash;
use crate::ledger::{Balance, NO_ORDER, Totals};
use crate::market::{Market, rates_are_valid};
use crate::orders::Resting;
use crate::sessions::SESSIONS_MAX;
use crate::types::{
    AccountId, Amount, AssetId, MarketId, MarketStatus, OrderId, OrderKind, Price, SelfTradePrevention, Seq, Side,
    TimeUs,
};
use crate::view::{Account, Asset};
use crate::wire::{Reader, WireError, Writer};

/// The first eight bytes of every snapshot; the last of them is the version.
const MAGIC: [u8; 8] = *b"TDMCORE\x02";
/// Bytes of the checksum at the end.
const CHECKSUM_LEN: usize = 8;

/// Why bytes are not a snapshot of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// They end too early.
    Short,
    /// They do not start like a snapshot of a version that this core knows.
    VersionUnknown,
    /// They are damaged.
    ChecksumWrong,
    /// A field has a value that it cannot have.
    FieldInvalid,
    /// Bytes follow the snapshot.
    TrailingBytes,
    /// What they describe is not a state that any commands lead to.
    Broken(Broken),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the snapshot ends too early"),
            Self::VersionUnknown => f.write_str("this is no snapshot of a known version"),
            Self::ChecksumWrong => f.write_str("the snapshot's checksum is wrong"),
            Self::FieldInvalid => f.write_str("a field of the snapshot has an impossible value"),
            Self::TrailingBytes => f.write_str("bytes follow the snapshot"),
            Self::Broken(broken) => write!(f, "the snapshot holds an impossible state: {broken}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<WireError> for SnapshotError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Short => Self::Short,
            WireError::Field => Self::FieldInvalid,
        }
    }
}

impl From<Broken> for SnapshotError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Core {
    /// Appends the whole state to `out`.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        let mut w = Writer(out);
        w.u64(self.seq.0);
        w.u64(self.time.0);
        w.u64(self.digest());
        w.u64(self.next_order);
        self.write_assets(&mut w);
        self.write_accounts(&mut w);
        w.len(self.markets.len());
        for market in &self.markets {
            write_market(market, &mut w);
        }
        w.len(self.sessions.len());
        for origin in self.sessions.iter() {
            w.u64(origin.session);
            w.u64(origin.number);
        }
        let checksum = hash::of_bytes(out.get(start..).unwrap_or_default());
        Writer(out).u64(checksum);
    }

    fn write_assets(&self, w: &mut Writer<'_>) {
        w.len(self.assets.len());
        for (asset, totals) in self.assets.iter().zip(&self.ledger.totals) {
            w.text(&asset.code);
            w.text(&asset.name);
            w.u8(asset.decimals);
            w.u128(totals.credited);
            w.u128(totals.debited);
        }
    }

    fn write_accounts(&self, w: &mut Writer<'_>) {
        w.len(self.accounts.len());
        for (account, wallet) in self.accounts.iter().zip(&self.ledger.wallets) {
            w.text(&account.name);
            w.flag(account.can_trade);
            w.optional_fees(account.fees);
            w.len(wallet.balances().len());
            for (asset, balance) in wallet.balances() {
                w.u32(asset.0);
                w.u128(balance.free.0);
                w.u128(balance.locked.0);
            }
        }
    }

    /// The core whose snapshot `bytes` are, exactly.
    ///
    /// Errors: whatever [`Core::snapshot`] would not have written.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.get(..MAGIC.len()).ok_or(SnapshotError::Short)? != MAGIC {
            return Err(SnapshotError::VersionUnknown);
        }
        let (state, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(SnapshotError::Short)?;
        if hash::of_bytes(state) != u64::from_le_bytes(*checksum) {
            return Err(SnapshotError::ChecksumWrong);
        }
        Self::restore_state(state.get(MAGIC.len()..).ok_or(SnapshotError::Short)?)
    }

    /// The checksum that a snapshot with these bytes before it ends with; for tests that forge one.
    #[doc(hidden)]
    pub fn snapshot_checksum(state: &[u8]) -> u64 {
        hash::of_bytes(state)
    }

    fn restore_state(state: &[u8]) -> Result<Self, SnapshotError> {
        let mut r = Reader::new(state);
        let mut core = Self::empty();
        core.seq = Seq(r.u64()?);
        core.time = TimeUs(r.u64()?);
        core.digest = Digest::from_value(r.u64()?);
        core.next_order = r.u64()?;
        core.read_assets(&mut r)?;
        core.read_accounts(&mut r)?;
        let markets = r.len(MARKET_SIZE_MIN)?;
        for _ in 0..markets {
            core.read_market(&mut r)?;
        }
        core.link_open_lists()?;
        core.read_sessions(&mut r)?;
        if r.left() != 0 {
            return Err(SnapshotError::TrailingBytes);
        }
        core.check()?;
        Ok(core)
    }

    fn read_assets(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        for id in 0..ids(r.len(ASSET_SIZE_MIN)?)? {
            let asset = Asset { id: AssetId(id), code: r.text()?, name: r.text()?, decimals: r.u8()? };
            let totals = Totals { credited: r.u128()?, debited: r.u128()? };
            judge_asset(&asset.code, &asset.name, asset.decimals).map_err(|_| SnapshotError::FieldInvalid)?;
            if self.asset_codes.insert(asset.code.clone(), id).is_some() {
                return Err(SnapshotError::FieldInvalid);
            }
            self.assets.push(asset);
            self.ledger.totals.push(totals);
        }
        Ok(())
    }

    fn read_accounts(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let len = r.len(ACCOUNT_SIZE_MIN)?;
        let count = ids(len)?;
        self.accounts.reserve(len);
        self.ledger.wallets.reserve(len);
        self.names.reserve(len).ok_or(SnapshotError::FieldInvalid)?;
        for id in 0..count {
            let account =
                Account { id: AccountId(id), name: r.text()?, can_trade: r.flag()?, fees: r.optional_fees()? };
            judge_account_name(&account.name).map_err(|_| SnapshotError::FieldInvalid)?;
            let is_fee_account = id == 0;
            let is_legal = (!is_fee_account || account.name == FEE_ACCOUNT_NAME)
                && account.fees.is_none_or(|fees| rates_are_valid(&fees))
                && self.find_name(&account.name).is_none();
            if !is_legal {
                return Err(SnapshotError::FieldInvalid);
            }
            self.add_account(account)?;
            self.read_balances(AccountId(id), r)?;
        }
        if count == 0 { Err(SnapshotError::FieldInvalid) } else { Ok(()) }
    }

    fn read_balances(&mut self, account: AccountId, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let wallet = self.ledger.wallet_mut(account)?;
        let mut last = None;
        let count = r.len(BALANCE_SIZE)?;
        wallet.reserve_exact(count);
        for _ in 0..count {
            let asset = AssetId(r.u32()?);
            let balance = Balance { free: Amount(r.u128()?), locked: Amount(r.u128()?) };
            if last >= Some(asset) {
                return Err(SnapshotError::FieldInvalid);
            }
            *wallet.entry(asset)? = balance;
            last = Some(asset);
        }
        Ok(())
    }

    fn read_market(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
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
        market.last_price = if r.flag()? { Some(Price(r.u64()?)) } else { None };
        read_average(&mut market, minute_of(self.time.0), r)?;
        let version = r.u64()?;
        for side in [Side::Buy, Side::Sell] {
            self.read_orders(&mut market, side, r)?;
        }
        market.orders.book.set_version(version);
        if self.symbols.insert(symbol, id.0).is_some() {
            return Err(SnapshotError::FieldInvalid);
        }
        self.markets.push(market);
        Ok(())
    }

    fn read_orders(&self, market: &mut Market, side: Side, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let mut best = None;
        let count = r.len(ORDER_SIZE_MIN)?;
        market.orders.reserve(count).ok_or(SnapshotError::FieldInvalid)?;
        for _ in 0..count {
            let (id, owner) = (OrderId(r.u64()?), AccountId(r.u32()?));
            let (ticks, lots) = (r.u64()?, r.u64()?);
            let resting = read_resting(r)?;
            // Best first is how they were written; the book itself would sort them.
            let is_sorted = best.is_none_or(|best| match side {
                Side::Buy => ticks <= best,
                Side::Sell => ticks >= best,
            });
            let is_known = self.accounts.get(owner.0 as usize).is_some();
            let is_new = market.orders.find(id).is_none()
                && (resting.client_order_id.is_empty()
                    || market.orders.find_client(owner, &resting.client_order_id).is_none());
            if !is_sorted || !is_known || !is_new {
                return Err(SnapshotError::FieldInvalid);
            }
            best = Some(ticks);
            let handle = market.orders.book.insert(side, ticks, lots, id.0, owner.0);
            let handle = handle.ok_or(SnapshotError::FieldInvalid)?;
            market.orders.add_unlisted(handle, id, owner, resting).ok_or(Broken::OrderIndex)?;
        }
        Ok(())
    }

    /// Builds the accounts' lists of open orders, oldest first.
    fn link_open_lists(&mut self) -> Result<(), Broken> {
        for market in &mut self.markets {
            let book = &market.orders.book;
            let mut makers: Vec<Maker> = book.makers(Side::Buy).chain(book.makers(Side::Sell)).collect();
            makers.sort_unstable_by_key(|maker| maker.id);
            for maker in makers {
                let list = self.ledger.wallet_mut(AccountId(maker.owner))?.open_entry(market.id)?;
                market.orders.enlist(maker.handle, list).ok_or(Broken::OpenList)?;
            }
        }
        Ok(())
    }

    fn read_sessions(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let count = r.len(SESSION_SIZE)?;
        for _ in 0..count {
            let origin = Origin { session: r.u64()?, number: r.u64()? };
            let before = self.sessions.len();
            let is_taken = origin.session != 0 && self.sessions.take(origin)?;
            if !is_taken || self.sessions.len() == before {
                return Err(SnapshotError::FieldInvalid);
            }
        }
        if count > SESSIONS_MAX { Err(SnapshotError::FieldInvalid) } else { Ok(()) }
    }
}

/// The least bytes that one of each takes, so that a wrong count is found before anything is reserved.
const ASSET_SIZE_MIN: usize = 41;
const ACCOUNT_SIZE_MIN: usize = 14;
const BALANCE_SIZE: usize = 36;
const MARKET_SIZE_MIN: usize = 100;
const BUCKET_SIZE: usize = 40;
const ORDER_SIZE_MIN: usize = 80;
const SESSION_SIZE: usize = 16;

fn ids(count: usize) -> Result<u32, SnapshotError> {
    u32::try_from(count).map_err(|_| SnapshotError::FieldInvalid)
}

fn write_market(market: &Market, w: &mut Writer<'_>) {
    w.text(&market.symbol);
    w.u32(market.base.0);
    w.u32(market.quote.0);
    w.rules(&market.rules);
    w.u8(market.status as u8);
    w.u64(market.next_trade);
    w.u64(market.next_prevented);
    w.flag(market.last_price.is_some());
    if let Some(price) = market.last_price {
        w.u64(price.0);
    }
    w.len(market.average.buckets().len());
    for bucket in market.average.buckets() {
        w.u64(bucket.minute);
        w.u128(bucket.quote);
        w.u128(bucket.qty);
    }
    let book = &market.orders.book;
    w.u64(book.version());
    for side in [Side::Buy, Side::Sell] {
        w.len(book.makers(side).count());
        for maker in book.makers(side) {
            write_order(market, &maker, w);
        }
    }
}

fn read_average(market: &mut Market, now: u64, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
    let count = r.len(BUCKET_SIZE)?;
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

fn write_order(market: &Market, maker: &Maker, w: &mut Writer<'_>) {
    // `check` proves that there is one for each order.
    let Some(resting) = market.orders.get(maker.handle) else { return };
    w.u64(maker.id);
    w.u32(maker.owner);
    w.u64(maker.ticks);
    w.u64(maker.lots);
    w.u64(resting.lots);
    w.u64(resting.prevented);
    w.u128(resting.filled_quote);
    w.u64(resting.accepted_at);
    w.u64(resting.updated_at);
    w.u8(resting.kind as u8);
    w.u8(resting.stp as u8);
    w.flag(resting.has_strategy_id);
    if resting.has_strategy_id {
        w.u64(resting.strategy_id.cast_unsigned());
    }
    w.flag(resting.has_strategy_type);
    if resting.has_strategy_type {
        w.u32(resting.strategy_type.cast_unsigned());
    }
    w.client_order_id(&resting.client_order_id);
}

fn read_resting(r: &mut Reader<'_>) -> Result<Resting, WireError> {
    let (lots, prevented, filled_quote) = (r.u64()?, r.u64()?, r.u128()?);
    let (accepted_at, updated_at) = (r.u64()?, r.u64()?);
    let kind = r.one_of(OrderKind::from_u8)?;
    let stp = r.one_of(SelfTradePrevention::from_u8)?;
    let has_strategy_id = r.flag()?;
    let strategy_id = if has_strategy_id { r.i64()? } else { 0 };
    let has_strategy_type = r.flag()?;
    let strategy_type = if has_strategy_type { r.i32()? } else { 0 };
    Ok(Resting {
        filled_quote,
        updated_at,
        prevented,
        lots,
        accepted_at,
        strategy_id,
        strategy_type,
        prev: NO_ORDER,
        next: NO_ORDER,
        kind,
        stp,
        has_strategy_id,
        has_strategy_type,
        client_order_id: r.client_order_id()?,
    })
}
