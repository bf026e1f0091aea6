//! The core: one state, changed by one command after the other. What each command means is in `spec/rules.md`.
//!
//! Checks come first and change nothing, so a rejected command leaves no trace but its digest. After a broken invariant
//! the core answers nothing else any more: its state may be half changed.

use std::collections::BTreeMap;

use crate::broken::Broken;
use crate::codec;
use crate::command::{Command, Origin};
use crate::digest::Digest;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::hash;
use crate::index::Index;
use crate::ledger::{Ledger, Wallet};
use crate::lists::Lists;
use crate::market::Market;
use crate::reject::RejectCode;
use crate::sessions::Sessions;
use crate::types::{AccountId, FEE_ACCOUNT, MarketId, Seq, TimeUs};
use crate::view::{Account, Asset};

/// Name of account 0, which collects commissions.
pub const FEE_ACCOUNT_NAME: &str = "fees";

/// Why a command stops early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// It is answered with this code.
    Reject(RejectCode),
    /// The shard stops.
    Broken(Broken),
}

impl From<RejectCode> for Stop {
    fn from(code: RejectCode) -> Self {
        Self::Reject(code)
    }
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// The whole state of one shard's exchange.
#[derive(Clone, Debug)]
pub struct Core {
    pub(crate) seq: Seq,
    pub(crate) time: TimeUs,
    pub(crate) digest: Digest,
    /// Ids of all orders come from here.
    pub(crate) next_order: u64,
    pub(crate) exchange: Exchange,
    pub(crate) assets: Vec<Asset>,
    pub(crate) asset_codes: BTreeMap<String, u32>,
    pub(crate) markets: Vec<Market>,
    pub(crate) symbols: BTreeMap<String, u32>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) names: Index,
    pub(crate) ledger: Ledger,
    /// Open order lists, and what waits for its release.
    pub(crate) lists: Lists,
    pub(crate) sessions: Sessions,
    /// Of the indexes whose keys clients choose; no part of the state.
    pub(crate) hash_seed: u64,
    pub(crate) broken: Option<Broken>,
}

impl Default for Core {
    fn default() -> Self {
        Self::new()
    }
}

impl Core {
    /// An exchange with nothing in it but the fee account.
    pub fn new() -> Self {
        let mut fees = Account::new(FEE_ACCOUNT, FEE_ACCOUNT_NAME.to_owned());
        fees.can_trade = false;
        let mut core = Self::empty();
        core.broken = core.add_account(fees).err();
        core
    }

    /// Not even the fee account.
    pub(crate) fn empty() -> Self {
        Self {
            seq: Seq(0),
            time: TimeUs(0),
            digest: Digest::new(),
            next_order: 1,
            exchange: Exchange::default(),
            assets: Vec::new(),
            asset_codes: BTreeMap::new(),
            markets: Vec::new(),
            symbols: BTreeMap::new(),
            accounts: Vec::new(),
            names: Index::default(),
            ledger: Ledger::default(),
            lists: Lists::default(),
            sessions: Sessions::new(),
            hash_seed: 0,
            broken: None,
        }
    }

    /// Gives the indexes whose keys clients choose a seed that those cannot know. It shows in nothing but the time that
    /// a look-up takes, so that replicas may have different ones.
    ///
    /// Errors: an index and its orders do not agree.
    pub fn set_hash_seed(&mut self, seed: u64) -> Result<(), Broken> {
        self.hash_seed = seed;
        self.markets.iter_mut().try_for_each(|market| market.orders.set_seed(seed)).ok_or(Broken::OrderIndex)
    }

    /// Applies an encoded command and appends what came of it to `events`.
    ///
    /// Errors: a broken invariant, after which nothing is applied any more.
    pub fn apply(&mut self, seq: Seq, time: TimeUs, payload: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        match codec::decode(payload) {
            Ok((origin, command)) => self.apply_command(seq, time, origin, &command, events),
            Err(_) => self.step(seq, time, events, |_, _| Err(RejectCode::CommandNotUnderstood.into())),
        }
    }

