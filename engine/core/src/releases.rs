//! Releases: orders whose trigger fired and lists whose working order was filled go on, one after the other.
//!
//! One command takes at most [`RELEASES_MAX`] of them from the front of the queue, so that no cascade holds the exchange
//! up; the rest goes on with the next command. A queue that is not empty has an open entry at its front.

use crate::broken::Broken;
use crate::checks::{Occasion, Ready, state_at_once};
use crate::command::PlaceOrder;
use crate::core::{Core, Stop};
use crate::event::{Event, OrderReleased};
use crate::floor::{End, Floor};
use crate::lists::{OrderList, Release};
use crate::market::Market;
use crate::matching::Incoming;
use crate::orders::Place;
use crate::reject::RejectCode;
use crate::types::{
    Amount, CloseReason, ListId, MarketId, OrderId, OrderKind, OrderState, Price, Qty, RELEASES_MAX, ReleaseCause,
    Terms,
};
use crate::waiting::{Stage, Waiting};

impl Core {
    /// RunReleases: carries on with what was cut off.
    pub(crate) fn run_releases_alone(&mut self, events: &mut Vec<Event>) -> Result<(), Stop> {
        if self.lists.releases.is_empty() {
            return Err(Stop::Reject(RejectCode::NothingToRelease));
        }
        self.run_releases(events)?;
        Ok(())
    }

    /// Takes releases from the front of the queue.
    #[cold]
    pub(crate) fn run_releases(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        let mut taken = 0_usize;
        while let Some(release) = self.lists.releases.front().copied() {
            if !self.is_open(release) {
                self.lists.releases.pop_front();
                continue;
            }
            if taken == RELEASES_MAX {
                break;
            }
            taken = taken.saturating_add(1);
            self.lists.releases.pop_front();
            match release {
                Release::Order(market, order) => self.release_order(market, order, events)?,
                Release::List(list) => self.release_list(list, events)?,
            }
        }
        Ok(())
    }

    /// Whether what is to be released is still open.
    pub(crate) fn is_open(&self, release: Release) -> bool {
        match release {
            Release::Order(market, order) => {
                self.known_market(market).is_ok_and(|market| market.orders.find(order).is_some())
            }
            Release::List(list) => self.lists.get(list).is_some(),
        }
    }

    fn release_order(&mut self, market: MarketId, id: OrderId, events: &mut Vec<Event>) -> Result<(), Broken> {
        let mut floor = self.floor(market, events)?;
        let Some(Place::Waiting(at)) = floor.market.orders.find(id) else { return Err(Broken::OrderIndex) };
        let list = floor.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?.extra.list;
        if let Some(list) = list {
            floor.touch(list, id)?;
        }
        floor.unlock_waiting(at)?;
        floor.change_waiting(at, |order| order.stage = Stage::Working)?;
        let waiting = *floor.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
        let order = order_of(&waiting, floor.market);
        let judged = self.judge_released(&as_it_works(&order));
        let Ok(ready) = judged else {
            return self.floor(market, events)?.end_order(Place::Waiting(at), End::expired(CloseReason::Rejected));
        };
        let mut floor = self.floor(market, events)?;
        floor.say_released(id, &order, &ready, ReleaseCause::Triggered, OrderState::Working);
        self.work(&Incoming { order: &order, id, ready: &ready, seat: Some(at), list }, events)
    }

    /// The checks of an order that is open already.
    fn judge_released(&self, order: &PlaceOrder) -> Result<Ready, RejectCode> {
        let judge = self.judge_of(order, Occasion::uncounted(state_at_once(order.kind)))?;
        let mode = judge.form()?;
        let size = judge.size()?;
        judge.rest(mode, size)
    }

    /// Activates a list: its pending orders work, or wait for their trigger.
    fn release_list(&mut self, id: ListId, events: &mut Vec<Event>) -> Result<(), Broken> {
        let list = *self.lists.get(id).ok_or(Broken::ListIndex)?;
        let mut floor = self.floor(list.market, events)?;
        let seats = floor.free_pending(&list)?;
        let mut orders = Vec::with_capacity(seats.len());
        let qty = list.kind.pays_pending().then(|| floor.qty_of_proceeds(&list, &seats));
        for at in &seats {
            let waiting = *floor.market.orders.waiting.get(*at).ok_or(Broken::OrderIndex)?;
            let mut order = order_of(&waiting, floor.market);
            order.qty = qty.unwrap_or(order.qty);
            orders.push((waiting, order));
        }
        let judged = match orders.as_slice() {
            [(_, one)] => self.judge_released(one).map(|ready| vec![ready]),
            [(_, first), (_, second)] => self.judge_released_pair(first, second).map(Vec::from),
            _ => return Err(Broken::ListIndex),
        };
        let Ok(ready) = judged else {
            return self.floor(list.market, events)?.end_list_orders(id, End::expired(CloseReason::Rejected));
        };
        for ((at, (waiting, order)), ready) in seats.iter().zip(&orders).zip(&ready) {
            self.activate(*at, waiting, order, ready, events)?;
        }
        Ok(())
    }

