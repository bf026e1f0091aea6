//! Which books an order takes from, which maker is next, at which prices it may trade, and what can be paid between
//! the books of a routing group.

use std::collections::BTreeMap;

use tandem_core::types::{AccountId, AssetId, MarketId, MarketStatus, OrderKind, Price, SelfTradePrevention, Side};

use super::{Model, Order, Sor};
use crate::planted::Planted;

/// What an order may trade at, as multiples of the reference price; 0: no bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    reference: u64,
    down: u64,
    up: u64,
}

impl Range {
    fn allows(self, price: u64) -> bool {
        let (reference, scaled) = (u128::from(self.reference), u128::from(price) * 100_000_000);
        (self.down == 0 || reference * u128::from(self.down) <= scaled)
            && (self.up == 0 || scaled <= reference * u128::from(self.up))
    }
}

/// An order on its way through the books: what does not change by what it takes, and which books are left.
#[derive(Clone, Debug)]
pub(super) struct Taking {
    pub(super) account: AccountId,
    pub(super) market: MarketId,
    pub(super) side: Side,
    pub(super) works_as: OrderKind,
    /// Of an order that works as LIMIT.
    pub(super) limit: u64,
    pub(super) mode: SelfTradePrevention,
    /// Stands between the books.
    pub(super) between: Option<AccountId>,
    books: Vec<MarketId>,
    range: Option<Range>,
    /// What is left of the free funds that the one between the books had at the start.
    purse: BTreeMap<AssetId, i128>,
}

/// Who is next.
pub(super) enum Next {
    /// Nobody whom it takes from.
    Nobody,
    /// Somebody whose price is outside the range.
    OutOfRange,
    /// This order.
    Maker(Box<Order>),
}

impl Model {
    /// The group that a market is in.
    pub(super) fn sor_of(&self, market: MarketId) -> Option<&Sor> {
        self.sors.values().find(|sor| sor.markets.contains(&market))
    }

    /// Everything about an order that is about to take.
    pub(super) fn taking(
        &self,
        (account, market, side): (AccountId, MarketId, Side),
        (works_as, limit): (OrderKind, u64),
        mode: SelfTradePrevention,
        use_sor: bool,
    ) -> Taking {
        let sor = self.sor_of(market).filter(|sor| use_sor && sor.account != account);
        let others = sor.map_or(&[][..], |sor| &sor.markets).iter().copied();
        let is_open = |id: &MarketId| self.markets[id.0 as usize].status == MarketStatus::Trading;
        let stays = self.bug(Planted::RoutingStaysAtHome);
        let others = others.filter(|id| *id != market && !stays).filter(is_open);
        let books: Vec<MarketId> = std::iter::once(market).chain(others).collect();
        let record = &self.markets[market.0 as usize];
        let of_side = if self.bug(Planted::RangeOfOtherSide) { side.opposite() } else { side };
        let range =
            record.rules.price_range.zip(self.reference_price(market)).map(|(range, reference)| match of_side {
                Side::Buy => Range { reference, down: range.bid_down, up: range.bid_up },
                Side::Sell => Range { reference, down: range.ask_down, up: range.ask_up },
            });
        let between = sor.map(|sor| sor.account);
        let mut purse = BTreeMap::new();
        for (account, book) in between.into_iter().flat_map(|account| books.iter().map(move |book| (account, book))) {
            let quote = self.markets[book.0 as usize].quote;
            purse.insert(quote, self.balance(account, quote).free);
        }
        Taking { account, market, side, works_as, limit, mode, between, books, range, purse }
    }

    /// All orders that it may meet, of the model's own books.
    pub(super) fn makers(&self, taking: &Taking) -> impl Iterator<Item = &Order> + Clone {
        let (books, side) = (taking.books.clone(), taking.side.opposite());
        let books = books.into_iter().map(|book| &self.markets[book.0 as usize].orders);
        books.flatten().filter(move |order| order.is_working() && order.accepted.side == side)
    }

