//! Triggers: what each trade means for every order that waits in its market.

use tandem_core::event::Event;
use tandem_core::types::{BIPS_ONE, MarketId, OrderId, OrderState, Side};

use super::releases::Release;
use super::{Model, Order};
use crate::planted::Planted;

/// What a trade does to an order that waits.
enum Effect {
    Nothing,
    /// It follows from now on.
    Follows,
    /// The price is the best since it follows.
    IsExtreme,
    Fires,
}

impl Model {
    /// Every waiting order of a market, in order of order id.
    pub(super) fn trigger(&mut self, market: MarketId, price: u64, events: &mut Vec<Event>) {
        let mut waiting: Vec<Order> = self.markets[market.0 as usize].orders.clone();
        waiting.retain(|order| order.state == OrderState::Waiting && !order.is_fired);
        waiting.sort_by_key(Order::id);
        if self.bug(Planted::NewestTriggerFirst) {
            waiting.reverse();
        }
        for order in waiting {
            match self.effect(&order, price) {
                Effect::Nothing => {}
                Effect::Follows => self.follow(market, order.id(), price, events),
                Effect::IsExtreme if self.bug(Planted::ExtremeNeverMoves) => {}
                Effect::IsExtreme => {
                    let open = self.open_mut(market, order.id());
                    open.into_iter().for_each(|order| order.extreme = Some(price));
                }
                Effect::Fires => {
                    let open = self.open_mut(market, order.id());
                    open.into_iter().for_each(|order| order.is_fired = true);
                    self.releases.push_back(Release::Fired(market, order.id()));
                }
            }
        }
    }

    fn follow(&mut self, market: MarketId, id: OrderId, price: u64, events: &mut Vec<Event>) {
        let time = self.time;
        if let Some(order) = self.open_mut(market, id) {
            order.extreme = Some(price);
            (order.trailing_at, order.updated_at) = (Some(time), time);
            events.push(Event::TrailingStarted { order_id: id, account: order.accepted.account, market });
        }
    }

    /// A trailing order without a stop price follows at once if there is a last price.
    pub(super) fn begin_to_follow(&mut self, market: MarketId, id: OrderId, events: &mut Vec<Event>) {
        let starts = |order: &Order| {
            order.state == OrderState::Waiting && order.terms.trailing_delta > 0 && order.terms.stop_price.0 == 0
        };
        if let Some(last) = self.last_price(market)
            && self.open(market, id).is_some_and(starts)
        {
            self.follow(market, id, last.0, events);
        }
    }

    fn effect(&self, order: &Order, price: u64) -> Effect {
        let (side, stop) = (order.accepted.side, order.terms.stop_price.0);
        let has_passed = price != stop || !self.bug(Planted::TriggerNeedsPassing);
        let reaches = if order.accepted.kind.triggers_above(side) { price >= stop } else { price <= stop };
        let is_met = reaches && has_passed;
        if order.terms.trailing_delta == 0 {
            return if is_met { Effect::Fires } else { Effect::Nothing };
        }
        if is_met && stop > 0 && order.extreme.is_none() && self.bug(Planted::TrailingFiresAtOnce) {
            return Effect::Fires;
        }
        let Some(extreme) = order.extreme else {
            return if stop == 0 || is_met { Effect::Follows } else { Effect::Nothing };
        };
        let (one, delta) = (u128::from(BIPS_ONE), u128::from(order.terms.trailing_delta));
        let (price_scaled, extreme_wide) = (u128::from(price) * one, u128::from(extreme));
        let (is_better, fires) = match side {
            // A delta above one can only be that of an order whose trigger is above the market: it never fires.
            Side::Sell => (price > extreme, delta <= one && price_scaled <= extreme_wide * (one - delta)),
            Side::Buy => (price < extreme, price_scaled >= extreme_wide * (one + delta)),
        };
        match (is_better, fires) {
            (true, _) => Effect::IsExtreme,
            (false, true) => Effect::Fires,
            (false, false) => Effect::Nothing,
        }
    }
}
