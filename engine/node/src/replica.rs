//! A core that follows the log, and what its readers want to know about each step.

use std::sync::Arc;

use parking_lot::Mutex;
use tandem_core::codec;
use tandem_core::command::Command;
use tandem_core::event::Event;
use tandem_core::types::{AccountId, Amount, AssetId, FEE_ACCOUNT, MarketId, Seq, Side, TimeUs};
use tandem_core::{Broken, Core};

use crate::batch::{BalanceNow, Batch, BookChange, Outcome};
use crate::levels::{Levels, Place};
use crate::log::Record;

/// One that its readers and whoever drives it share.
pub type SharedReplica = Arc<Mutex<Replica>>;

/// See the module.
pub struct Replica {
    core: Core,
    session: Option<u64>,
    levels: Levels,
    watched: Watched,
    markets: Vec<MarketFacts>,
    time_us: u64,
    hash: Option<u128>,
    /// A `RunReleases` was applied.
    has_run_releases: bool,
    /// What the current command touched; kept for its memory.
    touched: Vec<(AccountId, AssetId)>,
}

/// What is looked up with every event, by market.
struct MarketFacts {
    base: AssetId,
    quote: AssetId,
    /// Of the book at the end of the batch before.
    version: u64,
}

impl Replica {
    /// Follows on from `core`, at which the log's running hash is `hash`; `session` is the one whose numbers the
    /// outcomes carry, if any.
    pub fn new(core: Core, hash: u128, session: Option<u64>) -> Self {
        let (levels, watched) = (Levels::default(), Watched::default());
        let (markets, touched) = (Vec::new(), Vec::new());
        let (hash, has_run_releases) = (Some(hash), false);
        let mut replica = Self { core, session, levels, watched, markets, time_us: 0, hash, has_run_releases, touched };
        replica.learn_markets();
        replica
    }

    fn learn_markets(&mut self) {
        let ids: Vec<MarketId> = self.core.markets().map(|market| market.id).collect();
        ids.into_iter().for_each(|market| self.core.follow_levels(market));
        self.markets = self
            .core
            .markets()
            .map(|market| MarketFacts {
                base: market.base,
                quote: market.quote,
                version: self.markets.get(market.id.0 as usize).map_or(market.book_version, |known| known.version),
            })
            .collect();
    }

    /// The state machine.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The log's running hash at the core's seq; not known in the middle of a run of records.
    pub fn hash(&self) -> Option<u128> {
        self.hash
    }

    /// A run of records, after which the log's running hash is `hash`, was applied.
    pub fn end_of_records(&mut self, hash: u128) {
        self.hash = Some(hash);
    }

    /// Whether a `RunReleases` was applied since this was last asked.
    pub fn take_has_run_releases(&mut self) -> bool {
        std::mem::take(&mut self.has_run_releases)
    }

    /// Starts or stops adding an account's balances to the outcomes that touch it.
    pub fn watch(&mut self, account: AccountId, is_on: bool) {
        self.watched.set(account, is_on);
    }

    /// Applies the next record and adds its outcome to the batch.
    pub fn apply(&mut self, record: &Record<'_>, batch: &mut Batch) -> Result<(), Broken> {
        self.hash = None;
        let events_start = batch.events.len();
        let number = self.apply_to_core(record, &mut batch.events)?;
        self.time_us = record.time_us;
        let code = match batch.events.last() {
            Some(Event::Rejected { code }) => Some(*code),
            _ => None,
        };
        if code.is_some() {
            batch.events.pop();
        }
        let events = &batch.events[events_start..];
        self.levels.after(&mut self.core, events);
        if events.iter().any(|event| matches!(event, Event::MarketCreated { .. })) {
            self.learn_markets();
        }
        if self.watched.any() {
            self.add_balances(events, &mut batch.balances);
        }
        batch.seq = record.seq;
        batch.outcomes.push(Outcome {
            seq: record.seq,
            time_us: record.time_us,
            number,
            code,
            events_end: index(batch.events.len()),
            balances_end: index(batch.balances.len()),
        });
        Ok(())
    }

    /// Returns the number of the command if this session sent it, else 0.
    fn apply_to_core(&mut self, record: &Record<'_>, events: &mut Vec<Event>) -> Result<u64, Broken> {
        let (seq, time) = (Seq(record.seq), TimeUs(record.time_us));
        let Ok((origin, command)) = codec::decode(record.payload) else {
            self.core.apply(seq, time, record.payload, events)?;
            return Ok(0);
        };
        self.has_run_releases |= command == Command::RunReleases;
        self.core.apply_command(seq, time, origin, &command, events)?;
        Ok(if Some(origin.session) == self.session { origin.number } else { 0 })
    }

