//! CancelOrder, CancelAll and CancelList.

use crate::command::{CancelList, CancelOrder};
use crate::core::{Core, Stop};
use crate::event::Event;
use crate::floor::End;
use crate::orders::{Orders, Place};
use crate::reject::RejectCode;
use crate::types::{AccountId, CancelRestriction, ClientOrderId, CloseReason, ListId, MarketId, OrderId};

impl Core {
    pub(crate) fn cancel_order(&mut self, cancel: &CancelOrder, events: &mut Vec<Event>) -> Result<(), Stop> {
        let place = self.judge_cancel(cancel)?;
        self.floor(cancel.market, events)?.end_order(place, End::canceled(cancel.new_client_order_id))?;
        Ok(())
    }

    /// The order that a cancel ends.
    pub(crate) fn judge_cancel(&self, cancel: &CancelOrder) -> Result<Place, RejectCode> {
        let place = self.find_open(cancel.account, cancel.market, cancel.order_id, &cancel.client_order_id)?;
        let Some(restriction) = cancel.restriction else { return Ok(place) };
        let is_filled = is_filled_in_part(&self.known_market(cancel.market)?.orders, place);
        match restriction {
            CancelRestriction::OnlyNew if is_filled => Err(RejectCode::CancelRestricted),
            CancelRestriction::OnlyPartiallyFilled if !is_filled => Err(RejectCode::CancelRestricted),
            _ => Ok(place),
        }
    }

    /// The open order of an account with this id, this client order id, or both.
    pub(crate) fn find_open(
        &self,
        account: AccountId,
        market: MarketId,
        order: Option<OrderId>,
        client: &ClientOrderId,
    ) -> Result<Place, RejectCode> {
        self.known_account(account)?;
        let orders = &self.known_market(market)?.orders;
        let place = match order {
            Some(id) => orders.find(id),
            None if client.is_empty() => return Err(RejectCode::OrderFieldsInvalid),
            None => orders.find_client(account, client),
        };
        let place = place.ok_or(RejectCode::OrderUnknown)?;
        // Found by its client order id it is the account's own.
        let is_it = order.is_none() || orders.is_named(place, account, client);
        if is_it { Ok(place) } else { Err(RejectCode::OrderUnknown) }
    }

    pub(crate) fn cancel_all(
        &mut self,
        account: AccountId,
        market: MarketId,
        by_exchange: bool,
        events: &mut Vec<Event>,
    ) -> Result<(), Stop> {
        self.known_account(account)?;
        self.known_market(market)?;
        let first = |core: &Self| core.ledger.wallet(account)?.open_list(market)?.first();
        if first(self).is_none() {
            return Err(RejectCode::OrderUnknown.into());
        }
        let end = if by_exchange { End::expired(CloseReason::Exchange) } else { End::canceled(ClientOrderId::EMPTY) };
        // Whatever ends with an order of a list is gone when the next first one is asked for.
        while let Some(place) = first(self) {
            self.floor(market, events)?.end_order(place, end)?;
        }
        Ok(())
    }

    pub(crate) fn cancel_list(&mut self, cancel: &CancelList, events: &mut Vec<Event>) -> Result<(), Stop> {
        self.known_account(cancel.account)?;
        self.known_market(cancel.market)?;
        let list = self.find_list(cancel)?;
        let mut floor = self.floor(cancel.market, events)?;
        floor.end_list_orders(list, End::canceled(cancel.new_client_order_id))?;
        Ok(())
    }

    fn find_list(&self, cancel: &CancelList) -> Result<ListId, RejectCode> {
        let client = &cancel.client_list_id;
        let id = match cancel.list_id {
            Some(id) => id,
            None if client.is_empty() => return Err(RejectCode::OrderFieldsInvalid),
            None => self.lists.find_client(cancel.account, client).ok_or(RejectCode::ListUnknown)?,
        };
        let list = self.lists.get(id).ok_or(RejectCode::ListUnknown)?;
        let is_it = list.account == cancel.account
            && list.market == cancel.market
            && (client.is_empty() || list.client_list_id == *client);
        if is_it { Ok(id) } else { Err(RejectCode::ListUnknown) }
    }
}

/// Whether something of an open order was traded.
fn is_filled_in_part(orders: &Orders, place: Place) -> bool {
    let resting = place.handle().and_then(|handle| orders.get(handle));
    resting.is_some_and(|order| order.filled_quote.get() > 0)
}
