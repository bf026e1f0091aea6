//! Lists: how they are placed, what the fate of one order means for the others, and how pending orders are activated.

use tandem_core::command::{PlaceList, PlaceOrder};
use tandem_core::event::{Event, ListAccepted, OrderReleased};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AssetId, ClientOrderId, CloseReason, CloseStatus, Feature, ListId, ListKind, MarketId, OrderId, OrderKind,
    OrderState, Price, Qty, ReleaseCause, Side,
};

use super::judge::{Counts, Judging, first_state, terms};
use super::plan::Plan;
use super::releases::Release;
use super::{List, Model, Order, Outcome, closed};
use crate::planted::Planted;

/// Where each order of a list starts.
fn start_of(list: &PlaceList, index: usize) -> OrderState {
    match (list.kind.has_working(), index) {
        (true, 0) => OrderState::Working,
        (true, _) => OrderState::Pending,
        (false, _) => first_state(list.orders[index].kind),
    }
}

/// The pair of a list as it comes in; none: it has none.
fn pair(list: &PlaceList) -> Option<(&PlaceOrder, &PlaceOrder)> {
    match list.orders.as_slice() {
        [.., first, second] if list.kind.has_pair() => Some((first, second)),
        _ => None,
    }
}

impl Model {
    /// What is wrong with a list, or the pegged prices of its orders.
    ///
    /// # Errors
    /// The reject.
    pub fn check_list(&self, list: &PlaceList) -> Result<Vec<u64>, RejectCode> {
        self.check_party(list.account, list.market)?;
        for feature in features(list.kind) {
            if !self.has(list.market, *feature) {
                return Err(RejectCode::ListKindNotSupported);
            }
        }
        check_legs(list)?;
        let mut pegged = Vec::new();
        for (index, order) in list.orders.iter().enumerate() {
            let is_unsized = list.kind.pays_pending() && index > 0;
            pegged.push(self.check_a(order, Judging { state: start_of(list, index), is_unsized, is_counted: false })?);
        }
        let count = |what: &dyn Fn(&PlaceOrder) -> bool| list.orders.iter().filter(|order| what(order)).count() as u64;
        let counts = Counts {
            orders: list.orders.len() as u64,
            contingent: count(&|order| order.kind.is_contingent()),
            icebergs: count(&|order| terms(order).iceberg_qty.0 > 0),
            lists: 1,
        };
        self.check_counts(list.account, list.market, counts)?;
        let is_same = |open: &List| open.account == list.account && open.client_list_id == list.client_list_id;
        if !list.client_list_id.is_empty() && self.lists.values().any(is_same) {
            return Err(RejectCode::ClientListIdInUse);
        }
        for order in &list.orders {
            self.check_client_id(order)?;
        }
        if list.kind == ListKind::Oco {
            self.check_pair_prices(&list.orders[0], &list.orders[1], pegged[1])?;
        }
        for (index, order) in list.orders.iter().enumerate() {
            if start_of(list, index) == OrderState::Working && self.would_take(order, pegged[index]) {
                return Err(RejectCode::WouldTake);
            }
        }
        self.check_list_funds(list, &pegged)?;
        Ok(pegged)
    }

    /// The stop-loss leg and the other one are on their sides of the last price.
    fn check_pair_prices(&self, first: &PlaceOrder, second: &PlaceOrder, pegged: u64) -> Result<(), RejectCode> {
        let of_second = match second.kind {
            OrderKind::LimitMaker if pegged > 0 => pegged,
            OrderKind::LimitMaker => second.price.0,
            _ => terms(second).stop_price.0,
        };
        let last = self.last_price(first.market).map_or(0, |last| last.0);
        // From the lowest to the highest; 0 is left out.
        let mut line = [terms(first).stop_price.0, last, of_second];
        if first.side == Side::Buy {
            line.reverse();
        }
        let line: Vec<u64> = line.into_iter().filter(|price| *price > 0).collect();
        if line.windows(2).all(|two| two[0] < two[1]) || self.bug(Planted::PairPricesUnordered) {
            Ok(())
        } else {
            Err(RejectCode::ListPricesInvalid)
        }
    }

    /// What the pair needs: one of its orders at most is filled.
    fn pair_need(
        &self,
        first: &PlaceOrder,
        second: &PlaceOrder,
        second_pegged: Option<u64>,
    ) -> Result<(AssetId, i128), RejectCode> {
        let one = self.need_of(first)?;
        let other = match second_pegged {
            Some(pegged) if second.kind == OrderKind::LimitMaker => self.gives_now(second, pegged, &Plan::default()),
            _ => self.need_of(second)?,
        };
        if self.bug(Planted::PairFundsTwice) {
            return Ok((one.0, one.1.saturating_add(other.1)));
        }
        Ok((one.0, one.1.max(other.1)))
    }

