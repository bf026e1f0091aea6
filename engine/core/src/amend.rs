//! AmendOrder: an order's quantity falls, and the order keeps its place.

use crate::book::{Handle, Lots};
use crate::broken::Broken;
use crate::checks::{Judge, Occasion, Size, need_of};
use crate::command::{AmendOrder, PlaceOrder};
use crate::core::{Core, Stop};
use crate::event::{Event, OrderAmended};
use crate::filters;
use crate::floor::{End, Floor};
use crate::market::{Market, NUMBER_MAX};
use crate::orders::Place;
use crate::reject::RejectCode;
use crate::releases::order_of;
use crate::types::{
    Amount, ClientOrderId, CloseReason, Feature, MarketStatus, OrderId, OrderKind, OrderState, Price, Qty,
};
use crate::waiting::Stage;

/// What an amend is about.
struct Target {
    place: Place,
    /// The other leg, where the order is in a pair.
    other: Option<Place>,
}

/// How often an order may be amended; without a bound as often as can be counted.
const fn most_amends(market: &Market) -> u16 {
    let most = market.rules.max_num_order_amends;
    if most == 0 { u16::MAX } else { most }
}

/// An open order as an amend sees it.
struct Amended {
    order: PlaceOrder,
    size: Size,
    /// What is filled or prevented of it.
    used: Lots,
    amends: u16,
}

impl Core {
    pub(crate) fn amend_order(&mut self, amend: &AmendOrder, events: &mut Vec<Event>) -> Result<(), Stop> {
        let target = self.judge_amend(amend)?;
        let used = self.amended(amend, target.place).ok_or(Broken::OrderIndex)?.used;
        let mut floor = self.floor(amend.market, events)?;
        let used = floor.market.qty(used);
        if amend.new_qty <= used {
            floor.amend_away(target.place, amend, used)?;
            return Ok(());
        }
        let lots = floor.market.lots(amend.new_qty).ok_or(Broken::OrderQuantity)?;
        floor.amend_pair(&target, lots, amend)?;
        Ok(())
    }

