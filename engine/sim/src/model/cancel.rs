//! Ways to end open orders: one by one, all of an account, a list; and a cancel with a new order behind it.

use tandem_core::command::{CancelList, CancelOrder, CancelReplace};
use tandem_core::event::{Event, Half, OrderClosed};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, CancelRestriction, ClientOrderId, CloseReason, CloseStatus, Feature, MarketId, MarketStatus, OrderId,
    Qty, ReplaceMode,
};

use super::{List, Model, Order, Outcome, closed};
use crate::planted::Planted;

impl Model {
    /// The open order of an account that both of these mean, as far as they are given.
    pub(super) fn find(
        &self,
        account: AccountId,
        market: MarketId,
        order_id: Option<OrderId>,
        client_order_id: ClientOrderId,
    ) -> Result<&Order, RejectCode> {
        if order_id.is_none() && client_order_id.is_empty() {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        let found = self.market(market)?.orders.iter().find(|open| {
            (open.accepted.account == account || self.bug(Planted::ForeignCancel))
                && order_id.is_none_or(|id| id == open.id())
                && (client_order_id.is_empty() || client_order_id == open.accepted.client_order_id)
        });
        found.ok_or(RejectCode::OrderUnknown)
    }

    fn check_cancel(&self, cancel: &CancelOrder) -> Result<OrderId, RejectCode> {
        self.account(cancel.account)?;
        let market = self.market(cancel.market)?;
        let is_closed = market.status != MarketStatus::Trading;
        let order = self.find(cancel.account, cancel.market, cancel.order_id, cancel.client_order_id);
        let is_named = !matches!(order, Err(RejectCode::OrderFieldsInvalid));
        if is_closed && is_named && self.bug(Planted::CancelNeedsOpenMarket) {
            return Err(RejectCode::MarketClosed);
        }
        let order = order?;
        match cancel.restriction.filter(|_| !self.bug(Planted::RestrictionIgnored)) {
            Some(CancelRestriction::OnlyNew) if order.filled > 0 => Err(RejectCode::CancelRestricted),
            Some(CancelRestriction::OnlyPartiallyFilled) if order.filled == 0 => Err(RejectCode::CancelRestricted),
            _ => Ok(order.id()),
        }
    }

    pub(super) fn cancel(&mut self, cancel: &CancelOrder) -> Outcome {
        match self.check_cancel(cancel) {
            Ok(id) => Ok(self.canceled(cancel, id)),
            Err(RejectCode::OrderUnknown) => self.cancel_of_no_order(cancel),
            Err(code) => Err(code),
        }
    }

    fn canceled(&mut self, cancel: &CancelOrder, id: OrderId) -> Vec<Event> {
        let (status, reason, cancel_id) = (CloseStatus::Canceled, CloseReason::User, cancel.new_client_order_id);
        let mut events = Vec::new();
        if let Some(order) = self.end_open(cancel.market, id, status, reason, cancel_id, &mut events) {
            self.lock_again_if(Planted::LockNotReleased, &order, order.left);
        }
        events
    }

    /// Ends an open order, and of its list what does not outlive it.
    pub(super) fn end_open(
        &mut self,
        market: MarketId,
        id: OrderId,
        status: CloseStatus,
        reason: CloseReason,
        cancel_id: ClientOrderId,
        events: &mut Vec<Event>,
    ) -> Option<Order> {
        let order = self.remove(market, id)?;
        events.push(closed(&order, status, reason, cancel_id));
        self.after_end(&order, status, reason, cancel_id, events);
        Some(order)
    }

    fn cancel_of_no_order(&self, cancel: &CancelOrder) -> Outcome {
        match cancel.order_id {
            Some(order_id) if self.bug(Planted::CancelAckForDeadOrder) => Ok(vec![Event::OrderClosed(OrderClosed {
                order_id,
                account: cancel.account,
                market: cancel.market,
                status: CloseStatus::Canceled,
                reason: CloseReason::User,
                left: Qty(0),
                client_order_id: cancel.client_order_id,
                cancel_id: cancel.new_client_order_id,
            })]),
            _ => Err(RejectCode::OrderUnknown),
        }
    }

    pub(super) fn cancel_all(&mut self, account: AccountId, market: MarketId, by_exchange: bool) -> Outcome {
        self.account(account)?;
        let own = self.market(market)?.orders.iter().filter(|order| order.accepted.account == account);
        let mut own: Vec<OrderId> = own.map(Order::id).collect();
        own.sort();
        if self.bug(Planted::CancelAllBackwards) {
            own.reverse();
        }
        if own.is_empty() {
            return Err(RejectCode::OrderUnknown);
        }
        let (status, reason) = match by_exchange && !self.bug(Planted::ExchangeCancelsAsUser) {
            true => (CloseStatus::Expired, CloseReason::Exchange),
            false => (CloseStatus::Canceled, CloseReason::User),
        };
        let mut events = Vec::new();
        for id in own {
            self.end_open(market, id, status, reason, ClientOrderId::EMPTY, &mut events);
        }
        Ok(events)
    }

    pub(super) fn cancel_list(&mut self, cancel: &CancelList) -> Outcome {
        self.account(cancel.account)?;
        self.market(cancel.market)?;
        if cancel.list_id.is_none() && cancel.client_list_id.is_empty() {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        let is_meant = |list: &&List| {
            (list.account, list.market) == (cancel.account, cancel.market)
                && cancel.list_id.is_none_or(|id| id == list.id)
                && (cancel.client_list_id.is_empty() || cancel.client_list_id == list.client_list_id)
        };
        let list = self.lists.values().find(is_meant).cloned().ok_or(RejectCode::ListUnknown)?;
        let (status, reason) = (CloseStatus::Canceled, CloseReason::User);
        let mut events = Vec::new();
        // The first one takes the others with it.
        for id in list.orders {
            self.end_open(list.market, id, status, reason, cancel.new_client_order_id, &mut events);
        }
        Ok(events)
    }

    pub(super) fn cancel_replace(&mut self, replace: &CancelReplace) -> Outcome {
        let (cancel, order) = (&replace.cancel, &replace.order);
        self.account(order.account)?;
        self.market(order.market)?;
        if (cancel.account, cancel.market) != (order.account, order.market) {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        if !self.has(order.market, Feature::CancelReplace) {
            return Err(RejectCode::CancelReplaceNotSupported);
        }
        let mut pegged = self.check_alone(order);
        let is_late = self.bug(Planted::ReplaceIsCountedLate);
        if !is_late || pegged != Err(RejectCode::MaxNumOrdersReached) {
            pegged?;
        }
        let mut events = Vec::new();
        let first = match self.check_cancel(cancel) {
            Ok(id) => {
                events = self.canceled(cancel, id);
                if !self.bug(Planted::ReplaceIsJudgedOnce) {
                    pegged = self.check_alone(order);
                }
                Half::Done
            }
            Err(code) if replace.mode == ReplaceMode::StopOnFailure || self.bug(Planted::ReplaceStopsAlways) => {
                let (cancel, order) = (Half::Failed(code), Half::NotAttempted);
                return Ok(vec![Event::CancelReplaced { cancel, order }]);
            }
            Err(code) => Half::Failed(code),
        };
        let second = match pegged.and_then(|pegged| self.place_judged(order, pegged, &mut events)) {
            Ok(()) => Half::Done,
            Err(code) => Half::Failed(code),
        };
        events.insert(0, Event::CancelReplaced { cancel: first, order: second });
        Ok(events)
    }
}