    /// The maker that comes next.
    pub(super) fn next_maker<'a>(&self, taking: &mut Taking, makers: impl Iterator<Item = &'a Order> + Clone) -> Next {
        loop {
            let there = makers.clone().filter(|maker| taking.books.contains(&maker.accepted.market));
            let Some(maker) = there.min_by_key(|maker| self.priority(taking.market, maker)) else {
                return Next::Nobody;
            };
            let is_foreign = maker.accepted.market != taking.market;
            if is_foreign && taking.between == Some(maker.accepted.account) {
                taking.leave_out(maker.accepted.market);
                continue;
            }
            if !self.crosses_at(taking.works_as, taking.side, taking.limit, maker.limit()) {
                return Next::Nobody;
            }
            let is_out = taking.range.is_some_and(|range| !range.allows(maker.limit()));
            let is_later = self.bug(Planted::RangeAfterPrevention) && self.is_prevented(taking, maker);
            if is_out && !is_later && !self.bug(Planted::RangeEndsNothing) {
                return Next::OutOfRange;
            }
            return Next::Maker(Box::new(maker.clone()));
        }
    }

    /// Lower goes first: the better price, the own book, the market's id, the earlier order.
    fn priority(&self, own: MarketId, order: &Order) -> (u64, bool, MarketId, u64) {
        let price = match order.accepted.side {
            Side::Buy => u64::MAX - order.limit(),
            Side::Sell => order.limit(),
        };
        let place = if self.bug(Planted::NewestFirst) { u64::MAX - order.place } else { order.place };
        let market = order.accepted.market;
        let first = if self.bug(Planted::StaleBest) { 0 } else { price };
        (first, (market != own) != self.bug(Planted::RoutingOwnBookLast), market, place)
    }

    /// Whether an incoming order takes a maker's price.
    pub(super) fn crosses_at(&self, works_as: OrderKind, side: Side, price: u64, maker: u64) -> bool {
        if works_as == OrderKind::Market {
            return true;
        }
        if self.bug(Planted::TouchDoesNotCross) && price == maker {
            return false;
        }
        match side {
            Side::Buy => price >= maker,
            Side::Sell => price <= maker,
        }
    }

    /// Whether a match would be within one account or one trade group, and the mode minds.
    pub(super) fn is_prevented(&self, taking: &Taking, maker: &Order) -> bool {
        let group = |account: AccountId| self.accounts[account.0 as usize].trade_group;
        let (one, other) = (taking.account, maker.accepted.account);
        let is_group = group(one).is_some() && group(one) == group(other) && !self.bug(Planted::GroupIgnored);
        let is_own = one == other || is_group;
        let mode = if self.bug(Planted::MakersModeDecides) { maker.accepted.stp } else { taking.mode };
        mode != SelfTradePrevention::None && is_own
    }

    /// Whether what a TRANSFER prevents changes hands.
    pub(super) fn transfers(&self, taking: &Taking, maker: &Order) -> bool {
        taking.mode == SelfTradePrevention::Transfer
            && (maker.accepted.stp == SelfTradePrevention::Transfer || self.bug(Planted::TransferUnasked))
            && maker.accepted.account != taking.account
            && maker.accepted.market == taking.market
    }

    /// How much of a fill of so much can be paid between the books. What is less than asked for leaves the book out.
    pub(super) fn pay_between(&self, taking: &mut Taking, maker: &Order, wanted: u64) -> u64 {
        let id = maker.accepted.market;
        if id == taking.market {
            return wanted;
        }
        let payer = if taking.side == Side::Buy { id } else { taking.market };
        let asset = self.markets[payer.0 as usize].quote;
        let book = &self.markets[id.0 as usize];
        let lot = book.rules.lot_size.0;
        let purse = taking.purse.get(&asset).copied().unwrap_or(0);
        let lots = purse / self.notional(book, maker.limit(), lot);
        let qty = i128::from(wanted).min(lots.saturating_mul(i128::from(lot))) as u64;
        *taking.purse.entry(asset).or_default() -= self.notional(book, maker.limit(), qty);
        if self.bug(Planted::RoutingPaysWithoutFunds) {
            return wanted;
        }
        if qty < wanted {
            taking.leave_out(id);
        }
        qty
    }

    /// The price of the last trade.
    pub fn last_price(&self, market: MarketId) -> Option<Price> {
        self.markets.get(market.0 as usize)?.trades.last().map(|trade| Price(trade.price))
    }
}

impl Taking {
    fn leave_out(&mut self, book: MarketId) {
        self.books.retain(|id| *id != book);
    }
}
