//! PlaceOrder and the cancels: matching, self-trade prevention, money and resting.
//!
//! A fill moves the maker's money at once; the taker's and the fee account's are summed up and moved when matching has
//! ended. Nothing reads them in between, and the checks made sure that the taker can pay.

use crate::average::minute_of;
use crate::book::{Book, Lots, Maker, Ticks};
use crate::broken::Broken;
use crate::checks::Ready;
use crate::command::{CancelOrder, PlaceOrder};
use crate::core::{Core, Stop};
use crate::event::{Event, OrderAccepted, OrderClosed, SelfTradePrevented, Traded};
use crate::ledger::Ledger;
use crate::market::{Market, fee_rounded_up};
use crate::orders::Resting;
use crate::reject::RejectCode;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, CloseReason, CloseStatus, FEE_ACCOUNT, MarketId, OrderId, OrderKind,
    PreventedMatchId, Qty, SelfTradePrevention, Side, TimeInForce, TimeUs, TradeId,
};
use crate::view::Account;

/// The incoming order while it matches.
struct Taker {
    order_id: OrderId,
    account: AccountId,
    side: Side,
    client_order_id: ClientOrderId,
    mode: SelfTradePrevention,
    /// `None`: any price.
    limit: Option<Ticks>,
    rate: u32,
    left: Lots,
    prevented: Lots,
    filled: Lots,
    /// Price times quantity of its fills.
    filled_quote: u128,
    /// Sum of its own fees, in what it receives.
    fees: u128,
    /// Sum of the makers' fees, in what it gives.
    maker_fees: u128,
    /// Self-trade prevention has ended it.
    is_closed: bool,
}

/// What matching changes, apart from the taker.
struct Floor<'a> {
    market: &'a mut Market,
    ledger: &'a mut Ledger,
    accounts: &'a [Account],
    events: &'a mut Vec<Event>,
    time: TimeUs,
}

impl Core {
    #[inline]
    pub(crate) fn place_order(&mut self, order: &PlaceOrder, events: &mut Vec<Event>) -> Result<(), Stop> {
        let ready = self.judge(order)?;
        let order_id = OrderId(self.next_order);
        self.next_order = self.next_order.checked_add(1).ok_or(Broken::CounterExhausted)?;
        let market = self.markets.get_mut(order.market.0 as usize).ok_or(Broken::IdUnknown)?;
        let account = self.accounts.get(order.account.0 as usize).ok_or(Broken::IdUnknown)?;
        events.push(Event::OrderAccepted(accepted(order, order_id, &ready, market)));
        let mut taker = Taker {
            order_id,
            account: order.account,
            side: order.side,
            client_order_id: order.client_order_id,
            mode: ready.mode,
            limit: if order.kind == OrderKind::Market { None } else { Some(ready.ticks) },
            rate: account.fees.unwrap_or(market.rules.fees).taker.0,
            left: ready.lots,
            prevented: 0,
            filled: 0,
            filled_quote: 0,
            fees: 0,
            maker_fees: 0,
            is_closed: false,
        };
        let mut floor = Floor { market, ledger: &mut self.ledger, accounts: &self.accounts, events, time: self.time };
        if ready.is_unfilled_fok {
            floor.close_taker(&taker, CloseStatus::Expired, CloseReason::UnfilledFok);
            return Ok(());
        }
        floor.match_taker(&mut taker)?;
        if taker.filled > 0 {
            floor.settle_taker(&taker)?;
        }
        if taker.left > 0 && !taker.is_closed {
            floor.end_taker(order, &ready, &taker)?;
        }
        Ok(())
    }

    pub(crate) fn cancel_order(&mut self, cancel: &CancelOrder, events: &mut Vec<Event>) -> Result<(), Stop> {
        self.known_account(cancel.account)?;
        let market = self.known_market(cancel.market)?;
        let (account, client) = (cancel.account, &cancel.client_order_id);
        let handle = match cancel.order_id {
            Some(id) => market.orders.find(id),
            None if client.is_empty() => return Err(RejectCode::OrderFieldsInvalid.into()),
            None => market.orders.find_client(account, client),
        };
        let handle = handle.ok_or(RejectCode::OrderUnknown)?;
        let maker = market.orders.book.get(handle).ok_or(Broken::OrderIndex)?;
        let own_id = market.orders.get(handle).ok_or(Broken::OrderIndex)?.client_order_id;
        if maker.owner != account.0 || (!client.is_empty() && own_id != *client) {
            return Err(RejectCode::OrderUnknown.into());
        }
        self.floor(cancel.market, events)?.cancel(maker, cancel.new_client_order_id)?;
        Ok(())
    }