    fn judge_amend(&self, amend: &AmendOrder) -> Result<Target, RejectCode> {
        self.known_account(amend.account)?;
        let market = self.known_market(amend.market)?;
        if !matches!(market.status, MarketStatus::Trading | MarketStatus::CancelOnly) {
            return Err(RejectCode::MarketClosed);
        }
        let has_id = amend.order_id.is_some() || !amend.client_order_id.is_empty();
        if !has_id || amend.new_qty.0 == 0 || amend.new_qty.0 > NUMBER_MAX {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        let place = self.find_open(amend.account, amend.market, amend.order_id, &amend.client_order_id)?;
        if !market.has(Feature::Amend) {
            return Err(RejectCode::AmendNotSupported);
        }
        if self.is_pending_unsized(market, place) {
            return Err(RejectCode::AmendPendingOpo);
        }
        let target = Target { place, other: self.other_leg(market, place) };
        for place in [Some(place), target.other].into_iter().flatten() {
            let amended = self.amended(amend, place).ok_or(RejectCode::OrderUnknown)?;
            self.judge_new_qty(amend, market, &amended, place == target.place)?;
        }
        let client = &amend.new_client_order_id;
        let in_use = !client.is_empty() && market.orders.find_client(amend.account, client).is_some_and(|p| p != place);
        if in_use { Err(RejectCode::ClientOrderIdInUse) } else { Ok(target) }
    }

    fn is_pending_unsized(&self, market: &Market, place: Place) -> bool {
        let Place::Waiting(at) = place else { return false };
        let Some(order) = market.orders.waiting.get(at) else { return false };
        let list = order.extra.list.and_then(|list| self.lists.get(list));
        order.stage == Stage::Pending && list.is_some_and(|list| list.kind.pays_pending())
    }

    fn other_leg(&self, market: &Market, place: Place) -> Option<Place> {
        let list = self.lists.get(market.orders.list_of(place)?)?;
        let (id, ..) = market.orders.names(place)?;
        let other = list.other_leg(id).filter(|other| list.open & list.bit(*other) != 0)?;
        market.orders.find(other)
    }

    fn judge_new_qty(
        &self,
        amend: &AmendOrder,
        market: &Market,
        amended: &Amended,
        is_named: bool,
    ) -> Result<(), RejectCode> {
        let old_qty = market.qty(amended.size.lots);
        if is_named && amend.new_qty > old_qty {
            return Err(RejectCode::AmendIncrease);
        }
        if is_named && amend.new_qty == old_qty {
            return Err(RejectCode::AmendNoChange);
        }
        if amended.amends >= most_amends(market) {
            return Err(RejectCode::MaxNumOrderAmendsReached);
        }
        if amend.new_qty <= market.qty(amended.used) {
            return Ok(());
        }
        let lots = filters::lot_size(market, amend.new_qty)?;
        if amended.order.kind.works_as() == OrderKind::Market {
            filters::market_lot_size(market, amend.new_qty)?;
        }
        let mut order = amended.order.clone();
        order.qty = amend.new_qty;
        let judge: Judge<'_> = self.judge_of(&order, Occasion::uncounted(OrderState::Working))?;
        judge.notional_filters(&Size { lots, ..amended.size })
    }

    fn amended(&self, amend: &AmendOrder, place: Place) -> Option<Amended> {
        let market = self.markets.get(amend.market.0 as usize)?;
        let orders = &market.orders;
        match place {
            Place::Waiting(at) => {
                let waiting = orders.waiting.get(at)?;
                let order = order_of(waiting, market);
                let size = Size { ticks: market.ticks(order.price)?, lots: waiting.lots, pegged_price: Price(0) };
                Some(Amended { order, size, used: 0, amends: waiting.extra.amends })
            }
            Place::Book(handle) => {
                let (maker, resting) = (orders.book.get(handle)?, orders.get(handle)?);
                let left = maker.lots.checked_add(orders.hidden(handle))?;
                let extra = orders.extra(handle);
                let order = PlaceOrder {
                    account: amend.account,
                    market: amend.market,
                    side: maker.side,
                    kind: resting.kind,
                    tif: crate::types::TimeInForce::Gtc,
                    price: market.price(maker.ticks),
                    qty: market.qty(resting.lots),
                    quote_qty: Amount(0),
                    client_order_id: resting.client_order_id,
                    stp: Some(resting.stp),
                    strategy_id: None,
                    strategy_type: None,
                    terms: None,
                };
                let size = Size { ticks: maker.ticks, lots: resting.lots, pegged_price: Price(0) };
                let used = resting.lots.checked_sub(left)?;
                Some(Amended { order, size, used, amends: extra.map_or(0, |extra| extra.amends) })
            }
        }
    }
}

impl Floor<'_> {
    /// An amend that leaves something of the order: it, the other leg of its pair, and what both lock.
    fn amend_pair(&mut self, target: &Target, lots: Lots, amend: &AmendOrder) -> Result<(), Broken> {
        for place in [Some(target.place), target.other].into_iter().flatten() {
            if let Place::Waiting(at) = place {
                self.unlock_waiting(at)?;
            }
        }
        self.amend_one(target.place, lots, amend.new_qty, amend.new_client_order_id)?;
        if let Some(other) = target.other {
            self.amend_one(other, lots, amend.new_qty, ClientOrderId::EMPTY)?;
        }
        // The second leg locks its own need, the first one what it needs on top of that.
        let shared = match target.other {
            None => [0, 0],
            Some(other) if self.is_second(target.place, other)? => [0, self.need_at(target.place)?],
            Some(other) => [self.need_at(other)?, 0],
        };
        for (place, shared) in [Some(target.place), target.other].into_iter().zip(shared) {
            if let Some(Place::Waiting(at)) = place {
                let need = self.need_at(Place::Waiting(at))?;
                self.lock_waiting(at, need.saturating_sub(shared))?;
            }
        }
        Ok(())
    }

    /// Whether an order is the second leg of its pair.
    fn is_second(&self, place: Place, other: Place) -> Result<bool, Broken> {
        let id = |place| self.market.orders.names(place).map(|(id, ..)| id).ok_or(Broken::OrderIndex);
        Ok(id(place)? > id(other)?)
    }

    /// What an order needs, apart from all others.
    fn need_at(&self, place: Place) -> Result<u128, Broken> {
        match place {
            Place::Waiting(at) => {
                let order = self.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
                Ok(need_of(self.market, order.side, order.lots, order.need_price).amount)
            }
            Place::Book(handle) => {
                let maker = self.maker_at(handle)?;
                Ok(self.locked_for(maker.side, maker.ticks, self.whole_left(&maker)?).1)
            }
        }
    }

