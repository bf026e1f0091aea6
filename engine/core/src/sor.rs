//! Smart order routing: an order takes from the books of all markets of its group, always the best price.
//!
//! The group's account, the router, stands between: it trades with makers of other markets and passes on what it got. It
//! pays out of what it had when matching started, so that a fill never depends on one before it.

use crate::average::minute_of;
use crate::book::{Book, Lots, Maker, Ticks};
use crate::broken::Broken;
use crate::core::Core;
use crate::event::{Allocated, Event, Traded};
use crate::floor::End;
use crate::market::Market;
use crate::matching::Taker;
use crate::parts::Parts;
use crate::plan::{Plan, Walker};
use crate::types::{
    AccountId, AllocationId, Amount, AssetId, CloseReason, FEE_ACCOUNT, MarketId, MarketStatus, OrderId,
    SelfTradePrevention, Side,
};

/// The markets that an order takes from, and what the router can still pay.
pub(crate) struct Route {
    home: MarketId,
    router: AccountId,
    side: Side,
    /// Not left out yet: the order's own market, then the others by id.
    open: Vec<MarketId>,
    funds: Vec<(AssetId, u128)>,
}

impl Route {
    /// The route of an order that starts to match now.
    pub(crate) fn new(core: &Core, account: AccountId, side: Side, home: MarketId) -> Option<Self> {
        let market = core.known_market(home).ok()?;
        let mut route = Self { home, router: account, side, open: vec![home], funds: Vec::new() };
        let Some(sor) = core.exchange.sors.get(&market.base).filter(|sor| sor.account != account) else {
            return Some(route);
        };
        route.router = sor.account;
        let mut others: Vec<MarketId> = sor.markets.iter().copied().filter(|other| *other != home).collect();
        others.sort_unstable();
        for other in others {
            let other = core.known_market(other).ok()?;
            if other.status != MarketStatus::Trading {
                continue;
            }
            route.open.push(other.id);
            let asset = route.pays(market, other);
            if route.funds.iter().all(|(known, _)| *known != asset) {
                route.funds.push((asset, core.ledger.balance(sor.account, asset).free.0));
            }
        }
        Some(route)
    }

    /// What the router pays for a fill in another market.
    const fn pays(&self, home: &Market, other: &Market) -> AssetId {
        match self.side {
            Side::Buy => other.quote,
            Side::Sell => home.quote,
        }
    }

    /// Which of these makers, one of each open market at most, is next: where it is, and itself.
    fn best(&self, makers: impl Iterator<Item = (MarketId, Maker)>) -> Option<(MarketId, Maker)> {
        makers.reduce(|best, other| {
            // Home comes first, then the lower id: another one must be better.
            let is_better = match self.side {
                Side::Buy => other.1.ticks < best.1.ticks,
                Side::Sell => other.1.ticks > best.1.ticks,
            };
            if is_better { other } else { best }
        })
    }

    fn leave_out(&mut self, market: MarketId) {
        self.open.retain(|open| *open != market);
    }

    /// Takes from the router's funds what a fill of at most `lots` in another market costs it: the lots that it pays for.
    /// A market whose fill is cut is left out from now on.
    fn pay(&mut self, home: &Market, other: &Market, ticks: Ticks, lots: Lots) -> Lots {
        let asset = self.pays(home, other);
        let funds = self.funds.iter_mut().find(|(known, _)| *known == asset);
        let paid = funds.map_or(0, |(_, funds)| {
            let most = funds.checked_div(other.quote_amount(ticks, 1)).unwrap_or(0);
            let paid = u64::try_from(most).unwrap_or(u64::MAX).min(lots);
            *funds = funds.saturating_sub(other.quote_amount(ticks, paid));
            paid
        });
        if paid < lots {
            self.leave_out(other.id);
        }
        paid
    }
}

/// What a routed order by quantity would take. A FOK order has a limit, and ends where prevention takes from it.
pub(crate) fn plan(
    core: &Core,
    home: &Market,
    walker: &Walker<'_>,
    limit: Option<Ticks>,
    wanted: Lots,
) -> Option<Plan> {
    let mut route = Route::new(core, walker.account, walker.side, home.id)?;
    let mut books = Vec::new();
    for id in &route.open {
        books.push((*id, Parts::new(core.known_market(*id).ok()?, walker.side.opposite()).peekable()));
    }
    let mut plan = Plan::default();
    let mut left = wanted;
    while left > 0 {
        books.retain(|(id, _)| route.open.contains(id));
        let Some((at, maker)) =
            route.best(books.iter_mut().filter_map(|(id, makers)| makers.peek().map(|maker| (*id, *maker))))
        else {
            break;
        };
        if at != home.id && maker.owner == route.router.0 {
            route.leave_out(at);
            continue;
        }
        let crosses = limit.is_none_or(|limit| Book::crosses(walker.side, limit, maker.ticks));
        if !crosses || !walker.range.contains(maker.ticks) {
            break;
        }
        let other = core.known_market(at).ok()?;
        let lots = left.min(maker.lots);
        if walker.is_own(maker.owner) {
            plan.met_own = true;
            match walker.mode {
                SelfTradePrevention::ExpireMaker => {}
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer if limit.is_none() => {
                    let moves = at == home.id && walker.transfers(home, &maker);
                    plan.decrement(lots, moves.then(|| home.quote_amount(maker.ticks, lots)));
                    left = left.saturating_sub(lots);
                }
                _ => break,
            }
        } else {
            let paid = if at == home.id { lots } else { route.pay(home, other, maker.ticks, lots) };
            if paid > 0 {
                plan.met_other = true;
                plan.take(paid, other.quote_amount(maker.ticks, paid));
                left = left.saturating_sub(paid);
            }
        }
        if let Some((_, makers)) = books.iter_mut().find(|(id, _)| *id == at) {
            makers.next();
        }
    }
    Some(plan)
}

