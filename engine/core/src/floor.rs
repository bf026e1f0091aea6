//! What one step of trading in one market may change, and the steps that everything shares: locks, events, ends.

use crate::book::{Handle, Lots, Maker, Ticks};
use crate::broken::Broken;
use crate::core::Core;
use crate::event::{Event, OrderClosed};
use crate::exchange::Exchange;
use crate::ledger::Ledger;
use crate::lists::Lists;
use crate::market::Market;
use crate::orders::{NO_EXTRA, Place};
use crate::types::{AccountId, AssetId, ClientOrderId, CloseReason, CloseStatus, MarketId, OrderId, Qty, Side, TimeUs};
use crate::view::Account;

/// One market and everything around it. Made for a step and dropped again.
pub(crate) struct Floor<'a> {
    pub(crate) market: &'a mut Market,
    /// Markets with lower ids.
    before: &'a [Market],
    /// Markets with higher ids.
    after: &'a [Market],
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) accounts: &'a [Account],
    pub(crate) lists: &'a mut Lists,
    pub(crate) exchange: &'a Exchange,
    pub(crate) events: &'a mut Vec<Event>,
    pub(crate) time: TimeUs,
}

/// How an order ends without being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: CloseStatus,
    pub(crate) reason: CloseReason,
    pub(crate) cancel_id: ClientOrderId,
}

impl End {
    pub(crate) const fn expired(reason: CloseReason) -> Self {
        Self { status: CloseStatus::Expired, reason, cancel_id: ClientOrderId::EMPTY }
    }

    pub(crate) const fn canceled(cancel_id: ClientOrderId) -> Self {
        Self { status: CloseStatus::Canceled, reason: CloseReason::User, cancel_id }
    }

    /// By self-trade prevention.
    pub(crate) const fn prevented() -> Self {
        let (status, reason) = (CloseStatus::ExpiredInMatch, CloseReason::SelfTrade);
        Self { status, reason, cancel_id: ClientOrderId::EMPTY }
    }
}

/// Who closes, for an `OrderClosed`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) client_order_id: ClientOrderId,
}

impl Core {
    #[inline(always)]
    pub(crate) fn floor<'a>(&'a mut self, market: MarketId, events: &'a mut Vec<Event>) -> Result<Floor<'a>, Broken> {
        let at = market.0 as usize;
        let (before, rest) = self.markets.split_at_mut_checked(at).ok_or(Broken::IdUnknown)?;
        let (market, after) = rest.split_first_mut().ok_or(Broken::IdUnknown)?;
        Ok(Floor {
            market,
            before,
            after,
            ledger: &mut self.ledger,
            accounts: &self.accounts,
            lists: &mut self.lists,
            exchange: &self.exchange,
            events,
            time: self.time,
        })
    }
}

