//! The average price of a market's last minutes: sums per minute of command time.

use std::collections::VecDeque;

use crate::broken::Broken;
use crate::types::Price;

/// Microseconds of a minute.
const MINUTE_US: u64 = 60_000_000;
/// The longest window a market can have, in minutes.
pub(crate) const WINDOW_MAX: u8 = 60;

/// Sums over the trades of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Since the epoch.
    pub(crate) minute: u64,
    pub(crate) quote: u128,
    pub(crate) qty: u128,
}

/// The buckets of the last [`WINDOW_MAX`] minutes with trades in them, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Average {
    buckets: VecDeque<Bucket>,
    /// Sums over all buckets, so that no sum over a window can overflow.
    quote: u128,
    qty: u128,
}

pub(crate) const fn minute_of(time_us: u64) -> u64 {
    time_us / MINUTE_US
}

impl Average {
    pub(crate) fn add(&mut self, minute: u64, quote: u128, qty: u128) -> Result<(), Broken> {
        self.quote = self.quote.checked_add(quote).ok_or(Broken::CounterExhausted)?;
        self.qty = self.qty.checked_add(qty).ok_or(Broken::CounterExhausted)?;
        if let Some(last) = self.buckets.back_mut().filter(|b| b.minute == minute) {
            // Bounded by the sums above.
            last.quote = last.quote.saturating_add(quote);
            last.qty = last.qty.saturating_add(qty);
            return Ok(());
        }
        let oldest = minute.saturating_sub(u64::from(WINDOW_MAX).saturating_sub(1));
        while let Some(old) = self.buckets.front().copied().filter(|b| b.minute < oldest) {
            self.buckets.pop_front();
            self.quote = self.quote.saturating_sub(old.quote);
            self.qty = self.qty.saturating_sub(old.qty);
        }
        self.buckets.push_back(Bucket { minute, quote, qty });
        Ok(())
    }

    pub(crate) fn buckets(&self) -> impl ExactSizeIterator<Item = &Bucket> {
        self.buckets.iter()
    }

    /// `sum(quote) * one / sum(qty)` rounded down, over the window that ends with `minute`; `one` is `10^base_decimals`.
    pub(crate) fn price(&self, minute: u64, minutes: u8, one: u64) -> Option<Price> {
        let oldest = minute.saturating_sub(u64::from(minutes.checked_sub(1)?));
        let (mut quote, mut qty) = (0_u128, 0_u128);
        for bucket in self.buckets.iter().rev().take_while(|b| b.minute >= oldest) {
            quote = quote.saturating_add(bucket.quote);
            qty = qty.saturating_add(bucket.qty);
        }
        scaled_ratio(quote, one, qty).map(Price)
    }
}

/// `a * one / b` rounded down; `one` is a power of ten. `None` when `b` is 0 or the result does not fit.
fn scaled_ratio(a: u128, one: u64, b: u128) -> Option<u64> {
    if let Some(product) = a.checked_mul(u128::from(one)) {
        if let (Ok(product), Ok(b)) = (u64::try_from(product), u64::try_from(b)) {
            return product.checked_div(b);
        }
        return u64::try_from(product.checked_div(b)?).ok();
    }
    // Long division, one decimal digit after the other; `rest` stays below `b`.
    let mut result = a.checked_div(b)?;
    let mut rest = a.checked_rem(b)?;
    let mut scale = one;
    while scale > 1 {
        rest = rest.checked_mul(10)?;
        result = result.checked_mul(10)?.checked_add(rest.checked_div(b)?)?;
        rest = rest.checked_rem(b)?;
        scale /= 10;
    }
    u64::try_from(result).ok()
}

#[cfg(test)]
mod tests {
    use super::{Average, scaled_ratio};
    use crate::types::Price;

    #[test]
    fn the_window_ends_with_the_current_minute() {
        let mut average = Average::default();
        average.add(100, 1_000, 10).unwrap();
        average.add(104, 4_000, 20).unwrap();
        assert_eq!(average.price(104, 5, 1), Some(Price(166)));
        assert_eq!(average.price(104, 4, 1), Some(Price(200)));
        assert_eq!(average.price(105, 5, 1), Some(Price(200)));
        assert_eq!(average.price(109, 5, 1), None);
        assert_eq!(average.price(104, 0, 1), None);
    }

    #[test]
    fn minutes_older_than_the_longest_window_are_dropped() {
        let mut average = Average::default();
        for minute in 0..100 {
            average.add(minute, u128::from(minute), 1).unwrap();
        }
        assert_eq!(average.buckets().len(), 60);
        assert_eq!(average.quote, (40..100).sum::<u128>());
        assert_eq!(average.qty, 60);
    }

    #[test]
    fn a_ratio_that_passes_128_bits_on_the_way_is_exact() {
        let ten_18 = 10_u64.pow(18);
        assert_eq!(scaled_ratio(1 << 100, ten_18, 1 << 100), Some(ten_18));
        assert_eq!(scaled_ratio(2 << 100, ten_18, 3 << 100), Some(666_666_666_666_666_666));
        assert_eq!(scaled_ratio(1, 1, 0), None);
        assert_eq!(scaled_ratio(u128::MAX, ten_18, 1), None);
    }
}
