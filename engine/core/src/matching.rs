//! Matching: fills, self-trade prevention, and what becomes of the incoming order.
//!
//! A fill moves the maker's money at once; the taker's and the fee account's are summed up and moved when matching has
//! ended. Nothing reads them in between, and the checks made sure that the taker can pay.

use crate::average::minute_of;
use crate::book::{Book, Lots, Maker, Ticks};
use crate::broken::Broken;
use crate::checks::Ready;
use crate::command::PlaceOrder;
use crate::event::{Event, SelfTradePrevented, Traded};
use crate::fees::{self, Payer, Role, fee_rounded_up};
use crate::floor::{Closing, End, Floor};
use crate::orders::{NO_EXTRA, Resting, Wide};
use crate::range::Range;
use crate::types::{
    AccountId, Amount, AssetId, ClientOrderId, CloseReason, FEE_ACCOUNT, ListId, MarketId, OrderId, OrderKind,
    PreventedMatchId, Price, SelfTradePrevention, Side, TimeInForce, TradeId,
};
use crate::waiting::Extra;

/// An order that starts to work.
pub(crate) struct Incoming<'a> {
    pub(crate) order: &'a PlaceOrder,
    pub(crate) id: OrderId,
    pub(crate) ready: &'a Ready,
    /// Its place in the table of waiting orders, if it was open before or is in a list.
    pub(crate) seat: Option<u32>,
    pub(crate) list: Option<ListId>,
}

/// The incoming order while it matches.
pub(crate) struct Taker {
    pub(crate) order_id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) side: Side,
    client_order_id: ClientOrderId,
    pub(crate) mode: SelfTradePrevention,
    /// `None`: any price.
    limit: Option<Ticks>,
    range: Range,
    group: Option<u32>,
    rate: u32,
    may_discount: bool,
    pub(crate) left: Lots,
    prevented: Lots,
    pub(crate) filled: Lots,
    /// Price times quantity of its fills.
    pub(crate) filled_quote: u128,
    /// Who stands between the books, when it takes from several.
    pub(crate) router: Option<AccountId>,
    /// What was filled in other markets.
    pub(crate) routed: Lots,
    pub(crate) routed_quote: u128,
    /// Sum of its own fees in what it receives.
    fees: u128,
    /// Sum of the makers' fees in what it gives.
    maker_fees: u128,
    /// It has ended without being filled.
    pub(crate) is_closed: bool,
}

/// A fee, and how much of it is taken off what was received.
#[derive(Clone, Copy)]
pub(crate) struct Paid {
    pub(crate) asset: AssetId,
    pub(crate) fee: u128,
    pub(crate) off: u128,
}

/// The maker's half of a fill.
pub(crate) struct MakerHalf {
    pub(crate) paid: Paid,
    /// What is left of it, with what it does not show.
    pub(crate) left: Lots,
    list: Option<ListId>,
}

/// What a prevented match takes off.
pub(crate) struct Losses {
    pub(crate) taker: Lots,
    pub(crate) maker: Lots,
    /// What that leaves of the maker.
    pub(crate) maker_left: Lots,
}

impl Taker {
    /// A prevented match with a maker that shows `shown` of its `whole` rest: who loses what.
    pub(crate) fn lose(&mut self, shown: Lots, whole: Lots) -> Result<Losses, Broken> {
        let overlap = self.left.min(shown);
        let (taker, maker) = match self.mode {
            SelfTradePrevention::None => return Err(Broken::OrderQuantity),
            SelfTradePrevention::ExpireTaker => (self.left, 0),
            SelfTradePrevention::ExpireMaker => (0, whole),
            SelfTradePrevention::ExpireBoth => (self.left, whole),
            SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => (overlap, overlap),
        };
        self.left = self.left.checked_sub(taker).ok_or(Broken::OrderQuantity)?;
        self.prevented = self.prevented.checked_add(taker).ok_or(Broken::OrderQuantity)?;
        Ok(Losses { taker, maker, maker_left: whole.checked_sub(maker).ok_or(Broken::OrderQuantity)? })
    }