impl Core {
    /// Matches an order with the books of all markets of its group.
    #[cold]
    pub(crate) fn match_routed(
        &mut self,
        taker: &mut Taker,
        home: MarketId,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let mut route = Route::new(self, taker.account, taker.side, home).ok_or(Broken::IdUnknown)?;
        taker.router = Some(route.router);
        while taker.left > 0 && !taker.is_closed {
            let best = |id: &MarketId| {
                let maker = self.known_market(*id).ok()?.orders.book.best(taker.side.opposite())?;
                Some((*id, maker))
            };
            let Some((at, maker)) = route.best(route.open.iter().filter_map(best)) else { break };
            if at != home && maker.owner == route.router.0 {
                route.leave_out(at);
                continue;
            }
            if !taker.crosses(maker.ticks) {
                break;
            }
            let mut floor = self.floor(home, events)?;
            if !taker.may_trade_at(maker.ticks) {
                floor.close_taker(taker, End::expired(CloseReason::PriceRangeExceeded));
            } else if floor.is_own(taker, &maker) {
                self.prevent_at(taker, home, at, maker, events)?;
            } else if at == home {
                floor.fill(taker, maker)?;
            } else {
                let other = floor.market_at(at).ok_or(Broken::IdUnknown)?;
                let lots = route.pay(floor.market, other, maker.ticks, taker.left.min(maker.lots));
                if lots > 0 {
                    self.fill_routed(&route, taker, at, maker, lots, events)?;
                }
            }
        }
        Ok(())
    }

    /// A fill in the book of another market: the maker trades with the router, and the router with the taker.
    fn fill_routed(
        &mut self,
        route: &Route,
        taker: &mut Taker,
        at: MarketId,
        maker: Maker,
        lots: Lots,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let minute = minute_of(self.time.0);
        let mut floor = self.floor(at, events)?;
        let (qty, amount) = (floor.market.qty(lots), floor.market.quote_amount(maker.ticks, lots));
        let half = floor.fill_maker(maker, lots, amount, taker)?;
        if half.paid.off > 0 {
            floor.ledger.wallet_mut(FEE_ACCOUNT)?.entry(half.paid.asset)?.receive(half.paid.off)?;
        }
        floor.market.average.add(minute, amount, u128::from(qty.0))?;
        let (price, trade_id) = (floor.market.price(maker.ticks), floor.next_trade()?);
        let quotes = [floor.market_at(route.home).ok_or(Broken::IdUnknown)?.quote, floor.market.quote];
        let received = if taker.side == Side::Buy { floor.market.base } else { floor.market.quote };
        self.pass_on(route, quotes, amount)?;

        let mut home = self.floor(route.home, events)?;
        let paid = home.taker_fee(taker, u128::from(qty.0), amount)?;
        taker.fill(lots, amount)?;
        taker.routed = taker.routed.checked_add(lots).ok_or(Broken::OrderQuantity)?;
        taker.routed_quote = taker.routed_quote.checked_add(amount).ok_or(Broken::BalanceOverflow)?;
        let allocation_id = AllocationId(home.market.next_allocation);
        home.market.next_allocation = allocation_id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        let left = home.market.qty(taker.left);
        home.events.push(Event::Traded(Traded {
            market: at,
            trade_id,
            price,
            qty,
            quote_amount: Amount(amount),
            taker_side: taker.side,
            taker_order: taker.order_id,
            taker_account: route.router,
            taker_fee: Amount(0),
            taker_fee_asset: received,
            taker_left: left,
            maker_order: OrderId(maker.id),
            maker_account: AccountId(maker.owner),
            maker_fee: Amount(half.paid.fee),
            maker_fee_asset: half.paid.asset,
            maker_left: home.market.qty(half.left),
            is_routed: true,
        }));
        home.events.push(Event::Allocated(Allocated {
            market: route.home,
            allocation_id,
            order_id: taker.order_id,
            account: taker.account,
            side: taker.side,
            price,
            qty,
            quote_amount: Amount(amount),
            fee: Amount(paid.fee),
            fee_asset: paid.asset,
            left,
            maker_market: at,
            trade_id,
        }));
        self.floor(at, events)?.after_trade(OrderId(maker.id), &half, price)
    }

    /// A prevented match with a maker of any market of the group; what another market's maker loses goes to nobody.
    fn prevent_at(
        &mut self,
        taker: &mut Taker,
        home: MarketId,
        at: MarketId,
        maker: Maker,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        if at == home {
            return self.floor(home, events)?.prevent(taker, maker);
        }
        let whole = self.floor(at, events)?.whole_left(&maker)?;
        let losses = taker.lose(maker.lots, whole)?;
        self.floor(home, events)?.say_prevented(taker, &maker, at, &losses, 0)?;
        self.floor(at, events)?.prevent_maker(maker, &losses, false)?;
        if losses.taker > 0 && taker.left == 0 {
            self.floor(home, events)?.close_taker(taker, End::prevented());
        }
        Ok(())
    }

    /// The router pays one quote asset and gets as much of the other; what it gets of the base asset it gives away.
    fn pass_on(&mut self, route: &Route, [home, other]: [AssetId; 2], amount: u128) -> Result<(), Broken> {
        let (pays, gets) = match route.side {
            Side::Buy => (other, home),
            Side::Sell => (home, other),
        };
        let wallet = self.ledger.wallet_mut(route.router)?;
        wallet.entry(pays)?.spend(amount)?;
        wallet.entry(gets)?.receive(amount)
    }
}