impl Floor<'_> {
    /// Any market, this one too.
    pub(crate) fn market_at(&self, id: MarketId) -> Option<&Market> {
        let at = id.0 as usize;
        let here = self.before.len();
        match at.checked_sub(here) {
            None => self.before.get(at),
            Some(0) => Some(self.market),
            Some(behind) => self.after.get(behind.checked_sub(1)?),
        }
    }

    /// What an order in the book locks: which asset, and how much of it.
    #[inline(always)]
    pub(crate) fn locked_for(&self, side: Side, ticks: Ticks, lots: Lots) -> (AssetId, u128) {
        match side {
            Side::Buy => (self.market.quote, self.market.quote_amount(ticks, lots)),
            Side::Sell => (self.market.base, u128::from(self.market.qty(lots).0)),
        }
    }

    /// What an order outside the book locks.
    pub(crate) fn waiting_asset(&self, side: Side) -> AssetId {
        match side {
            Side::Buy => self.market.quote,
            Side::Sell => self.market.base,
        }
    }

    #[inline]
    pub(crate) fn say_closed(&mut self, who: Closing, left: Qty, end: End) {
        self.events.push(Event::OrderClosed(OrderClosed {
            order_id: who.id,
            account: who.account,
            market: self.market.id,
            status: end.status,
            reason: end.reason,
            left,
            client_order_id: who.client_order_id,
            cancel_id: end.cancel_id,
        }));
    }

    /// Takes an order out of the book, releases its lock and says so. `left` is what the event names as still open.
    #[inline]
    pub(crate) fn close_maker(&mut self, maker: Maker, left: Lots, end: End) -> Result<(), Broken> {
        let hidden = self.market.orders.hidden(maker.handle);
        let whole = maker.lots.checked_add(hidden).ok_or(Broken::OrderQuantity)?;
        let (asset, amount) = self.locked_for(maker.side, maker.ticks, whole);
        let account = AccountId(maker.owner);
        let wallet = self.ledger.wallet_mut(account)?;
        wallet.entry(asset)?.unlock(amount)?;
        let orders = &mut self.market.orders;
        let client_order_id = orders.get(maker.handle).ok_or(Broken::OrderIndex)?.client_order_id;
        orders.book.remove(maker.handle).ok_or(Broken::BookLinks)?;
        let list = wallet.open_entry(self.market.id)?;
        orders.forget(maker.handle, OrderId(maker.id), account, list).ok_or(Broken::OrderIndex)?;
        let who = Closing { id: OrderId(maker.id), account, client_order_id };
        self.say_closed(who, self.market.qty(left), end);
        Ok(())
    }

    /// Takes an order out of the table of waiting orders, releases its lock and says so.
    pub(crate) fn close_waiting(&mut self, at: u32, end: End) -> Result<(), Broken> {
        let order = *self.market.orders.waiting.get(at).ok_or(Broken::OrderIndex)?;
        let asset = self.waiting_asset(order.side);
        let wallet = self.ledger.wallet_mut(order.owner)?;
        wallet.entry(asset)?.unlock(order.locked)?;
        let list = wallet.open_entry(self.market.id)?;
        self.market.orders.forget_waiting(at, list).ok_or(Broken::OrderIndex)?;
        let who = Closing { id: order.id, account: order.owner, client_order_id: order.client_order_id };
        self.say_closed(who, self.market.qty(order.lots), end);
        Ok(())
    }

    /// What is left of an order in the book, with what it does not show.
    pub(crate) fn whole_left(&self, maker: &Maker) -> Result<Lots, Broken> {
        maker.lots.checked_add(self.market.orders.hidden(maker.handle)).ok_or(Broken::OrderQuantity)
    }

    pub(crate) fn maker_at(&self, handle: Handle) -> Result<Maker, Broken> {
        self.market.orders.book.get(handle).ok_or(Broken::OrderIndex)
    }

    /// Ends one open order, wherever it is, and nothing of its list.
    fn close_alone(&mut self, place: Place, end: End) -> Result<(), Broken> {
        match place {
            Place::Waiting(at) => self.close_waiting(at, end),
            Place::Book(handle) => {
                let maker = self.maker_at(handle)?;
                self.close_maker(maker, self.whole_left(&maker)?, end)
            }
        }
    }

    /// Ends an open order, and what that means for its list.
    #[inline]
    pub(crate) fn end_order(&mut self, place: Place, end: End) -> Result<(), Broken> {
        if let Place::Book(handle) = place
            && self.market.orders.get(handle).is_some_and(|order| order.extra == NO_EXTRA)
        {
            let maker = self.maker_at(handle)?;
            return self.close_maker(maker, maker.lots, end);
        }
        self.end_special_order(place, end)
    }

    #[cold]
    fn end_special_order(&mut self, place: Place, end: End) -> Result<(), Broken> {
        let list = self.market.orders.list_of(place);
        let (id, ..) = self.market.orders.names(place).ok_or(Broken::OrderIndex)?;
        self.close_alone(place, end)?;
        match list {
            None => Ok(()),
            Some(list) => self.list_order_ended(list, id, end),
        }
    }

    /// Ends an order of a list, whose other orders are the caller's business.
    pub(crate) fn end_listed(&mut self, id: OrderId, end: End) -> Result<(), Broken> {
        let place = self.market.orders.find(id).ok_or(Broken::OrderIndex)?;
        self.close_alone(place, end)
    }
}
