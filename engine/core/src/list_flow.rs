//! What happens to a list when something happens to one of its orders.

use crate::broken::Broken;
use crate::event::Event;
use crate::floor::{End, Floor};
use crate::lists::{OrderList, Release};
use crate::types::{CloseReason, ListId, OrderId};

/// How the other open orders of a list end when one of them ends without being filled.
fn end_of_others(list: &OrderList, ended: OrderId, end: End) -> End {
    match end.reason {
        CloseReason::User | CloseReason::Amended | CloseReason::Exchange => end,
        _ if list.working() == Some(ended) => End::expired(CloseReason::PhaseOneExpired),
        _ => End::expired(CloseReason::OcoTrigger),
    }
}

impl Floor<'_> {
    /// Notes that an order is not open any more.
    fn mark_ended(&mut self, list: ListId, order: OrderId) -> Result<OrderList, Broken> {
        let list = self.lists.get_mut(list).ok_or(Broken::ListIndex)?;
        list.open &= !list.bit(order);
        Ok(*list)
    }

    /// An order of a list has ended without being filled.
    pub(crate) fn list_order_ended(&mut self, list: ListId, order: OrderId, end: End) -> Result<(), Broken> {
        let state = self.mark_ended(list, order)?;
        let others = end_of_others(&state, order, end);
        self.end_list_orders(list, others)
    }

    /// Ends what is open of a list, and with it the list.
    pub(crate) fn end_list_orders(&mut self, list: ListId, end: End) -> Result<(), Broken> {
        let state = *self.lists.get(list).ok_or(Broken::ListIndex)?;
        for order in state.open_orders() {
            self.end_listed(order, end)?;
            self.mark_ended(list, order)?;
        }
        self.close_list_if_done(list)
    }

    /// An order of a list was filled.
    pub(crate) fn list_order_filled(&mut self, list: ListId, order: OrderId) -> Result<(), Broken> {
        let state = self.mark_ended(list, order)?;
        if state.working() == Some(order) {
            self.lists.releases.push_back(Release::List(list));
            return Ok(());
        }
        self.close_list_if_done(list)
    }

    /// A leg of a live pair was filled in part or in full, lost something, or fired: the other one ends.
    pub(crate) fn touch(&mut self, list: ListId, order: OrderId) -> Result<(), Broken> {
        let state = *self.lists.get(list).ok_or(Broken::ListIndex)?;
        let other = state.other_leg(order).filter(|other| state.open & state.bit(*other) != 0);
        let Some(other) = other else { return Ok(()) };
        self.end_listed(other, End::expired(CloseReason::OcoTrigger))?;
        self.mark_ended(list, other).map(|_| ())
    }

    /// A maker of a list was filled in part or in full.
    #[cold]
    pub(crate) fn listed_maker_traded(&mut self, list: ListId, order: OrderId, is_filled: bool) -> Result<(), Broken> {
        self.touch(list, order)?;
        if is_filled { self.list_order_filled(list, order) } else { Ok(()) }
    }

    fn close_list_if_done(&mut self, list: ListId) -> Result<(), Broken> {
        if self.lists.get(list).is_none_or(|state| state.open != 0) {
            return Ok(());
        }
        let state = self.lists.remove(list).ok_or(Broken::ListIndex)?;
        let wallet = self.ledger.wallet_mut(state.account)?;
        wallet.entry(self.market.base)?.unlock(state.proceeds)?;
        let open = wallet.open_entry(state.market)?;
        open.lists = open.lists.checked_sub(1).ok_or(Broken::OpenList)?;
        self.events.push(Event::ListClosed { list, account: state.account, market: state.market });
        Ok(())
    }

    /// Locks what the working order of a list that pays its pending orders received: all of it, or what its fee left.
    pub(crate) fn lock_proceeds(
        &mut self,
        list: ListId,
        order: OrderId,
        received: u128,
        fee: u128,
        pays_fee_from_free: bool,
    ) -> Result<(), Broken> {
        let state = self.lists.get_mut(list).ok_or(Broken::ListIndex)?;
        if !state.kind.pays_pending() || state.working() != Some(order) {
            return Ok(());
        }
        let balance = self.ledger.wallet_mut(state.account)?.entry(self.market.base)?;
        let is_covered = pays_fee_from_free && balance.free.0 >= received;
        let kept = if is_covered { received } else { received.checked_sub(fee).ok_or(Broken::BalanceNegative)? };
        balance.lock(kept)?;
        state.proceeds = state.proceeds.checked_add(kept).ok_or(Broken::BalanceOverflow)?;
        Ok(())
    }
}