    #[inline(always)]
    pub(crate) fn crosses(&self, ticks: Ticks) -> bool {
        self.limit.is_none_or(|limit| Book::crosses(self.side, limit, ticks))
    }

    /// Whether a maker's owner trades with itself, or is the router: such a maker pays its fee from what it receives.
    #[inline(always)]
    fn is_partner(&self, owner: AccountId) -> bool {
        owner == self.account || self.router == Some(owner)
    }

    /// Counts a fill.
    #[inline(always)]
    pub(crate) fn fill(&mut self, lots: Lots, amount: u128) -> Result<(), Broken> {
        self.left = self.left.checked_sub(lots).ok_or(Broken::OrderQuantity)?;
        self.filled = self.filled.checked_add(lots).ok_or(Broken::OrderQuantity)?;
        self.filled_quote = self.filled_quote.checked_add(amount).ok_or(Broken::BalanceOverflow)?;
        Ok(())
    }

    #[inline(always)]
    pub(crate) const fn may_trade_at(&self, ticks: Ticks) -> bool {
        self.range.contains(ticks)
    }
}

impl Floor<'_> {
    #[inline(always)]
    pub(crate) fn taker(&self, incoming: &Incoming<'_>) -> Result<Taker, Broken> {
        let (order, ready) = (incoming.order, incoming.ready);
        let account = self.accounts.get(order.account.0 as usize).ok_or(Broken::IdUnknown)?;
        Ok(Taker {
            order_id: incoming.id,
            account: order.account,
            side: order.side,
            client_order_id: order.client_order_id,
            mode: ready.mode,
            limit: if order.kind.works_as() == OrderKind::Market { None } else { Some(ready.ticks) },
            range: Range::of(self.market, order.side, self.time),
            group: account.trade_group,
            rate: self.market.rates.of(account.fees.as_ref(), Role::Taker, order.side),
            may_discount: fees::may_discount(self.exchange, self.market, account),
            left: ready.lots,
            prevented: 0,
            filled: 0,
            filled_quote: 0,
            router: None,
            routed: 0,
            routed_quote: 0,
            fees: 0,
            maker_fees: 0,
            is_closed: false,
        })
    }

    #[inline(always)]
    pub(crate) fn match_taker(&mut self, taker: &mut Taker) -> Result<(), Broken> {
        let maker_side = taker.side.opposite();
        while taker.left > 0 && !taker.is_closed {
            let Some(maker) = self.market.orders.book.best(maker_side) else { break };
            if !taker.crosses(maker.ticks) {
                break;
            }
            if !taker.may_trade_at(maker.ticks) {
                self.close_taker(taker, End::expired(CloseReason::PriceRangeExceeded));
            } else if self.is_own(taker, &maker) {
                self.prevent(taker, maker)?;
            } else {
                self.fill(taker, maker)?;
            }
        }
        Ok(())
    }

    /// Whether a maker is of the taker's account or trade group, and that matters.
    #[inline(always)]
    pub(crate) fn is_own(&self, taker: &Taker, maker: &Maker) -> bool {
        let is_own = maker.owner == taker.account.0 || (taker.group.is_some() && self.is_of_group(taker, maker.owner));
        is_own && taker.mode != SelfTradePrevention::None
    }

    #[cold]
    fn is_of_group(&self, taker: &Taker, owner: u32) -> bool {
        self.accounts.get(owner as usize).is_some_and(|account| account.trade_group == taker.group)
    }

    #[inline(always)]
    pub(crate) fn fill(&mut self, taker: &mut Taker, maker: Maker) -> Result<(), Broken> {
        let lots = taker.left.min(maker.lots);
        let qty = self.market.qty(lots);
        let amount = self.market.quote_amount(maker.ticks, lots);
        let half = self.fill_maker(maker, lots, amount, taker)?;
        let paid = self.taker_fee(taker, u128::from(qty.0), amount)?;
        taker.fill(lots, amount)?;
        taker.maker_fees = taker.maker_fees.checked_add(half.paid.off).ok_or(Broken::BalanceOverflow)?;

        let (price, trade_id) = (self.market.price(maker.ticks), self.next_trade()?);
        self.events.push(Event::Traded(Traded {
            market: self.market.id,
            trade_id,
            price,
            qty,
            quote_amount: Amount(amount),
            taker_side: taker.side,
            taker_order: taker.order_id,
            taker_account: taker.account,
            taker_fee: Amount(paid.fee),
            taker_fee_asset: paid.asset,
            taker_left: self.market.qty(taker.left),
            maker_order: OrderId(maker.id),
            maker_account: AccountId(maker.owner),
            maker_fee: Amount(half.paid.fee),
            maker_fee_asset: half.paid.asset,
            maker_left: self.market.qty(half.left),
            is_routed: false,
        }));
        self.after_trade(OrderId(maker.id), &half, price)
    }

    #[inline(always)]
    pub(crate) fn next_trade(&mut self) -> Result<TradeId, Broken> {
        let id = TradeId(self.market.next_trade);
        self.market.next_trade = id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        Ok(id)
    }

    /// What follows a `Traded`: the maker's list, the last price, triggers.
    #[inline(always)]
    pub(crate) fn after_trade(&mut self, maker: OrderId, half: &MakerHalf, price: Price) -> Result<(), Broken> {
        if let Some(list) = half.list {
            self.listed_maker_traded(list, maker, half.left == 0)?;
        }
        self.market.traded_at(price, self.time)?;
        if self.market.orders.triggers.passes(price) { Ok(()) } else { self.fire(price) }
    }

    /// The maker's money and what is left of it; a filled one leaves the book.
    #[inline(always)]
    pub(crate) fn fill_maker(
        &mut self,
        maker: Maker,
        lots: Lots,
        amount: u128,
        taker: &Taker,
    ) -> Result<MakerHalf, Broken> {
        let base = u128::from(self.market.qty(lots).0);
        let owner = AccountId(maker.owner);
        let account = self.accounts.get(maker.owner as usize).ok_or(Broken::IdUnknown)?;
        let (gives, gets, given, got) = match maker.side {
            Side::Buy => (self.market.quote, self.market.base, amount, base),
            Side::Sell => (self.market.base, self.market.quote, base, amount),
        };
        let fee = fee_rounded_up(got, self.market.rates.of(account.fees.as_ref(), Role::Maker, maker.side));
        let mut paid = Paid { asset: gets, fee, off: fee };
        if fees::may_discount(self.exchange, self.market, account) && !taker.is_partner(owner) {
            let payer = Payer { account, role: Role::Maker, side: maker.side, gives, gets, received: got };
            paid = self.discounted(&payer)?.unwrap_or(paid);
        }
        let wallet = self.ledger.wallet_mut(owner)?;
        wallet.entry(gives)?.spend_locked(given)?;
        wallet.entry(gets)?.receive(got.checked_sub(paid.off).ok_or(Broken::BalanceNegative)?)?;

        let orders = &mut self.market.orders;
        let resting = orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
        if resting.extra != NO_EXTRA {
            return self.fill_special_maker(maker, lots, amount, paid, !taker.is_partner(owner));
        }
        let left = orders.book.reduce(maker.handle, lots).ok_or(Broken::BookLinks)?;
        if left == 0 {
            let list = wallet.open_entry(self.market.id)?;
            orders.forget(maker.handle, OrderId(maker.id), owner, list).ok_or(Broken::OrderIndex)?;
        } else {
            let resting = orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
            let sum = resting.filled_quote.get().checked_add(amount).ok_or(Broken::BalanceOverflow)?;
            resting.filled_quote = Wide::new(sum);
            resting.updated_at = self.time.0;
        }
        Ok(MakerHalf { paid, left, list: None })
    }

    /// The same for a maker that may hide a part or be in a list.
    #[cold]
    fn fill_special_maker(
        &mut self,
        maker: Maker,
        lots: Lots,
        amount: u128,
        paid: Paid,
        pays_fee_from_free: bool,
    ) -> Result<MakerHalf, Broken> {
        let list = self.market.orders.extra(maker.handle).and_then(|extra| extra.list);
        if let Some(list) = list.filter(|_| maker.side == Side::Buy) {
            let received = u128::from(self.market.qty(lots).0);
            self.lock_proceeds(list, OrderId(maker.id), received, paid.off, pays_fee_from_free)?;
        }
        let left = self.reduce_maker(maker, lots)?;
        if left > 0 {
            let resting = self.market.orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
            let sum = resting.filled_quote.get().checked_add(amount).ok_or(Broken::BalanceOverflow)?;
            resting.filled_quote = Wide::new(sum);
        }
        Ok(MakerHalf { paid, left, list })
    }

    /// Takes lots off the shown part of a maker and shows the next part when it is used up; at 0 the order is forgotten.
    /// What is left of it, with what it does not show.
    pub(crate) fn reduce_maker(&mut self, maker: Maker, lots: Lots) -> Result<Lots, Broken> {
        let hidden = self.market.orders.hidden(maker.handle);
        let shown = maker.lots.checked_sub(lots).ok_or(Broken::OrderQuantity)?;
        if shown == 0 && hidden > 0 {
            self.show_next_part(maker, hidden)?;
        } else {
            self.market.orders.book.reduce(maker.handle, lots).ok_or(Broken::BookLinks)?;
        }
        let left = shown.checked_add(hidden).ok_or(Broken::OrderQuantity)?;
        if left == 0 {
            let owner = AccountId(maker.owner);
            let list = self.ledger.wallet_mut(owner)?.open_entry(self.market.id)?;
            let orders = &mut self.market.orders;
            orders.forget(maker.handle, OrderId(maker.id), owner, list).ok_or(Broken::OrderIndex)?;
        } else {
            let resting = self.market.orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
            resting.updated_at = self.time.0;
        }
        Ok(left)
    }

    fn show_next_part(&mut self, maker: Maker, hidden: Lots) -> Result<(), Broken> {
        let terms = self.market.orders.extra(maker.handle).ok_or(Broken::OrderIndex)?.terms;
        let next = self.market.part(&terms).min(hidden);
        let orders = &mut self.market.orders;
        orders.extra_mut(maker.handle).ok_or(Broken::OrderIndex)?.hidden =
            hidden.checked_sub(next).ok_or(Broken::OrderQuantity)?;
        orders.book.requeue(maker.handle, next).ok_or(Broken::BookLinks)
    }

    /// The fee of the taker for one fill.
    #[inline(always)]
    pub(crate) fn taker_fee(&mut self, taker: &mut Taker, base: u128, amount: u128) -> Result<Paid, Broken> {
        let (gives, gets, got) = match taker.side {
            Side::Buy => (self.market.quote, self.market.base, base),
            Side::Sell => (self.market.base, self.market.quote, amount),
        };
        let fee = fee_rounded_up(got, taker.rate);
        let mut paid = Paid { asset: gets, fee, off: fee };
        if taker.may_discount {
            let account = self.accounts.get(taker.account.0 as usize).ok_or(Broken::IdUnknown)?;
            let payer = Payer { account, role: Role::Taker, side: taker.side, gives, gets, received: got };
            paid = self.discounted(&payer)?.unwrap_or(paid);
        }
        taker.fees = taker.fees.checked_add(paid.off).ok_or(Broken::BalanceOverflow)?;
        Ok(paid)
    }

    /// Pays a fee in the discount asset, if that is possible: from what is received, where that is this asset, else at
    /// once from what is free.
    #[cold]
    fn discounted(&mut self, payer: &Payer<'_>) -> Result<Option<Paid>, Broken> {
        let converted = fees::discounted(self.exchange, self.market, payer, |id| self.market_at(id));
        let Some((asset, Amount(fee))) = converted else { return Ok(None) };
        if asset == payer.gets {
            return Ok(Some(Paid { asset, fee, off: fee }));
        }
        if self.ledger.balance(payer.account.id, asset).free.0 < fee {
            return Ok(None);
        }
        if fee > 0 {
            self.ledger.wallet_mut(payer.account.id)?.entry(asset)?.spend(fee)?;
            self.ledger.wallet_mut(FEE_ACCOUNT)?.entry(asset)?.receive(fee)?;
        }
        Ok(Some(Paid { asset, fee, off: 0 }))
    }

    /// Ends the matching: money, then what is left of the incoming order, then its list.
    #[inline(always)]
    pub(crate) fn finish(&mut self, incoming: &Incoming<'_>, mut taker: Taker) -> Result<(), Broken> {
        if taker.filled > 0 {
            self.settle_taker(&taker)?;
        }
        let mut rests = false;
        if taker.left > 0 && !taker.is_closed {
            rests = self.end_taker(incoming, &mut taker)?;
        }
        if incoming.seat.is_some() { self.leave_seat(incoming, &taker, rests) } else { Ok(()) }
    }

    /// An order that was open before or is in a list has matched: its seat becomes free unless it rests, and its list
    /// goes on.
    #[cold]
    fn leave_seat(&mut self, incoming: &Incoming<'_>, taker: &Taker, rests: bool) -> Result<(), Broken> {
        if let Some(list) = incoming.list.filter(|_| taker.side == Side::Buy && taker.filled > 0) {
            let received = u128::from(self.market.qty(taker.filled).0);
            self.lock_proceeds(list, taker.order_id, received, taker.fees, true)?;
        }
        if rests {
            return Ok(());
        }
        if let Some(seat) = incoming.seat {
            let list = self.ledger.wallet_mut(taker.account)?.open_entry(self.market.id)?;
            self.market.orders.forget_waiting(seat, list).ok_or(Broken::OrderIndex)?;
        }
        match incoming.list {
            None => Ok(()),
            Some(list) if taker.is_closed => {
                self.list_order_ended(list, taker.order_id, End::expired(CloseReason::SelfTrade))
            }
            Some(list) => self.list_order_filled(list, taker.order_id),
        }
    }

    /// Moves what the fills left to move: the taker's money and all fees.
    #[inline(always)]
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
        let here = taker.filled.checked_sub(taker.routed).ok_or(Broken::OrderQuantity)?;
        if here == 0 {
            return Ok(());
        }
        let quote = taker.filled_quote.checked_sub(taker.routed_quote).ok_or(Broken::OrderQuantity)?;
        self.market.average.add(minute_of(self.time.0), quote, u128::from(self.market.qty(here).0))
    }

    /// What is left of the incoming order rests or expires. Whether it rests.
    #[inline(always)]
    fn end_taker(&mut self, incoming: &Incoming<'_>, taker: &mut Taker) -> Result<bool, Broken> {
        match (incoming.order.kind.works_as(), incoming.order.tif) {
            (OrderKind::Market, _) => self.close_taker(taker, End::expired(CloseReason::InsufficientLiquidity)),
            (_, TimeInForce::Gtc) => {
                self.rest(incoming, taker)?;
                return Ok(true);
            }
            (_, TimeInForce::Ioc) => self.close_taker(taker, End::expired(CloseReason::UnfilledIoc)),
            // The walk before said that all of it would fill.
            (_, TimeInForce::Fok) => return Err(Broken::OrderQuantity),
        }
        Ok(false)
    }

    #[inline]
    fn rest(&mut self, incoming: &Incoming<'_>, taker: &Taker) -> Result<(), Broken> {
        let (order, ready) = (incoming.order, incoming.ready);
        let (asset, amount) = self.locked_for(taker.side, ready.ticks, taker.left);
        let wallet = self.ledger.wallet_mut(taker.account)?;
        wallet.entry(asset)?.lock(amount)?;
        let resting = Resting {
            filled_quote: Wide::new(taker.filled_quote),
            updated_at: self.time.0,
            prevented: taker.prevented,
            lots: ready.lots,
            accepted_at: self.time.0,
            extra: NO_EXTRA,
            prev: 0,
            next: 0,
            kind: order.kind,
            stp: ready.mode,
            client_order_id: order.client_order_id,
        };
        let is_plain = order.terms.is_none() && order.strategy_id.is_none() && order.strategy_type.is_none();
        if !is_plain || incoming.seat.is_some() {
            return self.rest_special(incoming, taker, resting);
        }
        let orders = &mut self.market.orders;
        let handle = orders
            .book
            .insert(taker.side, ready.ticks, taker.left, taker.order_id.0, taker.account.0)
            .ok_or(Broken::BookLinks)?;
        let list = wallet.open_entry(self.market.id)?;
        orders.add(handle, taker.order_id, taker.account, list, resting).ok_or(Broken::OrderIndex)
    }

    /// Puts an order into the book that is not plain, or that has a seat among the waiting ones.
    #[cold]
    fn rest_special(&mut self, incoming: &Incoming<'_>, taker: &Taker, mut resting: Resting) -> Result<(), Broken> {
        let (order, ready) = (incoming.order, incoming.ready);
        let terms = order.terms.as_deref().copied().unwrap_or_default();
        let part = self.market.part(&terms);
        let shown = if part == 0 { taker.left } else { part.min(taker.left) };
        let mut extra = Extra::plain(order.price, self.time.0);
        let orders = &mut self.market.orders;
        if let Some(seat) = incoming.seat {
            let seated = orders.waiting.get(seat).ok_or(Broken::OrderIndex)?;
            extra = seated.extra;
            resting.accepted_at = seated.accepted_at;
        }
        extra.terms = terms;
        (extra.strategy_id, extra.strategy_type) = (order.strategy_id, order.strategy_type);
        extra.pegged_price = ready.pegged_price;
        extra.hidden = taker.left.checked_sub(shown).ok_or(Broken::OrderQuantity)?;
        extra.working_at = Some(self.time.0);
        resting.extra = orders.extras.insert(extra).ok_or(Broken::OrderIndex)?;
        let handle = orders
            .book
            .insert(taker.side, ready.ticks, shown, taker.order_id.0, taker.account.0)
            .ok_or(Broken::BookLinks)?;
        let list = self.ledger.wallet_mut(taker.account)?.open_entry(self.market.id)?;
        match incoming.seat {
            None => orders.add(handle, taker.order_id, taker.account, list, resting),
            Some(seat) => orders.settle_waiting(seat, handle, resting, list),
        }
        .ok_or(Broken::OrderIndex)
    }

    /// A match inside one account or trade group: nothing is traded, the taker's mode decides who loses what.
    #[cold]
    pub(crate) fn prevent(&mut self, taker: &mut Taker, maker: Maker) -> Result<(), Broken> {
        let losses = taker.lose(maker.lots, self.whole_left(&maker)?)?;
        let transferred = self.transfer(taker, &maker, losses.taker)?;
        self.say_prevented(taker, &maker, self.market.id, &losses, transferred)?;
        self.prevent_maker(maker, &losses, transferred > 0)?;
        if losses.taker > 0 && taker.left == 0 {
            self.close_taker(taker, End::prevented());
        }
        Ok(())
    }

    pub(crate) fn say_prevented(
        &mut self,
        taker: &Taker,
        maker: &Maker,
        maker_market: MarketId,
        losses: &Losses,
        transferred: u128,
    ) -> Result<(), Broken> {
        let id = PreventedMatchId(self.market.next_prevented);
        self.market.next_prevented = id.0.checked_add(1).ok_or(Broken::CounterExhausted)?;
        self.events.push(Event::SelfTradePrevented(SelfTradePrevented {
            market: self.market.id,
            prevented_match_id: id,
            maker_market,
            taker_account: taker.account,
            maker_account: AccountId(maker.owner),
            trade_group: taker.group,
            mode: taker.mode,
            price: self.market.price(maker.ticks),
            taker_order: taker.order_id,
            maker_order: OrderId(maker.id),
            taker_prevented: self.market.qty(losses.taker),
            maker_prevented: self.market.qty(losses.maker),
            taker_left: self.market.qty(taker.left),
            maker_left: self.market.qty(losses.maker_left),
            transferred: Amount(transferred),
        }));
        Ok(())
    }

    /// Moves the overlap between two accounts of a group when both orders ask for it: what the buyer paid.
    fn transfer(&mut self, taker: &Taker, maker: &Maker, overlap: Lots) -> Result<u128, Broken> {
        let owner = AccountId(maker.owner);
        let resting = self.market.orders.get(maker.handle).ok_or(Broken::OrderIndex)?;
        let both_ask = taker.mode == SelfTradePrevention::Transfer && resting.stp == SelfTradePrevention::Transfer;
        if !both_ask || owner == taker.account {
            return Ok(0);
        }
        let amount = self.market.quote_amount(maker.ticks, overlap);
        let base = u128::from(self.market.qty(overlap).0);
        let (gives, gets, given, got) = match maker.side {
            Side::Buy => (self.market.quote, self.market.base, amount, base),
            Side::Sell => (self.market.base, self.market.quote, base, amount),
        };
        let wallet = self.ledger.wallet_mut(owner)?;
        wallet.entry(gives)?.spend_locked(given)?;
        wallet.entry(gets)?.receive(got)?;
        let wallet = self.ledger.wallet_mut(taker.account)?;
        wallet.entry(gets)?.spend(got)?;
        wallet.entry(gives)?.receive(given)?;
        Ok(amount)
    }

    /// Takes prevented lots off a maker; at 0 it is closed. Then its list goes on.
    pub(crate) fn prevent_maker(&mut self, maker: Maker, losses: &Losses, is_transferred: bool) -> Result<(), Broken> {
        let loses = losses.maker;
        if loses == 0 {
            return Ok(());
        }
        let orders = &self.market.orders;
        let (list, id) = (orders.extra(maker.handle).and_then(|extra| extra.list), OrderId(maker.id));
        if !is_transferred {
            let (asset, amount) = self.locked_for(maker.side, maker.ticks, loses);
            self.ledger.wallet_mut(AccountId(maker.owner))?.entry(asset)?.unlock(amount)?;
        }
        let resting = self.market.orders.get_mut(maker.handle).ok_or(Broken::OrderIndex)?;
        resting.prevented = resting.prevented.checked_add(loses).ok_or(Broken::OrderQuantity)?;
        if losses.maker_left > 0 {
            self.reduce_maker(maker, loses)?;
            return list.map_or(Ok(()), |list| self.touch(list, id));
        }
        self.forget_prevented(maker)?;
        list.map_or(Ok(()), |list| self.list_order_ended(list, id, End::prevented()))
    }

    /// A maker that prevention has used up leaves the book; its lock is gone already.
    fn forget_prevented(&mut self, maker: Maker) -> Result<(), Broken> {
        let account = AccountId(maker.owner);
        let orders = &mut self.market.orders;
        let client_order_id = orders.get(maker.handle).ok_or(Broken::OrderIndex)?.client_order_id;
        orders.book.remove(maker.handle).ok_or(Broken::BookLinks)?;
        let list = self.ledger.wallet_mut(account)?.open_entry(self.market.id)?;
        orders.forget(maker.handle, OrderId(maker.id), account, list).ok_or(Broken::OrderIndex)?;
        let who = Closing { id: OrderId(maker.id), account, client_order_id };
        self.say_closed(who, crate::types::Qty(0), End::prevented());
        Ok(())
    }

    pub(crate) fn close_taker(&mut self, taker: &mut Taker, end: End) {
        taker.is_closed = true;
        let who = Closing { id: taker.order_id, account: taker.account, client_order_id: taker.client_order_id };
        self.say_closed(who, self.market.qty(taker.left), end);
    }
}
