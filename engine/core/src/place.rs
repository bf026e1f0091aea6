//! PlaceOrder, and how any order starts: to wait, or to work.

use crate::broken::Broken;
use crate::checks::Ready;
use crate::command::PlaceOrder;
use crate::core::{Core, Stop};
use crate::event::{AcceptedExtra, Event, OrderAccepted};
use crate::floor::{End, Floor};
use crate::market::Market;
use crate::matching::{Incoming, Taker};
use crate::types::{CloseReason, ListId, OrderId, OrderState};
use crate::waiting::{Extra, Stage, Waiting};

impl Core {
    #[inline]
    pub(crate) fn place_order(&mut self, order: &PlaceOrder, events: &mut Vec<Event>) -> Result<(), Stop> {
        let ready = self.judge(order)?;
        self.accept(order, &ready, events)?;
        Ok(())
    }

    /// An order that passed every check comes in.
    #[inline(always)]
    pub(crate) fn accept(&mut self, order: &PlaceOrder, ready: &Ready, events: &mut Vec<Event>) -> Result<(), Broken> {
        let id = self.next_order_id()?;
        let market = self.markets.get(order.market.0 as usize).ok_or(Broken::IdUnknown)?;
        if order.kind.is_contingent() {
            events.push(Event::OrderAccepted(accepted(order, id, ready, market, None, OrderState::Waiting)));
            return self.floor(order.market, events)?.start_waiting(order, id, ready);
        }
        events.push(Event::OrderAccepted(accepted(order, id, ready, market, None, OrderState::Working)));
        self.work(&Incoming { order, id, ready, seat: None, list: None }, events)
    }

    #[inline(always)]
    pub(crate) fn next_order_id(&mut self) -> Result<OrderId, Broken> {
        let id = OrderId(self.next_order);
        self.next_order = self.next_order.checked_add(1).ok_or(Broken::CounterExhausted)?;
        Ok(id)
    }

    /// An order works: it takes what it can, and what is left of it rests or ends.
    #[inline(always)]
    pub(crate) fn work(&mut self, incoming: &Incoming<'_>, events: &mut Vec<Event>) -> Result<(), Broken> {
        let mut floor = self.floor(incoming.order.market, events)?;
        let mut taker = floor.taker(incoming)?;
        if incoming.ready.is_unfilled_fok {
            floor.close_taker(&mut taker, End::expired(CloseReason::UnfilledFok));
        } else if incoming.order.terms.as_deref().is_some_and(|terms| terms.use_sor) {
            return self.work_routed(incoming, taker, events);
        } else {
            floor.match_taker(&mut taker)?;
        }
        floor.finish(incoming, taker)
    }

    #[cold]
    fn work_routed(
        &mut self,
        incoming: &Incoming<'_>,
        mut taker: Taker,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let home = incoming.order.market;
        self.match_routed(&mut taker, home, events)?;
        self.floor(home, events)?.finish(incoming, taker)
    }
}

/// The event of an order that came in.
#[inline]
pub(crate) fn accepted(
    order: &PlaceOrder,
    order_id: OrderId,
    ready: &Ready,
    market: &Market,
    list: Option<ListId>,
    state: OrderState,
) -> OrderAccepted {
    let is_plain = order.terms.is_none() && list.is_none();
    OrderAccepted {
        order_id,
        account: order.account,
        market: order.market,
        side: order.side,
        kind: order.kind,
        tif: order.tif,
        price: order.price,
        qty: market.qty(ready.lots),
        quote_qty: order.quote_qty,
        client_order_id: order.client_order_id,
        stp: ready.mode,
        strategy_id: order.strategy_id,
        strategy_type: order.strategy_type,
        extra: if is_plain { None } else { Some(accepted_extra(order, ready, list, state)) },
    }
}

#[cold]
fn accepted_extra(order: &PlaceOrder, ready: &Ready, list: Option<ListId>, state: OrderState) -> Box<AcceptedExtra> {
    let terms = order.terms.as_deref().copied().unwrap_or_default();
    Box::new(AcceptedExtra { terms, list, pegged_price: ready.pegged_price, state })
}

