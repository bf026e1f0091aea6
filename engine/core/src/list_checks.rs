//! The checks of PlaceList and of an activated pair, in the order of `spec/rules.md`. They change nothing.

use crate::checks::{Judge, Need, Occasion, Ready, Size, state_at_once};
use crate::command::{PlaceList, PlaceOrder};
use crate::core::Core;
use crate::ledger::Counts;
use crate::market::Market;
use crate::reject::RejectCode;
use crate::types::{Feature, ListKind, OrderKind, OrderState, Price, SelfTradePrevention, Side};

/// An order of a list that passed group A.
struct Leg<'a> {
    judge: Judge<'a>,
    mode: SelfTradePrevention,
    size: Size,
}

impl Leg<'_> {
    /// Its stop price, if it has one.
    fn stop_price(&self) -> Option<Price> {
        self.judge.order.terms.as_deref().map(|terms| terms.stop_price).filter(|price| price.0 > 0)
    }

    /// What it is ready to do, and what it needs for that.
    fn ready(&self) -> Result<(Ready, Need), RejectCode> {
        if self.judge.occasion.state == OrderState::Working {
            return Ok((self.judge.limit_order(self.mode, self.size), self.judge.limit_need(&self.size)));
        }
        self.judge.wait(self.mode, self.size)
    }
}

/// The features that lists of a kind need.
const fn features(kind: ListKind) -> &'static [Feature] {
    match kind {
        ListKind::Oco => &[Feature::Oco],
        ListKind::Oto => &[Feature::Oto],
        ListKind::Otoco => &[Feature::Oto, Feature::Oco],
        ListKind::Opo => &[Feature::Oto, Feature::Opo],
        ListKind::Opoco => &[Feature::Oto, Feature::Opo, Feature::Oco],
    }
}

const fn is_limit(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::Limit | OrderKind::LimitMaker)
}

/// Check 3: whether these orders make a list of this kind.
fn are_legs(list: &PlaceList) -> bool {
    let is_of_list = |order: &PlaceOrder| {
        let is_routed = order.terms.as_deref().is_some_and(|terms| terms.use_sor);
        order.account == list.account && order.market == list.market && !is_routed
    };
    list.orders.iter().all(is_of_list) && are_roles(list) && have_names_apart(&list.orders)
}

fn are_roles(list: &PlaceList) -> bool {
    let is_paid = |working: &PlaceOrder, pending: &[&PlaceOrder]| {
        !list.kind.pays_pending()
            || (working.side == Side::Buy && pending.iter().all(|o| o.side == Side::Sell && o.qty.0 == 0))
    };
    match (list.kind, list.orders.as_slice()) {
        (ListKind::Oco, [first, second]) => is_pair(first, second),
        (ListKind::Oto | ListKind::Opo, [working, pending]) => {
            let is_by_quantity = pending.kind != OrderKind::Market || pending.quote_qty.0 == 0;
            is_limit(working.kind) && is_by_quantity && is_paid(working, &[pending])
        }
        (ListKind::Otoco | ListKind::Opoco, [working, first, second]) => {
            is_limit(working.kind) && is_pair(first, second) && is_paid(working, &[first, second])
        }
        _ => false,
    }
}

fn is_pair(first: &PlaceOrder, second: &PlaceOrder) -> bool {
    matches!(first.kind, OrderKind::StopLoss | OrderKind::StopLossLimit)
        && matches!(second.kind, OrderKind::LimitMaker | OrderKind::TakeProfit | OrderKind::TakeProfitLimit)
        && first.side == second.side
        && first.qty == second.qty
}

fn have_names_apart(orders: &[PlaceOrder]) -> bool {
    orders.iter().enumerate().all(|(at, order)| {
        let id = &order.client_order_id;
        id.is_empty() || orders.iter().skip(at.saturating_add(1)).all(|later| later.client_order_id != *id)
    })
}

/// Where the orders of a list are once it is accepted.
fn occasions(list: &PlaceList) -> impl Iterator<Item = Occasion> {
    let has_working = list.kind.has_working();
    list.orders.iter().enumerate().map(move |(at, order)| {
        let is_pending = has_working && at > 0;
        Occasion {
            state: if is_pending { OrderState::Pending } else { state_at_once(order.kind) },
            is_counted: false,
            is_unsized: is_pending && list.kind.pays_pending(),
        }
    })
}

/// The rule of a pair's prices: the stop on one side of the last price, the other leg on the other.
fn judge_prices(first: &Leg<'_>, second: &Leg<'_>, market: &Market) -> Result<(), RejectCode> {
    let stop = first.stop_price();
    let target = match second.judge.order.kind {
        OrderKind::LimitMaker => Some(market.price(second.size.ticks)),
        _ => second.stop_price(),
    };
    let rising: Vec<Price> = match first.judge.order.side {
        Side::Sell => [stop, market.last_price, target],
        Side::Buy => [target, market.last_price, stop],
    }
    .into_iter()
    .flatten()
    .collect();
    if rising.is_sorted_by(|low, high| low < high) { Ok(()) } else { Err(RejectCode::ListPricesInvalid) }
}