    fn check_list_funds(&self, list: &PlaceList, pegged: &[u64]) -> Result<(), RejectCode> {
        let mut needs = Vec::new();
        if list.kind.has_working() {
            needs.push(self.gives_now(&list.orders[0], pegged[0], &Plan::default()));
        }
        match (list.kind, pair(list)) {
            (ListKind::Opo | ListKind::Opoco, _) => {}
            (ListKind::Oco, Some((first, second))) => needs.push(self.pair_need(first, second, Some(pegged[1]))?),
            (_, Some((first, second))) => needs.push(self.pair_need(first, second, None)?),
            (_, None) => needs.push(self.need_of(&list.orders[1])?),
        }
        for (asset, _) in &needs {
            let in_it = needs.iter().filter(|(other, _)| other == asset);
            let needed = in_it.fold(0_i128, |sum, (_, need)| sum.saturating_add(*need));
            if self.balance(list.account, *asset).free < needed {
                return Err(RejectCode::BalanceInsufficient);
            }
        }
        Ok(())
    }

    pub(super) fn place_list(&mut self, list: &PlaceList) -> Outcome {
        let pegged = self.check_list(list)?;
        let id = ListId(self.next_list);
        self.next_list += 1;
        let mut orders = Vec::new();
        for (index, order) in list.orders.iter().enumerate() {
            orders.push(self.new_order(order, order.qty.0, pegged[index], start_of(list, index), Some(id)));
        }
        let ids: Vec<OrderId> = orders.iter().map(Order::id).collect();
        let accepted = ListAccepted {
            list: id,
            account: list.account,
            market: list.market,
            kind: list.kind,
            client_list_id: list.client_list_id,
            orders: ids.clone(),
        };
        let mut events = vec![Event::ListAccepted(accepted)];
        events.extend(orders.iter().map(|order| Event::OrderAccepted(order.told())));
        self.lists.insert(
            id,
            List {
                id,
                account: list.account,
                market: list.market,
                kind: list.kind,
                client_list_id: list.client_list_id,
                orders: ids.clone(),
                accepted_at: self.time,
                proceeds: 0,
            },
        );
        let (works, waits): (Vec<Order>, Vec<Order>) = orders.into_iter().partition(Order::is_working);
        self.market_mut(list.market).orders.extend(waits);
        for id in &ids {
            self.begin_to_follow(list.market, *id, &mut events);
        }
        for order in works {
            if list.kind == ListKind::Oco { self.rest(order) } else { self.work_after_locks(order, &ids, &mut events) }
        }
        self.relock_all(list.market, &ids);
        Ok(events)
    }

    fn work_after_locks(&mut self, order: Order, list: &[OrderId], events: &mut Vec<Event>) {
        self.relock_all(order.accepted.market, list);
        self.work(order, events);
    }

    fn relock_all(&mut self, market: MarketId, ids: &[OrderId]) {
        for id in ids {
            self.relock(market, *id);
        }
    }

    /// What the end of an order, which is not open any more, means for its list.
    pub(super) fn after_end(
        &mut self,
        order: &Order,
        status: CloseStatus,
        reason: CloseReason,
        cancel_id: ClientOrderId,
        events: &mut Vec<Event>,
    ) {
        let Some(list) = order.list.and_then(|id| self.lists.get(&id)).cloned() else { return };
        let partner = self.partner(order);
        let is_working_order = list.kind.has_working() && list.orders[0] == order.id();
        let takes_all = matches!(reason, CloseReason::User | CloseReason::Amended | CloseReason::Exchange);
        for id in list.orders.iter().copied().filter(|id| *id != order.id()) {
            let none = ClientOrderId::EMPTY;
            let end = match (takes_all, partner == Some(id), is_working_order) {
                (true, _, _) if self.bug(Planted::CancelLeavesList) => continue,
                (true, _, _) => (status, reason, cancel_id),
                (false, true, _) => (CloseStatus::Expired, CloseReason::OcoTrigger, none),
                (false, false, true) if self.bug(Planted::PendingSurvives) => continue,
                (false, false, true) => (CloseStatus::Expired, CloseReason::PhaseOneExpired, none),
                (false, false, false) => continue,
            };
            if let Some(other) = self.remove(list.market, id) {
                events.push(closed(&other, end.0, end.1, end.2));
            }
        }
        self.close_list_if_over(list.id, events);
    }

