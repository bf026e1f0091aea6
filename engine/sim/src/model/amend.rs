//! An amend: a lower quantity, the same place.

use tandem_core::command::AmendOrder;
use tandem_core::event::{Event, OrderAmended};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    ClientOrderId, CloseReason, CloseStatus, Feature, MarketId, MarketStatus, OrderId, OrderState, Qty,
};

use super::admin::NUMBER_MAX;
use super::filters::{check_market_lot_size, limit_known};
use super::lists::as_placed;
use super::{Model, Order, Outcome};
use crate::planted::Planted;

impl Model {
    pub(super) fn amend(&mut self, amend: &AmendOrder) -> Outcome {
        let order = self.check_amend(amend)?.clone();
        let market = amend.market;
        let mut events = Vec::new();
        let new_id = amend.new_client_order_id;
        let client_order_id = if new_id.is_empty() { order.accepted.client_order_id } else { new_id };
        let has_rest = amend.new_qty.0 > order.filled + order.prevented;
        let partner = self.partner(&order).filter(|id| self.open(market, *id).is_some());
        let qty = Qty(amend.new_qty.0.max(order.filled + order.prevented));
        self.set_qty(market, order.id(), qty, client_order_id, &mut events);
        if !has_rest {
            let (status, reason) = (CloseStatus::Expired, CloseReason::Amended);
            self.end_open(market, order.id(), status, reason, ClientOrderId::EMPTY, &mut events);
            return Ok(events);
        }
        if let Some(id) = partner.filter(|_| !self.bug(Planted::AmendLeavesOtherLeg)) {
            let own = self.open(market, id).map_or(ClientOrderId::EMPTY, |other| other.accepted.client_order_id);
            self.set_qty(market, id, amend.new_qty, own, &mut events);
            self.relock(market, id);
        }
        if !self.bug(Planted::AmendKeepsLock) {
            self.relock(market, order.id());
        }
        Ok(events)
    }

    /// The order's new quantity, and what is told of it; its lock stays for now.
    fn set_qty(
        &mut self,
        market: MarketId,
        id: OrderId,
        qty: Qty,
        client_order_id: ClientOrderId,
        events: &mut Vec<Event>,
    ) {
        let (time, end) = (self.time, self.next_place());
        let (counts, loses_place) = (!self.bug(Planted::AmendIsNotCounted), self.bug(Planted::AmendLosesPlace));
        let Some(order) = self.open_mut(market, id) else { return };
        let (old_qty, old_client_order_id) = (order.accepted.qty, order.accepted.client_order_id);
        let shown_before = order.shown;
        (order.accepted.qty, order.accepted.client_order_id) = (qty, client_order_id);
        order.left = qty.0.saturating_sub(order.filled + order.prevented);
        order.shown = order.shown.min(order.left);
        order.amends += u16::from(counts);
        order.place = if loses_place { end } else { order.place };
        order.updated_at = time;
        events.push(Event::OrderAmended(OrderAmended {
            order_id: id,
            account: order.accepted.account,
            market,
            old_qty,
            qty,
            left: Qty(order.left),
            old_client_order_id,
            client_order_id,
        }));
        // An order that ends changes the book when it leaves it.
        let is_change = order.is_working() && order.shown != shown_before && order.left > 0;
        self.market_mut(market).version += u64::from(is_change);
    }

    fn check_amend(&self, amend: &AmendOrder) -> Result<&Order, RejectCode> {
        self.account(amend.account)?;
        let market = self.market(amend.market)?;
        if !matches!(market.status, MarketStatus::Trading | MarketStatus::CancelOnly) {
            return Err(RejectCode::MarketClosed);
        }
        let names_none = amend.order_id.is_none() && amend.client_order_id.is_empty();
        if names_none || amend.new_qty.0 == 0 || amend.new_qty.0 > NUMBER_MAX {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        let order = self.find(amend.account, amend.market, amend.order_id, amend.client_order_id)?;
        if !self.has(amend.market, Feature::Amend) {
            return Err(RejectCode::AmendNotSupported);
        }
        let list = order.list.and_then(|id| self.lists.get(&id));
        if order.state == OrderState::Pending && list.is_some_and(|list| list.kind.pays_pending()) {
            return Err(RejectCode::AmendPendingOpo);
        }
        if amend.new_qty > order.accepted.qty {
            return Err(RejectCode::AmendIncrease);
        }
        if amend.new_qty == order.accepted.qty {
            return Err(RejectCode::AmendNoChange);
        }
        let partner = self.partner(order).and_then(|id| self.open(amend.market, id));
        for leg in std::iter::once(order).chain(partner) {
            self.check_amended(leg, amend.new_qty)?;
        }
        let is_taken = |other: &Order| {
            other.accepted.account == amend.account
                && other.accepted.client_order_id == amend.new_client_order_id
                && other.id() != order.id()
        };
        if !amend.new_client_order_id.is_empty() && market.orders.iter().any(is_taken) {
            return Err(RejectCode::ClientOrderIdInUse);
        }
        Ok(order)
    }

    /// How often, and how much at least.
    fn check_amended(&self, order: &Order, new_qty: Qty) -> Result<(), RejectCode> {
        let rules = &self.markets[order.accepted.market.0 as usize].rules;
        let most = if rules.max_num_order_amends == 0 { 65_535 } else { rules.max_num_order_amends };
        if most <= order.amends {
            return Err(RejectCode::MaxNumOrderAmendsReached);
        }
        if new_qty.0 <= order.filled + order.prevented || self.bug(Planted::AmendIsNotJudged) {
            return Ok(());
        }
        self.check_lot_size(rules, new_qty)?;
        check_market_lot_size(rules, order.works_as(), new_qty)?;
        let mut asked = as_placed(order);
        asked.qty = new_qty;
        let stop = order.terms.stop_price.0;
        let p = limit_known(asked.price.0, order.pegged, order.terms.peg.is_some(), stop);
        self.check_notional(order.accepted.market, order.works_as(), self.worth(&asked, p))
    }
}
