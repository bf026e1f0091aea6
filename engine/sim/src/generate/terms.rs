//! What only some orders have: triggers, trailing, icebergs, pegs, routing.

use tandem_core::command::PlaceOrder;
use tandem_core::types::{OrderKind, Peg, PegPrice, Price, Qty, Side, Terms, TimeInForce};

use super::Generator;
use super::orders::{NUMBER_MAX, STAMPEDE};
use crate::model::{Market, Model};

impl Generator {
    /// Gives an order of any kind the terms that it needs, and some that it may have.
    pub(super) fn dress(&mut self, model: &Model, market: &Market, order: &mut PlaceOrder, mid: u64) {
        let mut terms = Terms::default();
        if order.kind.is_contingent() {
            if self.profile.is_stampede && !order.kind.triggers_above(order.side) {
                order.side = order.side.opposite();
            }
            self.add_trigger(model, market, order, mid, &mut terms);
        }
        let works_as = order.kind.works_as();
        let can_hide = works_as != OrderKind::Market && order.tif == TimeInForce::Gtc;
        if can_hide && self.random.percent(self.profile.iceberg_percent) {
            let lots = order.qty.0 / market.rules.lot_size.0;
            let shown = (lots / self.random.between(1, 6)).max(1);
            terms.iceberg_qty = Qty(shown.saturating_mul(market.rules.lot_size.0));
        }
        if works_as != OrderKind::Market && self.random.percent(self.profile.peg_percent) {
            let price =
                if order.kind == OrderKind::LimitMaker { PegPrice::Primary } else { self.random.pick(PegPrice::ALL) };
            terms.peg = Some(Peg { price, offset: self.random.pick(&[None, None, Some(1), Some(2), Some(5)]) });
            order.price = if self.random.one_in(4) { order.price } else { Price(0) };
        }
        let can_route = order.kind == OrderKind::Limit || (order.kind == OrderKind::Market && order.qty.0 > 0);
        if can_route && terms.peg.is_none() && self.random.percent(self.profile.sor_percent) {
            terms.use_sor = true;
        }
        set_terms(order, terms);
    }

    /// A stop price on its side of the last price, a delta, or both.
    fn add_trigger(&mut self, model: &Model, market: &Market, order: &mut PlaceOrder, mid: u64, terms: &mut Terms) {
        let tick = market.rules.tick_size.0;
        let last = model.last_price(order.market).map_or(mid, |last| last.0 / tick);
        let is_above = order.kind.triggers_above(order.side);
        let distance = 1 + self.random.below(self.profile.spread + 1);
        let ticks = match (is_above, self.profile.is_stampede) {
            (_, true) => STAMPEDE * (mid / STAMPEDE + 1),
            (true, false) => last.saturating_add(distance),
            (false, false) => last.saturating_sub(distance).max(1),
        };
        terms.stop_price = Price(ticks.saturating_mul(tick).min(NUMBER_MAX));
        if self.random.percent(self.profile.trailing_percent) {
            terms.trailing_delta = self.random.pick(&[1, 10, 100, 500, 1000, 1500, 2500, 5000, 9999, 10_000]);
            if is_above && self.random.one_in(5) {
                terms.trailing_delta *= 10;
            }
            if self.random.one_in(2) {
                terms.stop_price = Price(0);
            }
        }
        if order.kind.works_as() == OrderKind::Limit {
            let away = self.random.below(self.profile.spread + 1);
            let takes = self.random.percent(60);
            let limit =
                if takes == (order.side == Side::Buy) { ticks + away } else { ticks.saturating_sub(away).max(1) };
            order.price = Price(limit.saturating_mul(tick).min(NUMBER_MAX));
            order.tif = self.random.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]);
        }
    }

    /// Terms that do not fit, or at least not often.
    pub(super) fn spoil_terms(&mut self, order: &mut PlaceOrder) {
        let odd = self.random.pick(&[0, 1, NUMBER_MAX, 1 << 63, u64::MAX]);
        let mut terms = order.terms.as_deref().copied().unwrap_or_default();
        let offset = self.random.pick(&[None, Some(0), Some(1), Some(100), Some(101), Some(255)]);
        match self.random.below(11) {
            0 => terms.stop_price = Price(odd),
            1 => terms.stop_price = Price(terms.stop_price.0.saturating_add(1)),
            2 => terms.trailing_delta = self.random.pick(&[0, 1, 10_000, 10_001, 1_000_000, 1_000_001, u32::MAX]),
            3 => terms.iceberg_qty = Qty(odd),
            4 => terms.iceberg_qty = Qty(order.qty.0.saturating_add(1)),
            5 => terms.iceberg_qty = Qty(order.qty.0 / self.random.between(1, 2000)),
            6 => terms.peg = Some(Peg { price: self.random.pick(PegPrice::ALL), offset }),
            7 => terms.use_sor = !terms.use_sor,
            8 => order.kind = self.random.pick(OrderKind::ALL),
            9 => (terms.stop_price, terms.trailing_delta) = (Price(0), 0),
            _ => terms.stop_price = order.price,
        }
        set_terms(order, terms);
    }
}

/// Default terms are none.
pub(super) fn set_terms(order: &mut PlaceOrder, terms: Terms) {
    order.terms = (terms != Terms::default()).then(|| Box::new(terms));
}
