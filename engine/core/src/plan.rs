//! What an order would take, found by walking the book without changing it.

use crate::book::{Book, Lots, Maker, Ticks};
use crate::ledger::OpenList;
use crate::market::{Market, NUMBER_MAX};
use crate::parts::Parts;
use crate::range::Range;
use crate::types::{AccountId, SelfTradePrevention, Side};
use crate::view::Account;

/// Whose order walks, and how it treats makers of the same account or trade group.
#[derive(Clone, Copy)]
pub(crate) struct Walker<'a> {
    pub(crate) accounts: &'a [Account],
    pub(crate) account: AccountId,
    pub(crate) group: Option<u32>,
    pub(crate) side: Side,
    pub(crate) mode: SelfTradePrevention,
    /// Where it may trade.
    pub(crate) range: Range,
}

impl Walker<'_> {
    #[inline(always)]
    pub(crate) fn is_own(&self, owner: u32) -> bool {
        if matches!(self.mode, SelfTradePrevention::None) {
            return false;
        }
        owner == self.account.0 || (self.group.is_some() && self.is_of_group(owner))
    }

    #[cold]
    fn is_of_group(&self, owner: u32) -> bool {
        self.accounts.get(owner as usize).is_some_and(|account| account.trade_group == self.group)
    }

    /// Whether a prevented match would move the overlap from one account to the other.
    pub(crate) fn transfers(&self, market: &Market, maker: &Maker) -> bool {
        self.mode == SelfTradePrevention::Transfer
            && maker.owner != self.account.0
            && market.orders.get(maker.handle).is_some_and(|order| order.stp == SelfTradePrevention::Transfer)
    }
}

/// The outcome of a walk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What would be taken.
    pub(crate) lots: Lots,
    /// Price times quantity of that, and of what would be transferred.
    pub(crate) cost: u128,
    /// What DECREMENT and TRANSFER would take off.
    pub(crate) overlap: Lots,
    /// The part of the overlap that would change hands.
    pub(crate) transferred: Lots,
    /// An own maker stood in the way.
    pub(crate) met_own: bool,
    /// A maker that could be taken from was reached.
    pub(crate) met_other: bool,
}

impl Plan {
    pub(crate) fn take(&mut self, lots: Lots, cost: u128) {
        // Bounded by what was wanted, or by what the amount pays for.
        self.lots = self.lots.saturating_add(lots);
        // A sum that saturates is far beyond what anybody can have.
        self.cost = self.cost.saturating_add(cost);
    }

    pub(crate) fn decrement(&mut self, lots: Lots, transferred_at: Option<u128>) {
        self.overlap = self.overlap.saturating_add(lots);
        if let Some(cost) = transferred_at {
            self.transferred = self.transferred.saturating_add(lots);
            self.cost = self.cost.saturating_add(cost);
        }
    }
}

/// A MARKET order by quantity. The walk ends early when `is_settled` says that the rest no longer matters.
pub(crate) fn by_quantity(
    market: &Market,
    walker: &Walker<'_>,
    wanted: Lots,
    is_settled: impl Fn(&Plan) -> bool,
) -> Plan {
    let (orders, side) = (&market.orders, walker.side.opposite());
    if orders.has_icebergs() {
        return walk_quantity(Parts::new(market, side), market, walker, wanted, is_settled);
    }
    walk_quantity(orders.book.makers(side), market, walker, wanted, is_settled)
}

fn walk_quantity(
    makers: impl Iterator<Item = Maker>,
    market: &Market,
    walker: &Walker<'_>,
    wanted: Lots,
    is_settled: impl Fn(&Plan) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut left = wanted;
    for maker in makers {
        let lots = left.min(maker.lots);
        if lots == 0 || !walker.range.contains(maker.ticks) {
            break;
        }
        if walker.is_own(maker.owner) {
            plan.met_own = true;
            match walker.mode {
                SelfTradePrevention::ExpireMaker => continue,
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => {
                    let moves = walker.transfers(market, &maker);
                    plan.decrement(lots, moves.then(|| market.quote_amount(maker.ticks, lots)));
                }
                _ => break,
            }
        } else {
            plan.met_other = true;
            plan.take(lots, market.quote_amount(maker.ticks, lots));
        }
        if is_settled(&plan) {
            break;
        }
        left = left.saturating_sub(lots);
    }
    plan
}