    /// One order of an activated list goes on.
    fn activate(
        &mut self,
        at: u32,
        waiting: &Waiting,
        order: &PlaceOrder,
        ready: &Ready,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let state = state_at_once(order.kind);
        let mut floor = self.floor(order.market, events)?;
        floor.say_released(waiting.id, order, ready, ReleaseCause::Activated, state);
        if state == OrderState::Working {
            let incoming = Incoming { order, id: waiting.id, ready, seat: Some(at), list: waiting.extra.list };
            return self.work(&incoming, events);
        }
        let now = floor.time.0;
        floor.change_waiting(at, |waiting| {
            waiting.stage = Stage::Waiting;
            waiting.lots = ready.lots;
            waiting.need_price = ready.need_price;
            waiting.updated_at = now;
        })?;
        floor.lock_waiting(at, ready.lock)?;
        floor.follow_at_once(at)
    }
}

impl Floor<'_> {
    fn say_released(
        &mut self,
        order_id: OrderId,
        order: &PlaceOrder,
        ready: &Ready,
        cause: ReleaseCause,
        state: OrderState,
    ) {
        self.events.push(Event::OrderReleased(OrderReleased {
            order_id,
            account: order.account,
            market: order.market,
            cause,
            state,
            qty: self.market.qty(ready.lots),
            pegged_price: ready.pegged_price,
        }));
    }

    /// Gives back what the pending orders of a list lock; returns their places.
    fn free_pending(&mut self, list: &OrderList) -> Result<Vec<u32>, Broken> {
        let mut seats = Vec::new();
        for id in list.open_orders() {
            let Some(Place::Waiting(at)) = self.market.orders.find(id) else { return Err(Broken::OrderIndex) };
            self.unlock_waiting(at)?;
            self.change_waiting(at, |order| order.stage = Stage::Working)?;
            seats.push(at);
        }
        self.ledger.wallet_mut(list.account)?.entry(self.market.base)?.unlock(list.proceeds)?;
        self.lists.get_mut(list.id).ok_or(Broken::ListIndex)?.proceeds = 0;
        Ok(seats)
    }

    /// What the proceeds of a list come to, in steps that its pending orders may have.
    fn qty_of_proceeds(&self, list: &OrderList, seats: &[u32]) -> Qty {
        let rules = &self.market.rules;
        let works_as_market = |at: &u32| {
            let order = self.market.orders.waiting.get(*at);
            order.is_some_and(|order| order.kind.works_as() == OrderKind::Market)
        };
        let has_market_step = rules.market_lot_size.0 != 0 && seats.iter().any(works_as_market);
        let step = if has_market_step { rules.market_lot_size } else { rules.lot_size };
        let proceeds = u64::try_from(list.proceeds).unwrap_or(u64::MAX);
        let steps = proceeds.checked_div(step.0).unwrap_or(0);
        Qty(steps.saturating_mul(step.0))
    }
}

/// An order outside the book as it came in.
pub(crate) fn order_of(waiting: &Waiting, market: &Market) -> PlaceOrder {
    let terms = waiting.extra.terms;
    PlaceOrder {
        account: waiting.owner,
        market: market.id,
        side: waiting.side,
        kind: waiting.kind,
        tif: waiting.tif,
        price: waiting.extra.price,
        qty: market.qty(waiting.lots),
        quote_qty: Amount(0),
        client_order_id: waiting.client_order_id,
        stp: Some(waiting.stp),
        strategy_id: waiting.extra.strategy_id,
        strategy_type: waiting.extra.strategy_type,
        terms: (terms != Terms::default()).then(|| Box::new(terms)),
    }
}

/// What a fired order is judged as: it has no trigger any more.
fn as_it_works(order: &PlaceOrder) -> PlaceOrder {
    let mut order = order.clone();
    order.kind = order.kind.works_as();
    if let Some(terms) = &mut order.terms {
        (terms.stop_price, terms.trailing_delta) = (Price(0), 0);
    }
    order
}
