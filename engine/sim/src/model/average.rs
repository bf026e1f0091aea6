//! The average price: a fold over the trades of the window, in 256 bits because a sum of products may need them.

use tandem_core::types::{MarketId, Price};

use super::Model;
use crate::planted::Planted;

const MINUTE_US: u64 = 60_000_000;

/// A 256-bit sum: `high * 2^128 + low`.
#[derive(Clone, Copy, Default)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    const fn plus(self, other: u128) -> Self {
        let (low, carry) = self.low.overflowing_add(other);
        Self { high: self.high + carry as u128, low }
    }

    pub(super) const fn product(left: u128, right: u64) -> Self {
        let (low, mut high) = ((left & u64::MAX as u128) * right as u128, (left >> 64) * right as u128);
        high += low >> 64;
        Self { high: high >> 64, low: (high << 64) | (low & u64::MAX as u128) }
    }

    /// Rounded up; none: it does not fit.
    pub(super) const fn divided_up(self, divisor: u128) -> Option<u128> {
        let rounded = self.plus(divisor - 1);
        if rounded.high < divisor { Some(rounded.divided_by(divisor)) } else { None }
    }

    /// Rounded down, by long division; the divisor is below 2^127 and the quotient fits 128 bits.
    const fn divided_by(self, divisor: u128) -> u128 {
        let (mut rest, mut quotient) = (0_u128, 0_u128);
        let mut bit = 256;
        while bit > 0 {
            bit -= 1;
            let word = if bit < 128 { self.low } else { self.high };
            rest = (rest << 1) | (word >> (bit % 128) & 1);
            quotient <<= 1;
            if rest >= divisor {
                rest -= divisor;
                quotient |= 1;
            }
        }
        quotient
    }
}

impl Model {
    /// The price that MARKET orders are judged by; none before the first trade.
    pub fn average_price(&self, market: MarketId) -> Option<Price> {
        let market = self.markets.get(market.0 as usize)?;
        let last = market.trades.last()?;
        let minutes = u64::from(market.rules.avg_price_mins);
        let this_minute = self.minute();
        let (mut value, mut total) = (Wide::default(), 0_u128);
        for trade in market.trades.iter().rev() {
            let age = this_minute - trade.time.0 / MINUTE_US;
            if age > minutes || (age == minutes && !self.bug(Planted::WindowTooLong)) {
                break;
            }
            value = value.plus(u128::from(trade.price) * u128::from(trade.qty));
            total += u128::from(trade.qty);
        }
        if total == 0 {
            return Some(Price(last.price));
        }
        u64::try_from(value.divided_by(total)).ok().map(Price)
    }

    const fn minute(&self) -> u64 {
        self.time.0 / MINUTE_US
    }
}