/// A MARKET order by quote amount, of at most `most` lots. `is_settled` as above.
pub(crate) fn by_amount(
    market: &Market,
    walker: &Walker<'_>,
    amount: u64,
    most: Lots,
    is_settled: impl Fn(&Plan) -> bool,
) -> Plan {
    let (orders, side) = (&market.orders, walker.side.opposite());
    if orders.has_icebergs() {
        return walk_amount(Parts::new(market, side), market, walker, amount, most, is_settled);
    }
    walk_amount(orders.book.makers(side), market, walker, amount, most, is_settled)
}

fn walk_amount(
    makers: impl Iterator<Item = Maker>,
    market: &Market,
    walker: &Walker<'_>,
    amount: u64,
    most: Lots,
    is_settled: impl Fn(&Plan) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut rest = amount;
    // OrderAccepted.qty is quantity plus overlap and has to fit.
    let bound = NUMBER_MAX.checked_div(market.rules.lot_size.0).unwrap_or(0);
    for maker in makers {
        let room = most.saturating_sub(plan.lots);
        if room == 0 || !walker.range.contains(maker.ticks) {
            break;
        }
        let room_in_all = bound.saturating_sub(plan.lots).saturating_sub(plan.overlap);
        let affordable = market.affordable(rest, maker.ticks).min(maker.lots).min(room_in_all);
        let is_own = walker.is_own(maker.owner);
        let lots = if is_own { affordable } else { affordable.min(room) };
        let cost = market.quote_amount(maker.ticks, lots);
        if is_own {
            plan.met_own = true;
            match walker.mode {
                SelfTradePrevention::ExpireMaker => continue,
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => {
                    plan.decrement(lots, walker.transfers(market, &maker).then_some(cost));
                }
                _ => break,
            }
        } else {
            plan.met_other = true;
            plan.take(lots, cost);
        }
        if plan.lots > 0 && is_settled(&plan) {
            break;
        }
        // What is affordable costs no more than the rest.
        rest = rest.saturating_sub(u64::try_from(cost).unwrap_or(rest));
        if lots < maker.lots {
            break;
        }
    }
    plan
}

/// Whether a FOK order would be filled in full at once; `own` are the account's open orders in the market.
///
/// A level without own makers and icebergs counts as a whole, so that an order that ends at once is cheap however many
/// orders cross. Makers of the account's trade group have no list of their own: where levels would do, they are walked.
pub(crate) fn fills_in_full(
    market: &Market,
    walker: &Walker<'_>,
    own: Option<&OpenList>,
    limit: Ticks,
    wanted: Lots,
) -> bool {
    let shows_all = |ticks| !market.orders.has_icebergs_at(market.price(ticks));
    // Asked first: the account may have many orders.
    if !fills_level_by_level(market, walker, limit, wanted, shows_all) {
        return false;
    }
    if matches!(walker.mode, SelfTradePrevention::None) {
        return true;
    }
    let own = own_levels(market, walker, own);
    let is_plain = |ticks| own.binary_search(&ticks).is_err() && shows_all(ticks);
    fills_level_by_level(market, walker, limit, wanted, is_plain)
        && (walker.group.is_none() || fills_level_by_level(market, walker, limit, wanted, |_| false))
}

/// The same, where a level that `is_plain` counts as a whole.
fn fills_level_by_level(
    market: &Market,
    walker: &Walker<'_>,
    limit: Ticks,
    wanted: Lots,
    is_plain: impl Fn(Ticks) -> bool,
) -> bool {
    let mut left = u128::from(wanted);
    for (ticks, total) in market.orders.book.levels(walker.side.opposite()) {
        if !Book::crosses(walker.side, limit, ticks) || !walker.range.contains(ticks) {
            return false;
        }
        let after = if is_plain(ticks) {
            Some(left.saturating_sub(total))
        } else {
            left_after_level(market, walker, ticks, left)
        };
        match after {
            None => return false,
            Some(0) => return true,
            Some(more) => left = more,
        }
    }
    false
}

/// What the makers of one level leave of `left`; `None`: self-trade prevention ends the walk before it is filled.
///
/// Parts that are hidden come after all that is shown, and who prevents is met by what it shows: the order of the hidden
/// parts does not matter, and a maker costs one step however many it has.
fn left_after_level(market: &Market, walker: &Walker<'_>, ticks: Ticks, left: u128) -> Option<u128> {
    let orders = &market.orders;
    let (mut left, mut hidden) = (left, 0_u128);
    for maker in orders.book.makers_at(walker.side.opposite(), ticks) {
        if left == 0 {
            break;
        }
        if !walker.is_own(maker.owner) {
            left = left.saturating_sub(u128::from(maker.lots));
            hidden = hidden.saturating_add(u128::from(orders.hidden(maker.handle)));
        } else if walker.mode != SelfTradePrevention::ExpireMaker {
            return None;
        }
    }
    Some(left.saturating_sub(hidden))
}