/// What both legs of a pair lock together: the second its own need, the first what it needs on top.
fn pair_ready(first: &Leg<'_>, second: &Leg<'_>) -> Result<([Ready; 2], Need), RejectCode> {
    let (mut first_ready, first_need) = first.ready()?;
    let (second_ready, second_need) = second.ready()?;
    first_ready.lock = first_need.amount.saturating_sub(second_need.amount);
    let amount = first_need.amount.max(second_need.amount);
    Ok(([first_ready, second_ready], Need { asset: first_need.asset, amount }))
}

impl Core {
    fn leg<'a>(&'a self, order: &'a PlaceOrder, occasion: Occasion) -> Result<Leg<'a>, RejectCode> {
        let judge = self.judge_of(order, occasion)?;
        let mode = judge.form()?;
        let size = judge.size()?;
        Ok(Leg { judge, mode, size })
    }

    /// Every order of a list that passed every check, in order.
    pub(crate) fn judge_list(&self, list: &PlaceList) -> Result<Vec<Ready>, RejectCode> {
        let account = self.known_account(list.account)?;
        let market = self.known_market(list.market)?;
        Self::judge_access(account, market)?;
        if !features(list.kind).iter().all(|feature| market.has(*feature)) {
            return Err(RejectCode::ListKindNotSupported);
        }
        if !are_legs(list) {
            return Err(RejectCode::ListLegsInvalid);
        }
        let legs: Result<Vec<Leg<'_>>, RejectCode> =
            list.orders.iter().zip(occasions(list)).map(|(order, occasion)| self.leg(order, occasion)).collect();
        let legs = legs?;
        self.judge_list_counts(list, market, &legs)?;
        if !list.client_list_id.is_empty() && self.lists.find_client(list.account, &list.client_list_id).is_some() {
            return Err(RejectCode::ClientListIdInUse);
        }
        legs.iter().try_for_each(|leg| leg.judge.name())?;
        match legs.as_slice() {
            [first, second] if list.kind == ListKind::Oco => {
                judge_prices(first, second, market)?;
                second.judge.cross(&second.size)?;
                let (ready, need) = pair_ready(first, second)?;
                first.judge.afford(need)?;
                Ok(Vec::from(ready))
            }
            [working, pending @ ..] => judge_working(working, pending, list.kind),
            [] => Err(RejectCode::ListLegsInvalid),
        }
    }

    fn judge_list_counts(&self, list: &PlaceList, market: &Market, legs: &[Leg<'_>]) -> Result<(), RejectCode> {
        let wallet = self.ledger.wallet(list.account).ok_or(RejectCode::AccountUnknown)?;
        let more = legs.iter().fold(Counts { lists: 1, ..Counts::default() }, |sum, leg| {
            let one = leg.judge.counts();
            Counts {
                orders: sum.orders.saturating_add(one.orders),
                algos: sum.algos.saturating_add(one.algos),
                icebergs: sum.icebergs.saturating_add(one.icebergs),
                lists: sum.lists,
            }
        });
        self.judge_counts(wallet, market, more)
    }

    /// The checks of a pair whose list is activated.
    pub(crate) fn judge_released_pair(
        &self,
        first: &PlaceOrder,
        second: &PlaceOrder,
    ) -> Result<[Ready; 2], RejectCode> {
        let first = self.leg(first, Occasion::uncounted(state_at_once(first.kind)))?;
        let second = self.leg(second, Occasion::uncounted(state_at_once(second.kind)))?;
        judge_prices(&first, &second, first.judge.market)?;
        first.judge.cross(&first.size)?;
        second.judge.cross(&second.size)?;
        let (ready, need) = pair_ready(&first, &second)?;
        first.judge.afford(need)?;
        Ok(ready)
    }
}

/// Checks 7 and 8 of a list with a working order.
fn judge_working(working: &Leg<'_>, pending: &[Leg<'_>], kind: ListKind) -> Result<Vec<Ready>, RejectCode> {
    working.judge.cross(&working.size)?;
    let (first, mut need) = working.ready()?;
    let mut all = vec![first];
    if kind.pays_pending() {
        // What they need is what the working order brings.
        for leg in pending {
            let (mut ready, _) = leg.ready()?;
            ready.lock = 0;
            all.push(ready);
        }
        working.judge.afford(need)?;
        return Ok(all);
    }
    let on_top = match pending {
        [one] => {
            let (ready, need) = one.ready()?;
            all.push(ready);
            need
        }
        [first, second] => {
            let (ready, need) = pair_ready(first, second)?;
            all.extend(ready);
            need
        }
        _ => return Err(RejectCode::ListLegsInvalid),
    };
    if on_top.asset == need.asset {
        need.amount = need.amount.saturating_add(on_top.amount);
    } else {
        working.judge.afford(on_top)?;
    }
    working.judge.afford(need)?;
    Ok(all)
}