    /// Applies a command and appends what came of it to `events`.
    ///
    /// Errors: a broken invariant, after which nothing is applied any more.
    pub fn apply_command(
        &mut self,
        seq: Seq,
        time: TimeUs,
        origin: Origin,
        command: &Command,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        self.step(seq, time, events, |core, events| {
            if !core.sessions.take(origin)? {
                return Err(RejectCode::CommandRepeated.into());
            }
            core.dispatch(command, events)
        })
    }

    #[inline(always)]
    fn step(
        &mut self,
        seq: Seq,
        time: TimeUs,
        events: &mut Vec<Event>,
        command: impl FnOnce(&mut Self, &mut Vec<Event>) -> Result<(), Stop>,
    ) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let first = events.len();
        let result = self.begin(seq, time).map_err(Stop::from).and_then(|()| command(self, events));
        match result {
            Ok(()) => {}
            Err(Stop::Reject(code)) => events.push(Event::Rejected { code }),
            Err(Stop::Broken(broken)) => {
                self.broken = Some(broken);
                return Err(broken);
            }
        }
        self.digest.command(seq, events.get(first..).unwrap_or_default());
        Ok(())
    }

    fn begin(&mut self, seq: Seq, time: TimeUs) -> Result<(), Broken> {
        if self.seq.0.checked_add(1) != Some(seq.0) {
            return Err(Broken::SeqNotNext);
        }
        if time < self.time {
            return Err(Broken::TimeFell);
        }
        self.seq = seq;
        self.time = time;
        Ok(())
    }

    #[inline(always)]
    fn dispatch(&mut self, command: &Command, events: &mut Vec<Event>) -> Result<(), Stop> {
        match command {
            Command::PlaceOrder(order) => self.place_order(order, events)?,
            Command::CancelOrder(cancel) => self.cancel_order(cancel, events)?,
            rare => self.dispatch_rare(rare, events)?,
        }
        if !self.lists.releases.is_empty() && !matches!(command, Command::RunReleases) {
            self.run_releases(events)?;
        }
        Ok(())
    }

    #[cold]
    fn dispatch_rare(&mut self, command: &Command, events: &mut Vec<Event>) -> Result<(), Stop> {
        match command {
            Command::CancelAll { account, market, by_exchange } => {
                self.cancel_all(*account, *market, *by_exchange, events)
            }
            Command::PlaceList(list) => self.place_list(list, events),
            Command::CancelList(cancel) => self.cancel_list(cancel, events),
            Command::AmendOrder(amend) => self.amend_order(amend, events),
            Command::CancelReplace(replace) => self.cancel_replace(replace, events),
            Command::RunReleases => self.run_releases_alone(events),
            rare => {
                let event = self.administer(rare)?;
                events.push(event);
                Ok(())
            }
        }
    }

    /// The account with this name.
    pub(crate) fn find_name(&self, name: &str) -> Option<AccountId> {
        let is_it = |at: u32| self.accounts.get(at as usize).is_some_and(|account| account.name == name);
        self.names.find(hash::of_bytes(name.as_bytes()), is_it).map(AccountId)
    }

    /// Adds an account behind the others; its id must be the next and its name unused.
    pub(crate) fn add_account(&mut self, account: Account) -> Result<(), Broken> {
        if account.id != AccountId(next_id(self.accounts.len())?) {
            return Err(Broken::IdUnknown);
        }
        let name_hash = hash::of_bytes(account.name.as_bytes());
        self.names.insert(name_hash, account.id.0).ok_or(Broken::NameIndex)?;
        self.accounts.push(account);
        self.ledger.wallets.push(Wallet::default());
        Ok(())
    }

    pub(crate) fn known_account(&self, account: AccountId) -> Result<&Account, RejectCode> {
        self.accounts.get(account.0 as usize).ok_or(RejectCode::AccountUnknown)
    }

    pub(crate) fn known_market(&self, market: MarketId) -> Result<&Market, RejectCode> {
        self.markets.get(market.0 as usize).ok_or(RejectCode::MarketUnknown)
    }
}

/// The id of what is added behind `len` others.
pub(crate) fn next_id(len: usize) -> Result<u32, Broken> {
    u32::try_from(len).ok().filter(|id| *id < u32::MAX).ok_or(Broken::CounterExhausted)
}