    /// The list is over when none of its orders is open.
    fn close_list_if_over(&mut self, id: ListId, events: &mut Vec<Event>) {
        let Some(list) = self.lists.get(&id).cloned() else { return };
        if list.orders.iter().any(|order| self.open(list.market, *order).is_some()) {
            return;
        }
        self.free_proceeds(id);
        self.lists.remove(&id);
        events.push(Event::ListClosed { list: id, account: list.account, market: list.market });
    }

    fn free_proceeds(&mut self, id: ListId) -> i128 {
        let Some(list) = self.lists.get_mut(&id) else { return 0 };
        let proceeds = std::mem::take(&mut list.proceeds);
        let (account, market) = (list.account, list.market);
        self.move_to_locked(account, self.markets[market.0 as usize].base, -proceeds);
        proceeds
    }

    /// A leg of a pair was filled or lost something: the other leg ends.
    pub(super) fn after_touch(&mut self, order: &Order, events: &mut Vec<Event>) {
        let partner = self.partner(order);
        if order.left > 0 && order.is_working() && self.bug(Planted::LegSurvivesPartialFill) {
            return;
        }
        if let Some(other) = partner.and_then(|id| self.remove(order.accepted.market, id)) {
            events.push(closed(&other, CloseStatus::Expired, CloseReason::OcoTrigger, ClientOrderId::EMPTY));
        }
    }

    /// Nothing is left of an order because it was filled: the pending orders' turn, or the end of its list.
    pub(super) fn after_full_fill(&mut self, order: &Order, events: &mut Vec<Event>) {
        let Some(list) = order.list.and_then(|id| self.lists.get(&id)) else { return };
        let id = list.id;
        if list.kind.has_working() && list.orders[0] == order.id() {
            self.releases.push_back(Release::Activation(id));
        } else {
            self.close_list_if_over(id, events);
        }
    }

    /// The pending orders of a list whose working order is filled.
    pub(super) fn activate(&mut self, id: ListId, events: &mut Vec<Event>) {
        let Some(list) = self.lists.get(&id).cloned() else { return };
        let ids = list.orders[1..].to_vec();
        let mut orders: Vec<Order> = ids.iter().filter_map(|id| self.remove(list.market, *id)).collect();
        let proceeds = self.free_proceeds(id);
        let mut asked: Vec<PlaceOrder> = orders.iter().map(as_placed).collect();
        if list.kind.pays_pending() {
            let qty = self.qty_of_proceeds(&list, &asked, proceeds);
            asked.iter_mut().for_each(|order| order.qty = qty);
        }
        let Ok(pegged) = self.check_activation(&asked) else {
            for order in &orders {
                events.push(closed(order, CloseStatus::Expired, CloseReason::Rejected, ClientOrderId::EMPTY));
            }
            self.close_list_if_over(id, events);
            return;
        };
        for (order, (asked, pegged)) in orders.iter_mut().zip(asked.iter().zip(&pegged)) {
            order.state = first_state(asked.kind);
            (order.accepted.qty, order.left, order.pegged) = (asked.qty, asked.qty.0, *pegged);
            order.updated_at = self.time;
            let stop = terms(asked).stop_price.0;
            order.need_price = self.need_price(list.market, asked.price.0, stop).unwrap_or(0);
        }
        for order in orders {
            events.push(released(&order, ReleaseCause::Activated));
            let id = order.id();
            if !order.is_working() {
                self.market_mut(list.market).orders.push(order);
                self.begin_to_follow(list.market, id, events);
                self.relock(list.market, id);
            } else if list.kind.has_pair() {
                self.rest(order);
            } else {
                self.work(order, events);
            }
        }
        self.relock_all(list.market, &ids);
    }

    /// What the proceeds come to in whole lots.
    fn qty_of_proceeds(&self, list: &List, pending: &[PlaceOrder], proceeds: i128) -> Qty {
        let rules = &self.markets[list.market.0 as usize].rules;
        let mut qty = proceeds as u64;
        qty -= if self.bug(Planted::ProceedsInDust) { 0 } else { qty % rules.lot_size.0 };
        let has_market = pending.iter().any(|order| order.kind.works_as() == OrderKind::Market);
        if has_market && rules.market_lot_size.0 > 0 && !self.bug(Planted::MarketLotForgotten) {
            qty -= qty % rules.market_lot_size.0;
        }
        Qty(qty)
    }