    pub(crate) fn cancel_all(
        &mut self,
        account: AccountId,
        market: MarketId,
        events: &mut Vec<Event>,
    ) -> Result<(), Stop> {
        self.known_account(account)?;
        self.known_market(market)?;
        let wallet = self.ledger.wallet(account).ok_or(Broken::IdUnknown)?;
        let mut next = wallet.open_list(market).and_then(|list| list.first());
        if next.is_none() {
            return Err(RejectCode::OrderUnknown.into());
        }
        let mut floor = self.floor(market, events)?;
        while let Some(handle) = next {
            let maker = floor.market.orders.book.get(handle).ok_or(Broken::OpenList)?;
            next = floor.market.orders.next_of_account(handle);
            floor.cancel(maker, ClientOrderId::EMPTY)?;
        }
        Ok(())
    }

    fn floor<'a>(&'a mut self, market: MarketId, events: &'a mut Vec<Event>) -> Result<Floor<'a>, Broken> {
        Ok(Floor {
            market: self.markets.get_mut(market.0 as usize).ok_or(Broken::IdUnknown)?,
            ledger: &mut self.ledger,
            accounts: &self.accounts,
            events,
            time: self.time,
        })
    }
}

#[inline]
fn accepted(order: &PlaceOrder, order_id: OrderId, ready: &Ready, market: &Market) -> OrderAccepted {
    OrderAccepted {
        order_id,
        account: order.account,
        market: order.market,
        side: order.side,
        kind: order.kind,
        tif: order.tif,
        price: order.price,
        qty: market.qty(ready.lots),
        quote_qty: order.quote_qty,
        client_order_id: order.client_order_id,
        stp: ready.mode,
        strategy_id: order.strategy_id,
        strategy_type: order.strategy_type,
    }
}

