//! What the replica brought, in a form that is cheap to keep and to hand over.

use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{AccountId, Amount, AssetId, MarketId, Price};

/// One step of the replica: results in log order, then the levels that changed.
#[derive(Debug, Default)]
pub struct Batch {
    /// Of the last command in it, or before it when it only has refusals.
    pub seq: u64,
    /// From recovery: the callers were answered in an earlier life.
    pub is_replayed: bool,
    /// One for each command.
    pub outcomes: Vec<Outcome>,
    /// The events of all outcomes, in order, without `Rejected`.
    pub events: Vec<Event>,
    /// The balances of all outcomes, in order.
    pub balances: Vec<BalanceNow>,
    /// One for each market whose book changed, by market.
    pub depth: Vec<BookChange>,
    /// Commands that never reached the log.
    pub refused: Vec<(u64, Refusal)>,
}

/// What came of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its place in the log.
    pub seq: u64,
    /// Its time.
    pub time_us: u64,
    /// What its submitter knows it by; 0 when another session sent it.
    pub number: u64,
    /// Why it changed nothing, if so.
    pub code: Option<RejectCode>,
    /// Where its events end in [`Batch::events`].
    pub events_end: u32,
    /// Where its balances end in [`Batch::balances`].
    pub balances_end: u32,
}

/// A balance right after a command, of a watched account that the command touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceNow {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// What it can use.
    pub free: Amount,
    /// What its open orders hold.
    pub locked: Amount,
}

/// A price level and its total quantity; 128 bits, since many orders may pass 64.
pub type Level = (Price, u128);

/// The levels of one market whose total changed in a batch, with the totals after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookChange {
    /// Where.
    pub market: MarketId,
    /// The batch moved the book from the version before this one...
    pub first_version: u64,
    /// ...to this one.
    pub last_version: u64,
    /// Of the last command that touched the book.
    pub time_us: u64,
    /// Best first; a total of 0: the level is gone.
    pub bids: Vec<Level>,
    /// Best first; a total of 0: the level is gone.
    pub asks: Vec<Level>,
    /// The best bid after the batch.
    pub best_bid: Option<Level>,
    /// The best ask after the batch.
    pub best_ask: Option<Level>,
}

/// Why a command never reached the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No room.
    DiskFull,
    /// It came after the close.
    Closed,
}

impl Batch {
    /// Each outcome with its events and balances.
    pub fn iter(&self) -> impl Iterator<Item = (&Outcome, &[Event], &[BalanceNow])> {
        let (mut events, mut balances) = (0, 0);
        self.outcomes.iter().map(move |outcome| {
            let (events_end, balances_end) = (outcome.events_end as usize, outcome.balances_end as usize);
            let item = (outcome, &self.events[events..events_end], &self.balances[balances..balances_end]);
            (events, balances) = (events_end, balances_end);
            item
        })
    }
}