    /// Adds the balances of watched accounts that these events touched, each once, by account and asset.
    ///
    /// A command may touch as many accounts as there are orders in a book, so they are sorted, not searched.
    fn add_balances(&mut self, events: &[Event], balances: &mut Vec<BalanceNow>) {
        let mut touched = std::mem::take(&mut self.touched);
        let mut router = None;
        for event in events {
            self.for_each_touched(event, &mut router, |account, asset| {
                if self.watched.has(account) {
                    touched.push((account, asset));
                }
            });
        }
        touched.sort_unstable();
        touched.dedup();
        for (account, asset) in touched.drain(..) {
            let now = self.core.balance(account, asset);
            balances.push(BalanceNow { account, asset, free: now.free, locked: now.locked });
        }
        self.touched = touched;
    }

    /// `router` is the account between the books: of the routed trade before, whose `Allocated` does not name it.
    fn for_each_touched(
        &self,
        event: &Event,
        router: &mut Option<AccountId>,
        mut visit: impl FnMut(AccountId, AssetId),
    ) {
        let mut in_market = |market: MarketId, account: AccountId| {
            if let Some(facts) = self.markets.get(market.0 as usize) {
                visit(account, facts.base);
                visit(account, facts.quote);
            }
        };
        match event {
            Event::OrderAccepted(order) => in_market(order.market, order.account),
            Event::OrderClosed(closed) => in_market(closed.market, closed.account),
            Event::OrderReleased(released) => in_market(released.market, released.account),
            Event::OrderAmended(amended) => in_market(amended.market, amended.account),
            Event::SelfTradePrevented(prevented) => {
                in_market(prevented.market, prevented.taker_account);
                in_market(prevented.maker_market, prevented.maker_account);
            }
            Event::Traded(trade) => {
                in_market(trade.market, trade.taker_account);
                in_market(trade.market, trade.maker_account);
                for_each_fee(trade.taker_account, trade.taker_fee, trade.taker_fee_asset, &mut visit);
                for_each_fee(trade.maker_account, trade.maker_fee, trade.maker_fee_asset, &mut visit);
                *router = trade.is_routed.then_some(trade.taker_account);
            }
            Event::Allocated(fill) => {
                in_market(fill.market, fill.account);
                router.take().into_iter().for_each(|router| in_market(fill.market, router));
                for_each_fee(fill.account, fill.fee, fill.fee_asset, &mut visit);
            }
            Event::Credited { account, asset, .. } | Event::Debited { account, asset, .. } => visit(*account, *asset),
            _ => {}
        }
    }

    /// Ends a batch: reads the levels that it touched.
    pub fn finish(&mut self, batch: &mut Batch) {
        let touched = self.levels.take_touched();
        for of_market in touched.chunk_by(|a, b| a.market == b.market) {
            batch.depth.extend(self.book_change(of_market));
        }
    }

    fn book_change(&mut self, places: &[Place]) -> Option<BookChange> {
        let market = places.first()?.market;
        let last_version = self.core.book_version(market);
        let facts = self.markets.get_mut(market.0 as usize)?;
        let first_version = std::mem::replace(&mut facts.version, last_version).checked_add(1)?;
        if first_version > last_version {
            return None;
        }
        let best = self.core.depth(market, 1)?;
        let core = &self.core;
        let totals = move |side: Side| {
            let level = move |place: &Place| (place.price, core.level(market, side, place.price));
            places.iter().filter(move |place| place.side == side).map(level)
        };
        Some(BookChange {
            market,
            first_version,
            last_version,
            time_us: self.time_us,
            bids: totals(Side::Buy).rev().collect(),
            asks: totals(Side::Sell).collect(),
            best_bid: best.bids.first().copied(),
            best_ask: best.asks.first().copied(),
        })
    }
}

/// Who pays a fee, and who gets it.
fn for_each_fee(payer: AccountId, fee: Amount, asset: AssetId, visit: &mut impl FnMut(AccountId, AssetId)) {
    if fee.0 > 0 {
        visit(payer, asset);
        visit(FEE_ACCOUNT, asset);
    }
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("a batch is bounded far below four billion events")
}

/// A set of accounts; their ids are dense.
#[derive(Default)]
struct Watched {
    bits: Vec<u64>,
    count: usize,
}

impl Watched {
    fn set(&mut self, account: AccountId, is_on: bool) {
        let (word, bit) = Self::place(account);
        if is_on == self.has(account) {
            return;
        }
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] ^= bit;
        self.count = if is_on { self.count + 1 } else { self.count - 1 };
    }

    fn has(&self, account: AccountId) -> bool {
        let (word, bit) = Self::place(account);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn any(&self) -> bool {
        self.count > 0
    }

    fn place(account: AccountId) -> (usize, u64) {
        (account.0 as usize / 64, 1 << (account.0 % 64))
    }
}
