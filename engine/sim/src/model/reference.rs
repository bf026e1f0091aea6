//! The reference price: said from outside, or the mean of the trades of some buckets; and the price that filters use.

use tandem_core::types::{MarketId, Price, ReferenceRule, TimeUs};

use super::{Market, Model};
use crate::planted::Planted;

/// What a bucket's counts and sums are multiplied by before they are weighed.
const SCALE: u128 = 10_000;

/// A reference price, as it can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// By a rule; if not, it was said.
    pub is_computed: bool,
    /// None: there is none at the moment.
    pub price: Option<Price>,
    /// When it was said, or when its last trade was.
    pub changed_at: TimeUs,
}

impl Model {
    /// The reference price of a market; none: nothing was ever said or traded.
    pub fn reference(&self, market: MarketId) -> Option<Reference> {
        let market = self.markets.get(market.0 as usize)?;
        match market.rules.reference {
            Some(rule) => {
                let changed_at = market.trades[market.reference_from..].last()?.time;
                let whole = self.bug(Planted::ReferenceWholeBuckets);
                let price =
                    compute(market, rule, self.time.0 / 1000, whole).and_then(|price| u64::try_from(price).ok());
                Some(Reference { is_computed: true, price: price.map(Price), changed_at })
            }
            None => {
                let (price, changed_at) = market.reference_said?;
                Some(Reference { is_computed: false, price, changed_at })
            }
        }
    }

    pub(super) fn reference_price(&self, market: MarketId) -> Option<u64> {
        self.reference(market)?.price.map(|price| price.0)
    }

    /// What the filters judge by.
    pub(super) fn judging_price(&self, market: MarketId) -> Option<u64> {
        self.reference_price(market).or_else(|| self.average_price(market).map(|price| price.0))
    }
}

/// Bucket after bucket, as the rules say it; a bucket is found by its start.
fn compute(market: &Market, rule: ReferenceRule, now_ms: u64, are_whole: bool) -> Option<u128> {
    let width = i128::from(rule.width_ms);
    let cutoff = i128::from(now_ms) - i128::from(rule.count) * width;
    let mut buckets = std::collections::BTreeMap::<i128, (u128, u128)>::new();
    for trade in market.trades[market.reference_from..].iter().rev() {
        let start = i128::from(trade.time.0 / 1000) / width * width;
        if start + width <= cutoff {
            break;
        }
        let bucket = buckets.entry(start).or_default();
        bucket.0 += 1;
        bucket.1 += u128::from(trade.price);
    }
    let (mut counts, mut sums) = (0, 0);
    for (start, (count, sum)) in buckets {
        let weight = if start < cutoff && !are_whole { start + width - cutoff } else { width } as u128;
        counts += count * SCALE * weight / width as u128;
        sums += sum * SCALE * weight / width as u128;
    }
    (counts > 0).then(|| sums / counts)
}