/// The prices at which makers of the account itself may stand in the way, ascending.
fn own_levels(market: &Market, walker: &Walker<'_>, own: Option<&OpenList>) -> Vec<Ticks> {
    let mut levels = Vec::new();
    let mut next = own.and_then(OpenList::first);
    while let Some(place) = next {
        let maker = place.handle().and_then(|handle| market.orders.book.get(handle));
        levels.extend(maker.filter(|maker| maker.side != walker.side).map(|maker| maker.ticks));
        next = market.orders.next_of_account(place);
    }
    levels.sort_unstable();
    levels
}

#[cfg(test)]
mod tests {
    use super::{Plan, Walker, by_amount, by_quantity, fills_in_full};
    use crate::book::{Book, Lots, Ticks};
    use crate::ledger::OpenList;
    use crate::market::Market;
    use crate::orders::{NO_EXTRA, Resting, Wide};
    use crate::range::Range;
    use crate::types::{
        AccountId, AssetId, ClientOrderId, Fees, MarketId, MarketRules, OrderId, OrderKind, Price, Qty,
        SelfTradePrevention as Stp, Side,
    };
    use crate::view::Account;
    use crate::waiting::Extra;

    fn empty_market() -> Market {
        let off = (Price(0), Qty(0));
        let rules = MarketRules {
            tick_size: Price(1),
            price_min: off.0,
            price_max: off.0,
            lot_size: Qty(1),
            qty_min: off.1,
            qty_max: off.1,
            market_lot_size: off.1,
            market_qty_min: off.1,
            market_qty_max: off.1,
            min_notional: None,
            notional: None,
            avg_price_mins: 5,
            max_num_orders: 0,
            percent_price: None,
            iceberg_parts: 0,
            max_num_algo_orders: 0,
            max_num_iceberg_orders: 0,
            max_num_order_lists: 0,
            max_num_order_amends: 0,
            max_position: crate::types::Amount(0),
            trailing_delta: None,
            price_range: None,
            reference: None,
            kinds: 127,
            features: 511,
            permissions: 1,
            fees: Fees::default(),
            special_fees: Fees::default(),
            tax_fees: Fees::default(),
            discount: false,
            stp_default: Stp::ExpireMaker,
            stp_allowed: 63,
        };
        Market::new(MarketId(0), "AB".to_owned(), AssetId(0), AssetId(1), 1, rules).unwrap()
    }

    /// Accounts 1 and 3 are one trade group.
    fn accounts() -> Vec<Account> {
        let mut accounts: Vec<Account> = (0..4).map(|id| Account::new(AccountId(id), format!("{id}"))).collect();
        (accounts[1].trade_group, accounts[3].trade_group) = (Some(9), Some(9));
        accounts
    }