impl Floor<'_> {
    #[inline]
    fn match_taker(&mut self, taker: &mut Taker) -> Result<(), Broken> {
        let maker_side = taker.side.opposite();
        while taker.left > 0 && !taker.is_closed {
            let Some(maker) = self.market.orders.book.best(maker_side) else { break };
            if taker.limit.is_some_and(|limit| !Book::crosses(taker.side, limit, maker.ticks)) {
                break;
            }
            if maker.owner == taker.account.0 && taker.mode != SelfTradePrevention::None {
                self.prevent(taker, maker)?;
            } else {
                self.fill(taker, maker)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn fill(&mut self, taker: &mut Taker, maker: Maker) -> Result<(), Broken> {
        let lots = taker.left.min(maker.lots);
        let qty = self.market.qty(lots);
        let amount = self.market.quote_amount(maker.ticks, lots);
        let base = u128::from(qty.0);
        let owner = AccountId(maker.owner);
        let fees = self.accounts.get(maker.owner as usize).ok_or(Broken::IdUnknown)?.fees;
        let rate = fees.unwrap_or(self.market.rules.fees).maker.0;
        let (gives, gets, given, got) = match maker.side {
            Side::Buy => (self.market.quote, self.market.base, amount, base),
            Side::Sell => (self.market.base, self.market.quote, base, amount),
        };
        let maker_fee = fee_rounded_up(got, rate);
        let taker_fee = fee_rounded_up(given, taker.rate);
        let wallet = self.ledger.wallet_mut(owner)?;
        wallet.entry(gives)?.spend_locked(given)?;
        wallet.entry(gets)?.receive(got.checked_sub(maker_fee).ok_or(Broken::BalanceNegative)?)?;

        let orders = &mut self.market.orders;
        let maker_left = orders.book.reduce(maker.handle, lots).ok_or(Broken::BookLinks)?;
        if maker_left == 0 {
            let list = wallet.open_entry(self.market.id)?;
            orders.forget(maker.handle, OrderId(maker.id), owner, list).ok_or(Broken::OrderIndex)?;
        } else {
            let resting = orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
            resting.filled_quote = resting.filled_quote.checked_add(amount).ok_or(Broken::BalanceOverflow)?;
            resting.updated_at = self.time.0;
        }
        taker.left = taker.left.checked_sub(lots).ok_or(Broken::OrderQuantity)?;
        taker.filled = taker.filled.checked_add(lots).ok_or(Broken::OrderQuantity)?;
        taker.filled_quote = taker.filled_quote.checked_add(amount).ok_or(Broken::BalanceOverflow)?;
        taker.fees = taker.fees.checked_add(taker_fee).ok_or(Broken::BalanceOverflow)?;
        taker.maker_fees = taker.maker_fees.checked_add(maker_fee).ok_or(Broken::BalanceOverflow)?;
        let trade_id = TradeId(self.market.next_trade);
        self.market.next_trade = trade_id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        let price = self.market.price(maker.ticks);
        self.market.last_price = Some(price);
        self.events.push(Event::Traded(Traded {
            market: self.market.id,
            trade_id,
            price,
            qty,
            quote_amount: Amount(amount),
            taker_side: taker.side,
            taker_order: taker.order_id,
            taker_account: taker.account,
            taker_fee: Amount(taker_fee),
            taker_left: self.market.qty(taker.left),
            maker_order: OrderId(maker.id),
            maker_account: owner,
            maker_fee: Amount(maker_fee),
            maker_left: self.market.qty(maker_left),
        }));
        Ok(())
    }

    /// Moves what the fills left to move: the taker's money and all fees.
    #[inline]
    fn settle_taker(&mut self, taker: &Taker) -> Result<(), Broken> {
        let base = u128::from(self.market.qty(taker.filled).0);
        let (gives, gets, given, got) = match taker.side {
            Side::Buy => (self.market.quote, self.market.base, taker.filled_quote, base),
            Side::Sell => (self.market.base, self.market.quote, base, taker.filled_quote),
        };
        let wallet = self.ledger.wallet_mut(taker.account)?;
        wallet.entry(gives)?.spend(given)?;
        wallet.entry(gets)?.receive(got.checked_sub(taker.fees).ok_or(Broken::BalanceNegative)?)?;
        let wallet = self.ledger.wallet_mut(FEE_ACCOUNT)?;
        if taker.fees > 0 {
            wallet.entry(gets)?.receive(taker.fees)?;
        }
        if taker.maker_fees > 0 {
            wallet.entry(gives)?.receive(taker.maker_fees)?;
        }
        self.market.average.add(minute_of(self.time.0), taker.filled_quote, base)
    }

    /// What is left of the incoming order rests or expires.
    #[inline]
    fn end_taker(&mut self, order: &PlaceOrder, ready: &Ready, taker: &Taker) -> Result<(), Broken> {
        match (order.kind, order.tif) {
            (OrderKind::Market, _) => {
                self.close_taker(taker, CloseStatus::Expired, CloseReason::InsufficientLiquidity);
            }
            (_, TimeInForce::Gtc) => self.rest(order, ready, taker)?,
            (_, TimeInForce::Ioc) => {
                self.close_taker(taker, CloseStatus::Expired, CloseReason::UnfilledIoc);
            }
            // The walk before said that all of it would fill.
            (_, TimeInForce::Fok) => return Err(Broken::OrderQuantity),
        }
        Ok(())
    }

    #[inline]
    fn rest(&mut self, order: &PlaceOrder, ready: &Ready, taker: &Taker) -> Result<(), Broken> {
        let (asset, amount) = self.locked_for(taker.side, ready.ticks, taker.left);
        let wallet = self.ledger.wallet_mut(taker.account)?;
        wallet.entry(asset)?.lock(amount)?;
        let orders = &mut self.market.orders;
        let handle = orders
            .book
            .insert(taker.side, ready.ticks, taker.left, taker.order_id.0, taker.account.0)
            .ok_or(Broken::BookLinks)?;
        let resting = Resting {
            filled_quote: taker.filled_quote,
            updated_at: self.time.0,
            prevented: taker.prevented,
            lots: ready.lots,
            accepted_at: self.time.0,
            strategy_id: order.strategy_id.unwrap_or(0),
            strategy_type: order.strategy_type.unwrap_or(0),
            prev: 0,
            next: 0,
            kind: order.kind,
            stp: ready.mode,
            has_strategy_id: order.strategy_id.is_some(),
            has_strategy_type: order.strategy_type.is_some(),
            client_order_id: order.client_order_id,
        };
        let list = wallet.open_entry(self.market.id)?;
        orders.add(handle, taker.order_id, taker.account, list, resting).ok_or(Broken::OrderIndex)
    }

    /// What a resting order of this side locks: which asset, and how much of it.
    #[inline(always)]
    fn locked_for(&self, side: Side, ticks: Ticks, lots: Lots) -> (AssetId, u128) {
        match side {
            Side::Buy => (self.market.quote, self.market.quote_amount(ticks, lots)),
            Side::Sell => (self.market.base, u128::from(self.market.qty(lots).0)),
        }
    }

    /// A match inside one account: nothing is traded, the taker's mode decides who loses what.
    #[cold]
    fn prevent(&mut self, taker: &mut Taker, maker: Maker) -> Result<(), Broken> {
        let overlap = taker.left.min(maker.lots);
        let (taker_loses, maker_loses) = match taker.mode {
            SelfTradePrevention::None => return Err(Broken::OrderQuantity),
            SelfTradePrevention::ExpireTaker => (taker.left, 0),
            SelfTradePrevention::ExpireMaker => (0, maker.lots),
            SelfTradePrevention::ExpireBoth => (taker.left, maker.lots),
            SelfTradePrevention::Decrement => (overlap, overlap),
        };
        taker.left = taker.left.checked_sub(taker_loses).ok_or(Broken::OrderQuantity)?;
        taker.prevented = taker.prevented.checked_add(taker_loses).ok_or(Broken::OrderQuantity)?;
        let maker_left = maker.lots.checked_sub(maker_loses).ok_or(Broken::OrderQuantity)?;
        let id = PreventedMatchId(self.market.next_prevented);
        self.market.next_prevented = id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        self.events.push(Event::SelfTradePrevented(SelfTradePrevented {
            market: self.market.id,
            prevented_match_id: id,
            account: taker.account,
            mode: taker.mode,
            price: self.market.price(maker.ticks),
            taker_order: taker.order_id,
            maker_order: OrderId(maker.id),
            taker_prevented: self.market.qty(taker_loses),
            maker_prevented: self.market.qty(maker_loses),
            taker_left: self.market.qty(taker.left),
            maker_left: self.market.qty(maker_left),
        }));
        if maker_loses > 0 {
            self.decrement_maker(maker, maker_loses)?;
        }
        if taker_loses > 0 && taker.left == 0 {
            taker.is_closed = true;
            self.close_taker(taker, CloseStatus::ExpiredInMatch, CloseReason::SelfTrade);
        }
        Ok(())
    }

    /// Takes prevented lots off a maker; at 0 it is closed.
    fn decrement_maker(&mut self, maker: Maker, lots: Lots) -> Result<(), Broken> {
        let left = maker.lots.checked_sub(lots).ok_or(Broken::OrderQuantity)?;
        if left == 0 {
            return self.close_maker(
                maker,
                0,
                CloseStatus::ExpiredInMatch,
                CloseReason::SelfTrade,
                ClientOrderId::EMPTY,
            );
        }
        let (asset, amount) = self.locked_for(maker.side, maker.ticks, lots);
        self.ledger.wallet_mut(AccountId(maker.owner))?.entry(asset)?.unlock(amount)?;
        let orders = &mut self.market.orders;
        orders.book.reduce(maker.handle, lots).ok_or(Broken::BookLinks)?;
        let resting = orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
        resting.prevented = resting.prevented.checked_add(lots).ok_or(Broken::OrderQuantity)?;
        resting.updated_at = self.time.0;
        Ok(())
    }

    fn cancel(&mut self, maker: Maker, cancel_id: ClientOrderId) -> Result<(), Broken> {
        self.close_maker(maker, maker.lots, CloseStatus::Canceled, CloseReason::User, cancel_id)
    }

    /// Takes an order out of the book, releases its lock and says so. `left` is what the event names as still open.
    fn close_maker(
        &mut self,
        maker: Maker,
        left: Lots,
        status: CloseStatus,
        reason: CloseReason,
        cancel_id: ClientOrderId,
    ) -> Result<(), Broken> {
        let (asset, amount) = self.locked_for(maker.side, maker.ticks, maker.lots);
        let account = AccountId(maker.owner);
        let wallet = self.ledger.wallet_mut(account)?;
        wallet.entry(asset)?.unlock(amount)?;
        let orders = &mut self.market.orders;
        let client_order_id = orders.get(maker.handle).ok_or(Broken::OrderIndex)?.client_order_id;
        orders.book.remove(maker.handle).ok_or(Broken::BookLinks)?;
        let list = wallet.open_entry(self.market.id)?;
        orders.forget(maker.handle, OrderId(maker.id), account, list).ok_or(Broken::OrderIndex)?;
        self.events.push(Event::OrderClosed(OrderClosed {
            order_id: OrderId(maker.id),
            account,
            market: self.market.id,
            status,
            reason,
            left: self.market.qty(left),
            client_order_id,
            cancel_id,
        }));
        Ok(())
    }

    fn close_taker(&mut self, taker: &Taker, status: CloseStatus, reason: CloseReason) {
        let left: Qty = self.market.qty(taker.left);
        self.events.push(Event::OrderClosed(OrderClosed {
            order_id: taker.order_id,
            account: taker.account,
            market: self.market.id,
            status,
            reason,
            left,
            client_order_id: taker.client_order_id,
            cancel_id: ClientOrderId::EMPTY,
        }));
    }
}