/// An order outside the book. It locks nothing yet.
pub(crate) fn waiting_of(
    order: &PlaceOrder,
    id: OrderId,
    ready: &Ready,
    list: Option<ListId>,
    stage: Stage,
    now: u64,
) -> Waiting {
    let mut extra = Extra::plain(order.price, now);
    extra.terms = order.terms.as_deref().copied().unwrap_or_default();
    (extra.strategy_id, extra.strategy_type) = (order.strategy_id, order.strategy_type);
    (extra.list, extra.working_at) = (list, None);
    Waiting {
        id,
        owner: order.account,
        side: order.side,
        kind: order.kind,
        tif: order.tif,
        stp: ready.mode,
        stage,
        client_order_id: order.client_order_id,
        lots: ready.lots,
        need_price: ready.need_price,
        locked: 0,
        extreme: crate::types::Price(0),
        number: 0,
        accepted_at: now,
        updated_at: now,
        prev: 0,
        next: 0,
        extra,
    }
}

impl Floor<'_> {
    /// A contingent order that comes alone waits.
    #[cold]
    fn start_waiting(&mut self, order: &PlaceOrder, id: OrderId, ready: &Ready) -> Result<(), Broken> {
        let waiting = waiting_of(order, id, ready, None, Stage::Waiting, self.time.0);
        let at = self.add_waiting(waiting)?;
        self.lock_waiting(at, ready.lock)?;
        self.follow_at_once(at)
    }

    /// Puts an order into the table of waiting orders.
    pub(crate) fn add_waiting(&mut self, order: Waiting) -> Result<u32, Broken> {
        let list = self.ledger.wallet_mut(order.owner)?.open_entry(self.market.id)?;
        self.market.orders.add_waiting(order, list).ok_or(Broken::OrderIndex)
    }

    /// Locks funds for an order outside the book that locks nothing yet.
    pub(crate) fn lock_waiting(&mut self, at: u32, lock: u128) -> Result<(), Broken> {
        if lock == 0 {
            return Ok(());
        }
        let order = self.market.orders.waiting.get_mut(at).ok_or(Broken::OrderIndex)?;
        order.locked = lock;
        let (owner, side) = (order.owner, order.side);
        let asset = self.waiting_asset(side);
        self.ledger.wallet_mut(owner)?.entry(asset)?.lock(lock)
    }

    /// A trailing order without a stop price follows from now on, if there is a last price.
    pub(crate) fn follow_at_once(&mut self, at: u32) -> Result<(), Broken> {
        let order = self.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
        let terms = &order.extra.terms;
        let follows = order.stage == Stage::Waiting && terms.trailing_delta > 0 && terms.stop_price.0 == 0;
        match self.market.last_price {
            Some(last) if follows => self.start_following(at, last),
            _ => Ok(()),
        }
    }

    /// Gives back what an order outside the book locks, before it works or waits anew.
    pub(crate) fn unlock_waiting(&mut self, at: u32) -> Result<(), Broken> {
        let order = self.market.orders.waiting.get_mut(at).ok_or(Broken::OrderIndex)?;
        let (owner, side, locked) = (order.owner, order.side, std::mem::take(&mut order.locked));
        if locked == 0 {
            return Ok(());
        }
        let asset = self.waiting_asset(side);
        self.ledger.wallet_mut(owner)?.entry(asset)?.unlock(locked)
    }

    /// Changes an order outside the book.
    pub(crate) fn change_waiting(&mut self, at: u32, change: impl FnOnce(&mut Waiting)) -> Result<(), Broken> {
        let owner = self.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?.owner;
        let list = self.ledger.wallet_mut(owner)?.open_entry(self.market.id)?;
        self.market.orders.change_waiting(at, list, change).ok_or(Broken::OrderIndex)
    }
}