    fn walker(accounts: &[Account], mode: Stp, has_group: bool) -> Walker<'_> {
        let group = if has_group { Some(9) } else { None };
        Walker { accounts, account: AccountId(1), group, side: Side::Buy, mode, range: Range::ALL }
    }

    /// 100 makers of one lot each, one at each tick from 1 on; an own one is first.
    fn market() -> Market {
        let mut market = empty_market();
        for ticks in 1..=100 {
            let owner = if ticks == 1 { 1 } else { 2 };
            market.orders.book.insert(Side::Sell, ticks, 1, ticks, owner).unwrap();
        }
        market
    }

    #[test]
    fn a_walk_ends_at_the_maker_that_settles_it() {
        let (market, accounts) = (market(), accounts());
        let walker = walker(&accounts, Stp::ExpireMaker, false);
        let costs_more_than_8 = |plan: &Plan| plan.cost > 8;
        let settled = Plan { lots: 3, cost: 2 + 3 + 4, met_own: true, met_other: true, ..Plan::default() };
        assert_eq!(by_quantity(&market, &walker, 50, costs_more_than_8), settled);
        assert_eq!(by_amount(&market, &walker, 1_000, 50, costs_more_than_8), settled);
        assert_eq!(by_quantity(&market, &walker, 2, costs_more_than_8).lots, 2);
        assert_eq!(by_quantity(&market, &walker, 50, |_| false).lots, 50);
    }

    /// A maker as it was put into the book.
    #[derive(Clone, Copy)]
    struct Maker {
        side: Side,
        ticks: Ticks,
        owner: u32,
        shown: Lots,
        hidden: Lots,
        part: Lots,
    }

    /// The rules of a FOK order, word by word: takes from the best price on until all is taken or something ends it.
    fn fills_maker_by_maker(makers: &[Maker], walker: &Walker<'_>, limit: Ticks, wanted: Lots) -> bool {
        let mut queue: Vec<Maker> = makers.iter().filter(|maker| maker.side == Side::Sell).copied().collect();
        queue.sort_by_key(|maker| maker.ticks);
        let mut left = wanted;
        while let Some(maker) = queue.first().copied() {
            queue.remove(0);
            let is_own = walker.mode != Stp::None && (maker.owner == 1 || (walker.group.is_some() && maker.owner == 3));
            if !Book::crosses(walker.side, limit, maker.ticks) || (is_own && walker.mode != Stp::ExpireMaker) {
                return false;
            }
            if !is_own {
                left = left.saturating_sub(maker.shown);
                if maker.hidden > 0 {
                    let shown = maker.part.min(maker.hidden);
                    let behind = queue.iter().take_while(|other| other.ticks == maker.ticks).count();
                    queue.insert(behind, Maker { shown, hidden: maker.hidden - shown, ..maker });
                }
            }
            if left == 0 {
                return true;
            }
        }
        false
    }

    fn add(market: &mut Market, id: u64, maker: Maker, list: &mut OpenList) {
        let mut extra = NO_EXTRA;
        if maker.part > 0 {
            let mut iceberg = Extra::plain(Price(maker.ticks), 0);
            (iceberg.terms.iceberg_qty, iceberg.hidden) = (Qty(maker.part), maker.hidden);
            extra = market.orders.extras.insert(iceberg).unwrap();
        }
        let resting = Resting {
            filled_quote: Wide::new(0),
            updated_at: 0,
            prevented: 0,
            lots: maker.shown + maker.hidden,
            accepted_at: 0,
            extra,
            prev: 0,
            next: 0,
            kind: OrderKind::Limit,
            stp: Stp::None,
            client_order_id: ClientOrderId::EMPTY,
        };
        let handle = market.orders.book.insert(maker.side, maker.ticks, maker.shown, id, maker.owner).unwrap();
        market.orders.add(handle, OrderId(id), AccountId(maker.owner), list, resting).unwrap();
    }

    fn random_maker(below: &mut impl FnMut(u64) -> u64, has_icebergs: bool) -> Maker {
        // Own ones on both sides.
        let (side, ticks) = if below(5) == 0 { (Side::Buy, 1 + below(3)) } else { (Side::Sell, 4 + below(4)) };
        let part = if has_icebergs && below(3) == 0 { 1 + below(3) } else { 0 };
        let lots = 1 + below(5);
        let shown = if part > 0 { lots.min(part) } else { lots };
        let owner = [1, 2, 2, 2, 3][below(5) as usize];
        Maker { side, ticks, owner, shown, hidden: lots - shown, part }
    }

    #[test]
    fn a_fok_order_that_counts_levels_is_judged_as_maker_by_maker() {
        let mut state = 11_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let accounts = accounts();
        let mut filled = 0;
        for round in 0..20_000 {
            let mut market = empty_market();
            let mut lists = [1, 2, 3].map(|_| OpenList::new(0));
            let mut makers = Vec::new();
            for id in 1..=below(12) {
                let maker = random_maker(&mut below, round % 2 == 0);
                add(&mut market, id, maker, &mut lists[maker.owner as usize - 1]);
                makers.push(maker);
            }
            for mode in Stp::ALL {
                let walker = walker(&accounts, *mode, below(3) == 0);
                let (limit, wanted) = (3 + below(5), 1 + below(15));
                let expected = fills_maker_by_maker(&makers, &walker, limit, wanted);
                assert_eq!(fills_in_full(&market, &walker, Some(&lists[0]), limit, wanted), expected, "{mode:?}");
                filled += u32::from(expected);
            }
        }
        assert!((10_000..100_000).contains(&filled), "{filled} of 120000 fill");
    }
}
