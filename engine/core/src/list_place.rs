//! PlaceList: how a list comes in.

use crate::broken::Broken;
use crate::checks::Ready;
use crate::command::{PlaceList, PlaceOrder};
use crate::core::{Core, Stop};
use crate::event::{Event, ListAccepted};
use crate::lists::OrderList;
use crate::matching::Incoming;
use crate::place::{accepted, waiting_of};
use crate::types::{ListId, OrderId, OrderState};
use crate::waiting::Stage;

/// One order of a list on its way in.
struct Member<'a> {
    order: &'a PlaceOrder,
    ready: &'a Ready,
    id: OrderId,
    stage: Stage,
}

impl Core {
    pub(crate) fn place_list(&mut self, list: &PlaceList, events: &mut Vec<Event>) -> Result<(), Stop> {
        let ready = self.judge_list(list)?;
        let id = ListId(self.lists.next);
        self.lists.next = id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        let mut members = Vec::with_capacity(list.orders.len());
        for (at, (order, ready)) in list.orders.iter().zip(&ready).enumerate() {
            let stage = if list.kind.has_working() && at > 0 {
                Stage::Pending
            } else if order.kind.is_contingent() {
                Stage::Waiting
            } else {
                Stage::Working
            };
            members.push(Member { order, ready, id: self.next_order_id()?, stage });
        }
        self.say_list(list, id, &members, events)?;
        self.keep_list(list, id, &members)?;
        self.start_members(id, list, &members, events)?;
        Ok(())
    }

    fn say_list(
        &self,
        list: &PlaceList,
        id: ListId,
        members: &[Member<'_>],
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let market = self.markets.get(list.market.0 as usize).ok_or(Broken::IdUnknown)?;
        events.push(Event::ListAccepted(ListAccepted {
            list: id,
            account: list.account,
            market: list.market,
            kind: list.kind,
            client_list_id: list.client_list_id,
            orders: members.iter().map(|member| member.id).collect(),
        }));
        for member in members {
            let (order, state): (_, OrderState) = (member.order, member.stage.state());
            let event = accepted(order, member.id, member.ready, market, Some(id), state);
            events.push(Event::OrderAccepted(event));
        }
        Ok(())
    }

    fn keep_list(&mut self, list: &PlaceList, id: ListId, members: &[Member<'_>]) -> Result<(), Broken> {
        let first = members.first().ok_or(Broken::ListIndex)?.id;
        let mut kept = OrderList {
            id,
            account: list.account,
            market: list.market,
            kind: list.kind,
            client_list_id: list.client_list_id,
            first,
            open: 0,
            proceeds: 0,
            accepted_at: self.time.0,
        };
        kept.open = members.iter().fold(0, |open, member| open | kept.bit(member.id));
        self.lists.insert(kept).ok_or(Broken::ListIndex)?;
        let open = self.ledger.wallet_mut(list.account)?.open_entry(list.market)?;
        open.lists = open.lists.checked_add(1).ok_or(Broken::CounterExhausted)?;
        Ok(())
    }

    /// All orders take their seats; trailing begins, funds are locked; then the ones that work do.
    fn start_members(
        &mut self,
        id: ListId,
        list: &PlaceList,
        members: &[Member<'_>],
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let now = self.time.0;
        let mut floor = self.floor(list.market, events)?;
        let mut seats = Vec::with_capacity(members.len());
        for member in members {
            let waiting = waiting_of(member.order, member.id, member.ready, Some(id), member.stage, now);
            seats.push(floor.add_waiting(waiting)?);
        }
        for seat in &seats {
            floor.follow_at_once(*seat)?;
        }
        for (seat, member) in seats.iter().zip(members) {
            floor.lock_waiting(*seat, member.ready.lock)?;
        }
        for (seat, member) in seats.iter().zip(members) {
            if member.stage == Stage::Working {
                let (order, ready) = (member.order, member.ready);
                let incoming = Incoming { order, id: member.id, ready, seat: Some(*seat), list: Some(id) };
                self.work(&incoming, events)?;
            }
        }
        Ok(())
    }
}
