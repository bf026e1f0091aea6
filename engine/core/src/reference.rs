//! The reference price of a market: set from outside, or the mean of the trades of its last buckets of time.

use std::collections::VecDeque;

use crate::broken::Broken;
use crate::types::{Price, ReferenceRule, TimeUs};

/// The most that the prices of one bucket add up to, so that no sum over all buckets can pass 128 bits.
pub(crate) const BUCKET_SUM_MAX: u128 = 1 << 100;
/// Sums are scaled by this before a bucket's weight is taken, so that little is lost by rounding.
const SCALE: u128 = 10_000;

/// The trades of one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceBucket {
    pub(crate) start_ms: u64,
    pub(crate) count: u64,
    /// Of their prices.
    pub(crate) sum: u128,
}

/// The state of one market's reference price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reference {
    /// What was said from outside: `None`: nothing; `Some(None)`: that there is none.
    pub(crate) given: Option<Option<Price>>,
    /// When it was given, or when the last trade was counted.
    pub(crate) changed_at: TimeUs,
    /// Oldest first; only with a rule.
    buckets: VecDeque<PriceBucket>,
}

impl Reference {
    pub(crate) fn given(price: Option<Price>, now: TimeUs) -> Self {
        Self { given: Some(price), changed_at: now, buckets: VecDeque::new() }
    }

    /// Counts a trade.
    pub(crate) fn add(&mut self, rule: ReferenceRule, now: TimeUs, price: Price) -> Result<(), Broken> {
        let start_ms = bucket_start(rule, now).ok_or(Broken::RulesInvalid)?;
        self.changed_at = now;
        if let Some(last) = self.buckets.back_mut().filter(|b| b.start_ms == start_ms) {
            last.count = last.count.checked_add(1).ok_or(Broken::CounterExhausted)?;
            let sum = last.sum.checked_add(u128::from(price.0)).filter(|sum| *sum <= BUCKET_SUM_MAX);
            last.sum = sum.ok_or(Broken::CounterExhausted)?;
            return Ok(());
        }
        if self.buckets.len() > rule.count as usize {
            self.buckets.pop_front();
        }
        self.buckets.push_back(PriceBucket { start_ms, count: 1, sum: u128::from(price.0) });
        Ok(())
    }

    /// Puts back a bucket that was written. `false`: it could not have been there.
    pub(crate) fn restore(&mut self, rule: ReferenceRule, now: TimeUs, bucket: PriceBucket) -> bool {
        let last = self.buckets.back().map(|b| b.start_ms);
        let is_legal = last < Some(bucket.start_ms)
            && self.buckets.len() <= rule.count as usize
            && bucket.start_ms.checked_rem(u64::from(rule.width_ms)) == Some(0)
            && Some(bucket.start_ms) <= bucket_start(rule, now)
            && bucket.count > 0
            && bucket.sum >= u128::from(bucket.count)
            && bucket.sum <= BUCKET_SUM_MAX;
        if is_legal {
            self.buckets.push_back(bucket);
        }
        is_legal
    }

    pub(crate) fn buckets(&self) -> impl ExactSizeIterator<Item = &PriceBucket> {
        self.buckets.iter()
    }

    /// The mean of the window that ends now; `None` without trades in it.
    pub(crate) fn mean(&self, rule: ReferenceRule, now: TimeUs) -> Option<Price> {
        let width = u64::from(rule.width_ms);
        let cutoff = ms(now).saturating_sub(width.saturating_mul(u64::from(rule.count)));
        let (mut sum, mut count) = (0_u128, 0_u128);
        for bucket in self.buckets.iter().rev() {
            let weight = bucket.start_ms.saturating_add(width).saturating_sub(cutoff).min(width);
            if weight == 0 {
                break;
            }
            sum = sum.saturating_add(weighted(bucket.sum, weight, width)?);
            count = count.saturating_add(weighted(u128::from(bucket.count), weight, width)?);
        }
        u64::try_from(sum.checked_div(count)?).ok().map(Price)
    }
}

const fn ms(time: TimeUs) -> u64 {
    time.0 / 1_000
}

fn bucket_start(rule: ReferenceRule, time: TimeUs) -> Option<u64> {
    let rest = ms(time).checked_rem(u64::from(rule.width_ms))?;
    ms(time).checked_sub(rest)
}

/// `value * 10^4 * weight / width` rounded down.
fn weighted(value: u128, weight: u64, width: u64) -> Option<u128> {
    let scaled = value.checked_mul(SCALE)?;
    if weight == width {
        return Some(scaled);
    }
    let (weight, width) = (u128::from(weight), u128::from(width));
    let whole = scaled.checked_div(width)?.checked_mul(weight)?;
    let rest = scaled.checked_rem(width)?.checked_mul(weight)?;
    whole.checked_add(rest.checked_div(width)?)
}

#[cfg(test)]
mod tests {
    use super::{PriceBucket, Reference};
    use crate::types::{Price, ReferenceRule, TimeUs};

    const RULE: ReferenceRule = ReferenceRule { count: 3, width_ms: 100 };

    fn at(ms: u64) -> TimeUs {
        TimeUs(ms * 1_000 + 999)
    }

    fn with_trades(trades: &[(u64, u64)]) -> Reference {
        let mut reference = Reference::default();
        for (ms, price) in trades {
            reference.add(RULE, at(*ms), Price(*price)).unwrap();
        }
        reference
    }

    #[test]
    fn the_oldest_bucket_counts_by_the_part_of_it_that_is_in_the_window() {
        let reference = with_trades(&[(1_000, 10), (1_099, 20), (1_100, 60)]);
        assert_eq!(reference.buckets().len(), 2);
        assert_eq!(reference.mean(RULE, at(1_100)), Some(Price(30)));
        assert_eq!(reference.mean(RULE, at(1_300)), Some(Price(30)));
        // The cutoff is 1050: half of the bucket from 1000 on is left, (15 + 60) / (1 + 1).
        assert_eq!(reference.mean(RULE, at(1_350)), Some(Price(37)));
        assert_eq!(reference.mean(RULE, at(1_400)), Some(Price(60)));
        assert_eq!(reference.mean(RULE, at(1_499)), Some(Price(60)));
        assert_eq!(reference.mean(RULE, at(1_500)), None);
        assert_eq!(Reference::default().mean(RULE, at(5)), None);
    }

    #[test]
    fn one_bucket_more_than_the_window_is_kept() {
        let reference = with_trades(&[(0, 1), (100, 2), (200, 3), (300, 4), (400, 5)]);
        let starts: Vec<u64> = reference.buckets().map(|b| b.start_ms).collect();
        assert_eq!(starts, [100, 200, 300, 400]);
        assert_eq!(reference.changed_at, at(400));
    }

    #[test]
    fn sums_beyond_what_a_window_can_add_up_end_the_core() {
        let mut reference = Reference::default();
        let full = PriceBucket { start_ms: 0, count: u64::MAX >> 1, sum: super::BUCKET_SUM_MAX };
        assert!(reference.restore(RULE, at(0), full));
        assert_eq!(reference.mean(RULE, at(0)), Some(Price(1 << 37)));
        assert!(reference.add(RULE, at(0), Price(1)).is_err());
    }
}
