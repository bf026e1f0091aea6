//! The queue of what goes on after a command: orders whose trigger fired, and lists whose working order is filled.

use tandem_core::command::PlaceOrder;
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    CloseReason, CloseStatus, ListId, MarketId, OrderId, OrderState, Price, RELEASES_MAX, ReleaseCause, Terms,
};

use super::judge::Judging;
use super::lists::{as_placed, released};
use super::{Model, Order};
use crate::planted::Planted;
use tandem_core::types::ClientOrderId;

/// One entry of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Release {
    /// An order whose trigger fired.
    Fired(MarketId, OrderId),
    /// A list whose working order is filled.
    Activation(ListId),
}

impl Model {
    /// Takes from the front until the queue is empty or as many were taken as one command may.
    pub(super) fn run_releases(&mut self, events: &mut Vec<Event>) {
        let max = if self.bug(Planted::ReleasesHaveNoBound) { usize::MAX } else { RELEASES_MAX };
        let mut taken = 0;
        while let Some(release) = self.releases.front().copied() {
            let is_open = match release {
                Release::Fired(market, id) => self.open(market, id).is_some(),
                Release::Activation(id) => self.lists.contains_key(&id),
            };
            if is_open && taken == max {
                return;
            }
            self.releases.pop_front();
            match release {
                Release::Fired(market, id) if is_open => self.release(market, id, events),
                Release::Activation(id) if is_open => self.activate(id, events),
                Release::Fired(..) | Release::Activation(_) => {}
            }
            taken += usize::from(is_open);
        }
    }

    /// How many entries are in the queue, dead ones included.
    pub fn releases_left(&self) -> usize {
        self.releases.len()
    }

    /// A fired order works from now on, or ends.
    fn release(&mut self, market: MarketId, id: OrderId, events: &mut Vec<Event>) {
        let before = self.open(market, id).cloned();
        let ends_other = !self.bug(Planted::FiredKeepsOtherLeg);
        before.into_iter().filter(|_| ends_other).for_each(|order| self.after_touch(&order, events));
        let Some(order) = self.remove(market, id) else { return };
        let asked = as_working(&order);
        let stays = self.bug(Planted::ReleasedCountsTwice);
        self.market_mut(market).orders.extend(stays.then(|| order.clone()));
        let judged = self.check_release(&asked);
        self.market_mut(market).orders.retain(|open| open.id() != id);
        let Ok(pegged) = judged else {
            let (status, reason) = (CloseStatus::Expired, CloseReason::Rejected);
            events.push(super::closed(&order, status, reason, ClientOrderId::EMPTY));
            self.after_end(&order, status, reason, ClientOrderId::EMPTY, events);
            return;
        };
        let order = Order { state: OrderState::Working, pegged, ..order };
        events.push(released(&order, ReleaseCause::Triggered));
        self.work(order, events);
    }

    fn check_release(&self, order: &PlaceOrder) -> Result<u64, RejectCode> {
        let state = OrderState::Working;
        let pegged = match self.check_a(order, Judging { state, is_unsized: false, is_counted: false }) {
            Err(_) if self.bug(Planted::ReleaseIsNotJudged) => 0,
            pegged => pegged?,
        };
        self.check_b(order, pegged, state, false)?;
        Ok(pegged)
    }
}

/// A fired order as what it works as.
fn as_working(order: &Order) -> PlaceOrder {
    let terms = Terms { stop_price: Price(0), trailing_delta: 0, ..order.terms };
    let placed = as_placed(order);
    let has_terms = terms != Terms::default();
    PlaceOrder { kind: placed.kind.works_as(), terms: has_terms.then(|| Box::new(terms)), ..placed }
}
