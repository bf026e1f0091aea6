//! What holds for the whole exchange: its rules, the smart order routing groups, and which markets are between two
//! assets.

use std::collections::BTreeMap;

use crate::types::{AccountId, AssetId, ExchangeRules, MarketId};

/// A smart order routing group: markets of one base asset whose books an order takes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sor {
    /// As they were given.
    pub(crate) markets: Vec<MarketId>,
    /// Stands between the books.
    pub(crate) account: AccountId,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) rules: ExchangeRules,
    /// By base asset.
    pub(crate) sors: BTreeMap<AssetId, Sor>,
    /// All markets, by the lower and the higher of their two assets; rising.
    between: BTreeMap<(AssetId, AssetId), Vec<MarketId>>,
}

fn key(a: AssetId, b: AssetId) -> (AssetId, AssetId) {
    (a.min(b), a.max(b))
}

impl Exchange {
    /// Adds a market behind the others.
    pub(crate) fn add_market(&mut self, id: MarketId, base: AssetId, quote: AssetId) {
        self.between.entry(key(base, quote)).or_default().push(id);
    }

    /// The markets whose two assets these are, either way round, by id.
    pub(crate) fn markets_between(&self, a: AssetId, b: AssetId) -> &[MarketId] {
        self.between.get(&key(a, b)).map(Vec::as_slice).unwrap_or_default()
    }
}