    /// Lowers one order to `lots` and says so. An order outside the book locks nothing meanwhile.
    fn amend_one(&mut self, place: Place, lots: Lots, qty: Qty, client: ClientOrderId) -> Result<(), Broken> {
        let (id, account, old_client_order_id) = self.market.orders.names(place).ok_or(Broken::OrderIndex)?;
        let now = self.time.0;
        let (old_lots, left) = match place {
            Place::Waiting(at) => {
                let order = self.market.orders.waiting.get_mut(at).ok_or(Broken::OrderIndex)?;
                order.updated_at = now;
                order.extra.amends = order.extra.amends.checked_add(1).ok_or(Broken::CounterExhausted)?;
                (std::mem::replace(&mut order.lots, lots), lots)
            }
            Place::Book(handle) => self.amend_maker(handle, lots)?,
        };
        let client_order_id = if client.is_empty() { old_client_order_id } else { client };
        self.market.orders.rename(place, client_order_id).ok_or(Broken::OrderIndex)?;
        self.events.push(Event::OrderAmended(OrderAmended {
            order_id: id,
            account,
            market: self.market.id,
            old_qty: self.market.qty(old_lots),
            qty,
            left: self.market.qty(left),
            old_client_order_id,
            client_order_id,
        }));
        Ok(())
    }

    /// Lowers an order in the book: its lock, what it hides first, then what it shows. Its lots before, and what is left.
    fn amend_maker(&mut self, handle: Handle, lots: Lots) -> Result<(Lots, Lots), Broken> {
        let maker = self.maker_at(handle)?;
        let whole = self.whole_left(&maker)?;
        let resting = self.market.orders.get_mut(handle).ok_or(Broken::OrderIndex)?;
        let old_lots = std::mem::replace(&mut resting.lots, lots);
        resting.updated_at = self.time.0;
        let fewer = old_lots.checked_sub(lots).ok_or(Broken::OrderQuantity)?;
        let left = whole.checked_sub(fewer).ok_or(Broken::OrderQuantity)?;
        let (asset, amount) = self.locked_for(maker.side, maker.ticks, fewer);
        let account = crate::types::AccountId(maker.owner);
        self.ledger.wallet_mut(account)?.entry(asset)?.unlock(amount)?;
        let shown = maker.lots.min(left);
        let price = self.market.price(maker.ticks);
        let orders = &mut self.market.orders;
        let extra = orders.extra_or_plain(handle, price).ok_or(Broken::OrderIndex)?;
        extra.amends = extra.amends.checked_add(1).ok_or(Broken::CounterExhausted)?;
        extra.hidden = left.checked_sub(shown).ok_or(Broken::OrderQuantity)?;
        if shown < maker.lots {
            let hides = maker.lots.checked_sub(shown).ok_or(Broken::OrderQuantity)?;
            orders.book.reduce(handle, hides).ok_or(Broken::BookLinks)?;
        }
        Ok((old_lots, left))
    }

    /// An amend that leaves nothing of the order.
    fn amend_away(&mut self, place: Place, amend: &AmendOrder, used: Qty) -> Result<(), Broken> {
        let handle = place.handle().ok_or(Broken::OrderQuantity)?;
        let (order_id, account, old_client_order_id): (OrderId, _, _) =
            self.market.orders.names(place).ok_or(Broken::OrderIndex)?;
        if !amend.new_client_order_id.is_empty() {
            self.market.orders.rename(place, amend.new_client_order_id).ok_or(Broken::OrderIndex)?;
        }
        let resting = self.market.orders.get(handle).ok_or(Broken::OrderIndex)?;
        let (old_lots, client_order_id) = (resting.lots, resting.client_order_id);
        self.events.push(Event::OrderAmended(OrderAmended {
            order_id,
            account,
            market: self.market.id,
            old_qty: self.market.qty(old_lots),
            qty: used,
            left: Qty(0),
            old_client_order_id,
            client_order_id,
        }));
        let end = End::expired(CloseReason::Amended);
        let list = self.market.orders.list_of(place);
        let maker = self.maker_at(handle)?;
        self.close_maker(maker, 0, end)?;
        list.map_or(Ok(()), |list| self.list_order_ended(list, order_id, end))
    }
}