    /// All pending orders of a list as if they were placed now; gives their pegged prices.
    fn check_activation(&self, orders: &[PlaceOrder]) -> Result<Vec<u64>, RejectCode> {
        let mut pegged = Vec::new();
        for order in orders {
            let state = first_state(order.kind);
            pegged.push(self.check_a(order, Judging { state, is_unsized: false, is_counted: false })?);
        }
        match orders {
            [first, second] => {
                self.check_pair_prices(first, second, pegged[1])?;
                if self.would_take(second, pegged[1]) {
                    return Err(RejectCode::WouldTake);
                }
                let (asset, need) = self.pair_need(first, second, Some(pegged[1]))?;
                if self.balance(first.account, asset).free < need {
                    return Err(RejectCode::BalanceInsufficient);
                }
            }
            orders => {
                for (order, pegged) in orders.iter().zip(&pegged) {
                    self.check_b(order, *pegged, first_state(order.kind), false)?;
                }
            }
        }
        Ok(pegged)
    }
}

/// An open order as it would be placed now.
pub(super) fn as_placed(order: &Order) -> PlaceOrder {
    let accepted = &order.accepted;
    let has_terms = order.terms != tandem_core::types::Terms::default();
    PlaceOrder {
        account: accepted.account,
        market: accepted.market,
        side: accepted.side,
        kind: accepted.kind,
        tif: accepted.tif,
        price: accepted.price,
        qty: accepted.qty,
        quote_qty: accepted.quote_qty,
        client_order_id: accepted.client_order_id,
        stp: Some(accepted.stp),
        strategy_id: accepted.strategy_id,
        strategy_type: accepted.strategy_type,
        terms: has_terms.then(|| Box::new(order.terms)),
    }
}

pub(super) fn released(order: &Order, cause: ReleaseCause) -> Event {
    Event::OrderReleased(OrderReleased {
        order_id: order.id(),
        account: order.accepted.account,
        market: order.accepted.market,
        cause,
        state: order.state,
        qty: order.accepted.qty,
        pegged_price: Price(order.pegged),
    })
}

/// What a market must have for a list of this kind.
const fn features(kind: ListKind) -> &'static [Feature] {
    match kind {
        ListKind::Oco => &[Feature::Oco],
        ListKind::Oto => &[Feature::Oto],
        ListKind::Otoco => &[Feature::Oto, Feature::Oco],
        ListKind::Opo => &[Feature::Oto, Feature::Opo],
        ListKind::Opoco => &[Feature::Oto, Feature::Opo, Feature::Oco],
    }
}

/// Check 3: whether these orders make a list of this kind.
fn check_legs(list: &PlaceList) -> Result<(), RejectCode> {
    let count = if matches!(list.kind, ListKind::Otoco | ListKind::Opoco) { 3 } else { 2 };
    let fit = list.orders.len() == count
        && list.orders.iter().all(|order| (order.account, order.market) == (list.account, list.market))
        && !list.orders.iter().any(|order| terms(order).use_sor)
        && is_working_valid(list)
        && are_others_valid(list)
        && are_ids_distinct(&list.orders);
    if fit { Ok(()) } else { Err(RejectCode::ListLegsInvalid) }
}

fn is_working_valid(list: &PlaceList) -> bool {
    let working = &list.orders[0];
    let is_kind = matches!(working.kind, OrderKind::Limit | OrderKind::LimitMaker);
    !list.kind.has_working() || (is_kind && (!list.kind.pays_pending() || working.side == Side::Buy))
}

fn are_others_valid(list: &PlaceList) -> bool {
    let pending = if list.kind.has_working() { &list.orders[1..] } else { &[] };
    let sells = |order: &PlaceOrder| order.side == Side::Sell && order.qty.0 == 0;
    if list.kind.pays_pending() && !pending.iter().all(sells) {
        return false;
    }
    match pair(list) {
        Some((first, second)) => {
            matches!(first.kind, OrderKind::StopLoss | OrderKind::StopLossLimit)
                && matches!(second.kind, OrderKind::LimitMaker | OrderKind::TakeProfit | OrderKind::TakeProfitLimit)
                && first.side == second.side
                && first.qty == second.qty
        }
        None => pending.iter().all(|order| order.kind != OrderKind::Market || order.quote_qty.0 == 0),
    }
}

fn are_ids_distinct(orders: &[PlaceOrder]) -> bool {
    let given: Vec<_> = orders.iter().map(|order| order.client_order_id).filter(|id| !id.is_empty()).collect();
    let distinct: std::collections::BTreeSet<_> = given.iter().collect();
    distinct.len() == given.len()
}
