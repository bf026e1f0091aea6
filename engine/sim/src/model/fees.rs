//! What a side of a fill pays, and in which asset.

use tandem_core::types::{AccountId, AssetId, FEE_ACCOUNT, Fees, MarketId, RATE_ONE, Side};

use super::Model;
use super::average::Wide;
use crate::planted::Planted;

/// One side of a fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payer {
    pub(super) account: AccountId,
    /// Whose rates it pays.
    pub(super) market: MarketId,
    pub(super) is_maker: bool,
    pub(super) side: Side,
    /// What it gets, before the fee.
    pub(super) received: i128,
    /// Whether the discount may be asked for.
    pub(super) may_discount: bool,
}

impl Model {
    pub(super) fn received_asset(&self, payer: &Payer) -> AssetId {
        let market = &self.markets[payer.market.0 as usize];
        if payer.side == Side::Buy { market.base } else { market.quote }
    }

    /// The fee of a side, before it is paid.
    pub(super) fn fee(&self, payer: &Payer) -> (AssetId, i128) {
        let account = &self.accounts[payer.account.0 as usize];
        let rules = &self.markets[payer.market.0 as usize].rules;
        let own = if self.bug(Planted::OwnRatesIgnored) { None } else { account.fees };
        let is_maker = payer.is_maker != self.bug(Planted::FeeRatesSwapped);
        let rate = |fees: &Fees| {
            let of_role = if is_maker { fees.maker } else { fees.taker };
            let is_buyer = (payer.side == Side::Buy) != self.bug(Planted::BuyerAndSellerSwapped);
            let of_side = if is_buyer { fees.buyer } else { fees.seller };
            i128::from(of_role.0) + i128::from(of_side.0)
        };
        let standard = rate(&own.unwrap_or(rules.fees));
        let special = if self.bug(Planted::SpecialFeesForgotten) { 0 } else { rate(&rules.special_fees) };
        let extra = special + rate(&rules.tax_fees);
        let discounted = || self.discounted_fee(payer, standard, extra);
        if payer.may_discount
            && (account.discount || self.bug(Planted::DiscountUnasked))
            && rules.discount
            && let Some(fee) = discounted()
        {
            return fee;
        }
        (self.received_asset(payer), self.share(payer.received, standard + extra))
    }

    /// The fee in the discount asset, if it can be paid there.
    fn discounted_fee(&self, payer: &Payer, standard: i128, extra: i128) -> Option<(AssetId, i128)> {
        let discount = self.rules.discount?;
        let market = &self.markets[payer.market.0 as usize];
        let given = if payer.side == Side::Buy { market.quote } else { market.base };
        let (asset, received) = (discount.asset, self.received_asset(payer));
        if asset == given {
            return None;
        }
        let one = i128::from(RATE_ONE);
        let (standard, extra) =
            if self.bug(Planted::DiscountOnEverything) { (standard + extra, 0) } else { (standard, extra) };
        let rate = (standard * i128::from(discount.rate.0) + one - 1) / one + extra;
        let fee = self.share(payer.received, rate);
        if asset == received {
            return Some((asset, fee));
        }
        let converted = self.converted(fee as u128, received, asset)?;
        let converted = converted.saturating_sub(u128::from(self.bug(Planted::DiscountConvertsDown)));
        let is_covered = converted <= self.balance(payer.account, asset).free as u128;
        is_covered.then_some((asset, converted as i128))
    }

    /// An amount of one asset in units of another, rounded up, by the last price of the first market that has both.
    fn converted(&self, amount: u128, from: AssetId, to: AssetId) -> Option<u128> {
        let ids = (0..self.markets.len() as u32).map(MarketId);
        let mut markets = ids.filter_map(|id| {
            let market = &self.markets[id.0 as usize];
            let fits = (market.base, market.quote) == (from, to) || (market.base, market.quote) == (to, from);
            self.last_price(id).filter(|_| fits).map(|price| (market, price.0))
        });
        let (market, price) = markets.next()?;
        let one = 10_u64.pow(u32::from(self.assets[market.base.0 as usize].decimals));
        if market.base == to {
            Wide::product(amount, one).divided_up(u128::from(price))
        } else {
            Wide::product(amount, price).divided_up(u128::from(one))
        }
    }

    /// Rounded up; a rate above one is one.
    fn share(&self, received: i128, rate: i128) -> i128 {
        let one = i128::from(RATE_ONE);
        let exact = received * rate.min(one);
        if self.bug(Planted::FeeRoundedDown) { exact / one } else { (exact + one - 1) / one }
    }

    /// A side gets what it bought or sold for and pays its fee.
    pub(super) fn receive(&mut self, payer: &Payer, (fee_asset, fee): (AssetId, i128)) {
        let asset = self.received_asset(payer);
        self.balance_mut(payer.account, asset).free += payer.received;
        self.balance_mut(payer.account, fee_asset).free -= fee;
        self.balance_mut(FEE_ACCOUNT, fee_asset).free += fee;
        if self.bug(Planted::FeeLost) && !payer.is_maker {
            self.balance_mut(FEE_ACCOUNT, fee_asset).free -= fee;
        }
    }
}
