//! A core's whole state as bytes, and back. Canonical: equal state, equal bytes.
//!
//! Places in slabs and indexes are not part of the state: they are built anew. Restoring believes nothing: every id,
//! bound and sum is checked, and the result must pass [`Core::check`]. The last eight bytes are a checksum of the rest.

use std::fmt;

mod markets;
mod orders;

use crate::admin::{judge_account_name, judge_asset};
use crate::broken::Broken;
use crate::command::Origin;
use crate::core::{Core, FEE_ACCOUNT_NAME};
use crate::digest::Digest;
use crate::exchange::Sor;
use crate::fees::rates_are_valid;
use crate::hash;
use crate::ledger::{Balance, Totals};
use crate::sessions::SESSIONS_MAX;
use crate::types::{AccountId, Amount, AssetId, Seq, TimeUs};
use crate::view::{Account, Asset, SorView};
use crate::wire::{Reader, WireError, Writer};

/// The first eight bytes of every snapshot; the last of them is the version.
const MAGIC: [u8; 8] = *b"TDMCORE\x03";
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
            markets::write_market(market, &mut w);
        }
        self.write_exchange(&mut w);
        self.write_lists(&mut w);
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
            w.optional_u32(account.trade_group);
            w.u32(account.permissions);
            w.flag(account.discount);
            w.len(wallet.balances().len());
            for (asset, balance) in wallet.balances() {
                w.u32(asset.0);
                w.u128(balance.free.0);
                w.u128(balance.locked.0);
            }
            w.len(wallet.limits().len());
            for (asset, limit) in wallet.limits() {
                w.u32(asset.0);
                w.u128(limit.0);
            }
        }
    }

    fn write_exchange(&self, w: &mut Writer<'_>) {
        w.exchange_rules(&self.exchange.rules);
        w.len(self.exchange.sors.len());
        for (base, sor) in &self.exchange.sors {
            w.u32(base.0);
            w.market_ids(&sor.markets);
            w.u32(sor.account.0);
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
        core.read_exchange(&mut r)?;
        core.read_lists(&mut r)?;
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
            let account = Account {
                id: AccountId(id),
                name: r.text()?,
                can_trade: r.flag()?,
                fees: r.optional_fees()?,
                trade_group: r.optional_u32()?,
                permissions: r.u32()?,
                discount: r.flag()?,
            };
            judge_account_name(&account.name).map_err(|_| SnapshotError::FieldInvalid)?;
            let is_fee_account = id == 0;
            let is_legal = (!is_fee_account || account.name == FEE_ACCOUNT_NAME)
                && account.fees.is_none_or(|fees| rates_are_valid(&[fees]))
                && self.find_name(&account.name).is_none();
            if !is_legal {
                return Err(SnapshotError::FieldInvalid);
            }
            self.add_account(account)?;
            self.read_balances(AccountId(id), r)?;
            self.read_limits(AccountId(id), r)?;
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

    fn read_limits(&mut self, account: AccountId, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let mut last = None;
        for _ in 0..r.len(LIMIT_SIZE)? {
            let (asset, limit) = (AssetId(r.u32()?), Amount(r.u128()?));
            if last >= Some(asset) || limit.0 == 0 || self.known_asset(asset).is_err() {
                return Err(SnapshotError::FieldInvalid);
            }
            self.ledger.wallet_mut(account)?.set_limit(asset, limit);
            last = Some(asset);
        }
        Ok(())
    }

    fn read_exchange(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let rules = r.exchange_rules()?;
        self.judge_exchange(&rules).map_err(|_| SnapshotError::FieldInvalid)?;
        self.exchange.rules = rules;
        let mut last = None;
        for _ in 0..r.len(SOR_SIZE_MIN)? {
            let (base, markets, account) = (AssetId(r.u32()?), r.market_ids()?, AccountId(r.u32()?));
            let is_legal = last < Some(base)
                && !markets.is_empty()
                && self.judge_sor(&SorView { base, markets: &markets, account }).is_ok();
            if !is_legal {
                return Err(SnapshotError::FieldInvalid);
            }
            self.put_sor(base, Sor { markets, account })?;
            last = Some(base);
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
const ACCOUNT_SIZE_MIN: usize = 28;
const BALANCE_SIZE: usize = 36;
const LIMIT_SIZE: usize = 20;
const MARKET_SIZE_MIN: usize = 200;
const SOR_SIZE_MIN: usize = 12;
const SESSION_SIZE: usize = 16;

fn ids(count: usize) -> Result<u32, SnapshotError> {
    u32::try_from(count).map_err(|_| SnapshotError::FieldInvalid)
}
