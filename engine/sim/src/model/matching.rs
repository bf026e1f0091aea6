//! Matching: an order that starts to work takes, fill after fill, and what is left of it rests or ends.

use tandem_core::command::PlaceOrder;
use tandem_core::event::{Allocated, Event, OrderAccepted, Traded};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AllocationId, Amount, AssetId, ClientOrderId, CloseReason, CloseStatus, ListId, MarketId, OrderId, OrderKind,
    OrderState, Price, Qty, Side, TimeInForce, TradeId,
};

use super::fees::Payer;
use super::judge::{first_state, terms};
use super::routing::{Next, Taking};
use super::{Model, Order, Outcome, Trade, closed};
use crate::planted::Planted;

/// What the fills of a taker brought it in base units, and what of that went into fees.
#[derive(Clone, Copy, Default)]
struct Bought {
    qty: i128,
    base_fees: i128,
}

/// How the way through the books ended.
enum End {
    Open,
    SelfTrade,
    OutOfRange,
}

impl Model {
    pub(super) fn place(&mut self, order: &PlaceOrder) -> Outcome {
        let pegged = self.check_alone(order)?;
        let mut events = Vec::new();
        self.place_judged(order, pegged, &mut events)?;
        Ok(events)
    }

    /// Group B, and the order itself.
    pub(super) fn place_judged(
        &mut self,
        order: &PlaceOrder,
        pegged: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectCode> {
        let state = first_state(order.kind);
        let qty = self.check_b(order, pegged, state, true)?;
        let order = self.new_order(order, qty, pegged, state, None);
        events.push(Event::OrderAccepted(order.told()));
        if state == OrderState::Working {
            self.work(order, events);
            return Ok(());
        }
        let (market, id) = (order.accepted.market, order.id());
        self.market_mut(market).orders.push(order);
        self.begin_to_follow(market, id, events);
        self.relock(market, id);
        Ok(())
    }

    /// An accepted order with the next id; nothing is locked yet.
    pub(super) fn new_order(
        &mut self,
        order: &PlaceOrder,
        qty: u64,
        pegged: u64,
        state: OrderState,
        list: Option<ListId>,
    ) -> Order {
        self.last_order += 1;
        let accepted = OrderAccepted {
            order_id: OrderId(self.last_order),
            account: order.account,
            market: order.market,
            side: order.side,
            kind: order.kind,
            tif: order.tif,
            price: order.price,
            qty: Qty(qty),
            quote_qty: order.quote_qty,
            client_order_id: order.client_order_id,
            stp: self.mode(order),
            strategy_id: order.strategy_id,
            strategy_type: order.strategy_type,
            extra: None,
        };
        self.market_mut(order.market).client_ids_ever.insert((order.account, order.client_order_id));
        let terms = terms(order);
        Order {
            accepted,
            terms,
            list,
            state,
            pegged,
            left: qty,
            filled: 0,
            filled_quote: 0,
            prevented: 0,
            amends: 0,
            accepted_at: self.time,
            working_at: None,
            trailing_at: None,
            updated_at: self.time,
            is_fired: false,
            extreme: None,
            shown: 0,
            need_price: self.need_price(order.market, order.price.0, terms.stop_price.0).unwrap_or(0),
            locked: 0,
            place: 0,
        }
    }

    fn taking_of(&self, order: &Order) -> Taking {
        let accepted = &order.accepted;
        let of = (accepted.account, accepted.market, accepted.side);
        self.taking(of, (order.works_as(), order.limit()), accepted.stp, order.terms.use_sor)
    }

    /// An order that is new, fired or activated goes into the book; it is not among the open ones while it takes.
    pub(super) fn work(&mut self, mut taker: Order, events: &mut Vec<Event>) {
        (taker.state, taker.working_at, taker.updated_at) = (OrderState::Working, Some(self.time), self.time);
        let mut taking = self.taking_of(&taker);
        if taker.accepted.tif == TimeInForce::Fok && !self.can_fill(taking.clone(), taker.left) {
            self.end_taker(&taker, CloseStatus::Expired, CloseReason::UnfilledFok, events);
            return;
        }
        let mut bought = Bought::default();
        let end = self.take(&mut taker, &mut taking, &mut bought, events);
        self.keep_proceeds_of_taker(&taker, bought);
        match end {
            End::SelfTrade => {
                self.end_taker(&taker, CloseStatus::ExpiredInMatch, CloseReason::SelfTrade, events);
                let last = events.len() - 1;
                if self.bug(Planted::TakerClosedFirst) && matches!(events[last - 1], Event::OrderClosed(_)) {
                    events.swap(last - 1, last);
                }
            }
            End::OutOfRange => {
                self.end_taker(&taker, CloseStatus::Expired, CloseReason::PriceRangeExceeded, events);
            }
            End::Open if taker.left == 0 => self.after_full_fill(&taker, events),
            End::Open => self.rest_or_end(taker, events),
        }
    }

    fn end_taker(&mut self, taker: &Order, status: CloseStatus, reason: CloseReason, events: &mut Vec<Event>) {
        events.push(closed(taker, status, reason, ClientOrderId::EMPTY));
        self.after_end(taker, status, reason, ClientOrderId::EMPTY, events);
    }

    fn take(&mut self, taker: &mut Order, taking: &mut Taking, bought: &mut Bought, events: &mut Vec<Event>) -> End {
        while taker.left > 0 {
            let maker = match self.next_maker(taking, self.makers(&taking.clone())) {
                Next::Nobody => break,
                Next::OutOfRange => return End::OutOfRange,
                Next::Maker(maker) => *maker,
            };
            if self.is_prevented(taking, &maker) {
                if self.prevent(taker, &maker, taking, events) {
                    return End::SelfTrade;
                }
                continue;
            }
            let qty = self.pay_between(taking, &maker, taker.left.min(maker.shown));
            if qty > 0 {
                self.trade(taker, &maker, qty, taking, bought, events);
            }
        }
        End::Open
    }

    fn rest_or_end(&mut self, taker: Order, events: &mut Vec<Event>) {
        let reason = match (taker.works_as(), taker.accepted.tif) {
            (OrderKind::Market, _) => Some(CloseReason::InsufficientLiquidity),
            (_, TimeInForce::Ioc) if !self.bug(Planted::IocRests) => Some(CloseReason::UnfilledIoc),
            _ => None,
        };
        match reason {
            Some(reason) => self.end_taker(&taker, CloseStatus::Expired, reason, events),
            None => self.rest(taker),
        }
    }

    /// Puts an order at the end of its level.
    pub(super) fn rest(&mut self, mut order: Order) {
        let (market, id) = (order.accepted.market, order.id());
        (order.state, order.working_at) = (OrderState::Working, Some(self.time));
        (order.shown, order.place) = (order.part(), self.next_place());
        if self.bug(Planted::IcebergShowsTwice) {
            order.shown = order.left.min(order.shown * 2);
        }
        if self.bug(Planted::WholeOrderLocked) {
            let (side, limit, filled) = (order.accepted.side, order.limit(), order.accepted.qty.0 - order.left);
            let (asset, amount) = self.needs(market, side, limit, filled);
            self.balance_mut(order.accepted.account, asset).locked += amount;
        }
        let book = self.market_mut(market);
        book.orders.push(order);
        book.version += 1;
        self.relock(market, id);
    }

    fn trade(
        &mut self,
        taker: &mut Order,
        maker: &Order,
        qty: u64,
        taking: &Taking,
        bought: &mut Bought,
        events: &mut Vec<Event>,
    ) {
        let (id, own) = (maker.accepted.market, taker.accepted.market);
        let at_takers = self.bug(Planted::TradeAtTakerPrice) && taker.works_as() != OrderKind::Market;
        let price = if at_takers { taker.limit() } else { maker.limit() };
        let quote_amount = self.notional(&self.markets[id.0 as usize], price, qty);
        let (taker_fee, maker_fee) = self.move_money(taker, maker, qty, quote_amount, taking);
        if taker.accepted.side == Side::Buy {
            let base = self.markets[own.0 as usize].base;
            bought.qty += i128::from(qty);
            bought.base_fees += if taker_fee.0 == base { taker_fee.1 } else { 0 };
        }
        taker.left -= qty;
        taker.filled += qty;
        taker.filled_quote += quote_amount;
        taker.updated_at = self.time;
        let maker = self.fill_maker(maker, qty, quote_amount);
        let time = self.time;
        let market = self.market_mut(id);
        let trade_id = TradeId(market.trades.len() as u64);
        market.trades.push(Trade { time, price, qty });
        let is_routed = id != own;
        let between = taking.between.unwrap_or(taker.accepted.account);
        let received = if taker.accepted.side == Side::Buy { market.base } else { market.quote };
        let on_print = if is_routed { (received, 0) } else { taker_fee };
        events.push(Event::Traded(Traded {
            market: id,
            trade_id,
            price: Price(price),
            qty: Qty(qty),
            quote_amount: Amount(quote_amount as u128),
            taker_side: taker.accepted.side,
            taker_order: taker.id(),
            taker_account: if is_routed { between } else { taker.accepted.account },
            taker_fee: Amount(on_print.1 as u128),
            taker_fee_asset: on_print.0,
            taker_left: Qty(taker.left),
            maker_order: maker.id(),
            maker_account: maker.accepted.account,
            maker_fee: Amount(maker_fee.1 as u128),
            maker_fee_asset: maker_fee.0,
            maker_left: Qty(maker.left),
            is_routed,
        }));
        if is_routed {
            self.allocate(taker, (id, trade_id), (price, qty, quote_amount), taker_fee, events);
        }
        self.after_touch(&maker, events);
        if maker.left == 0 {
            self.after_full_fill(&maker, events);
        }
        self.trigger(if self.bug(Planted::RoutingTriggersAtHome) { own } else { id }, price, events);
    }

    /// Says what a fill in another market's book was for the taker.
    fn allocate(
        &mut self,
        taker: &Order,
        (maker_market, trade_id): (MarketId, TradeId),
        (price, qty, quote_amount): (u64, u64, i128),
        (fee_asset, fee): (AssetId, i128),
        events: &mut Vec<Event>,
    ) {
        let market = self.market_mut(taker.accepted.market);
        let allocation_id = AllocationId(market.allocations);
        market.allocations += 1;
        events.push(Event::Allocated(Allocated {
            market: taker.accepted.market,
            allocation_id,
            order_id: taker.id(),
            account: taker.accepted.account,
            side: taker.accepted.side,
            price: Price(price),
            qty: Qty(qty),
            quote_amount: Amount(quote_amount as u128),
            fee: Amount(fee as u128),
            fee_asset,
            left: Qty(taker.left),
            maker_market,
            trade_id,
        }));
    }

    /// A maker after a fill; it leaves the book when nothing is left, and shows its next part when one is used up.
    fn fill_maker(&mut self, maker: &Order, qty: u64, quote_amount: i128) -> Order {
        let (id, time) = (maker.accepted.market, self.time);
        let end = self.next_place();
        let loses_place = self.bug(Planted::PriorityLostOnPartialFill);
        let keeps_place = self.bug(Planted::IcebergKeepsPlace);
        if self.bug(Planted::PartialFillKeepsVersion) && maker.left > qty {
            self.market_mut(id).version -= 1;
        }
        self.change_maker(id, maker.id(), |order| {
            order.left -= qty;
            order.shown -= qty;
            order.filled += qty;
            order.filled_quote += quote_amount;
            order.updated_at = time;
            if order.shown == 0 {
                order.shown = order.part();
                order.place = if keeps_place { order.place } else { end };
            }
            if loses_place {
                order.place = end;
            }
        })
    }

    /// Changes a maker and counts one change of the book; a maker with nothing left leaves it. Its lock must have been
    /// set before.
    pub(super) fn change_maker(&mut self, market: MarketId, id: OrderId, change: impl FnOnce(&mut Order)) -> Order {
        let market = self.market_mut(market);
        market.version += 1;
        let index = market.orders.iter().position(|order| order.id() == id).unwrap_or(usize::MAX);
        change(&mut market.orders[index]);
        let changed = market.orders[index].clone();
        // Pending orders of which no quantity is known yet stay.
        market.orders.retain(|order| order.left > 0 || !order.is_working());
        changed
    }

    /// Gives back what a working order locks for so much of its quantity.
    pub(super) fn unlock_part(&mut self, order: &Order, qty: u64) {
        let accepted = &order.accepted;
        let (asset, amount) = self.needs(accepted.market, accepted.side, order.limit(), qty);
        self.move_to_locked(accepted.account, asset, -amount);
        let open = self.open_mut(accepted.market, accepted.order_id);
        open.into_iter().for_each(|order| order.locked -= amount);
    }

    /// Moves both sides of a fill and both fees; gives the taker's and the maker's fee.
    fn move_money(
        &mut self,
        taker: &Order,
        maker: &Order,
        qty: u64,
        quote_amount: i128,
        taking: &Taking,
    ) -> ((AssetId, i128), (AssetId, i128)) {
        let (own, id, side) = (taker.accepted.market, maker.accepted.market, taker.accepted.side);
        let base = self.markets[own.0 as usize].base;
        let (own_quote, quote) = (self.markets[own.0 as usize].quote, self.markets[id.0 as usize].quote);
        // The maker pays from its lock; unlocking first makes both sides pay from free funds.
        self.unlock_part(maker, qty);
        let qty = i128::from(qty);
        let (gets, gives) = if side == Side::Buy { (qty, quote_amount) } else { (quote_amount, qty) };
        let taker_pays = Payer {
            account: taker.accepted.account,
            market: own,
            is_maker: false,
            side,
            received: gets,
            may_discount: true,
        };
        let is_taker_or_between =
            maker.accepted.account == taker.accepted.account || taking.between == Some(maker.accepted.account);
        let maker_pays = Payer {
            account: maker.accepted.account,
            market: id,
            is_maker: true,
            side: side.opposite(),
            received: gives,
            may_discount: !is_taker_or_between || self.bug(Planted::OwnMakerMayDiscount),
        };
        let (taker_fee, maker_fee) = (self.fee(&taker_pays), self.fee(&maker_pays));
        let base_before = self.balance(maker.accepted.account, base).free;
        let (taker_gives, maker_gives) = if side == Side::Buy { (own_quote, base) } else { (base, quote) };
        self.balance_mut(taker.accepted.account, taker_gives).free -= gives;
        self.receive(&taker_pays, taker_fee);
        self.balance_mut(maker.accepted.account, maker_gives).free -= gets;
        self.receive(&maker_pays, maker_fee);
        if let Some(between) = taking.between.filter(|_| id != own) {
            // Base units only pass through; of the quote assets it gives one and gets as much of the other.
            let (given, got) = if side == Side::Buy { (quote, own_quote) } else { (own_quote, quote) };
            self.balance_mut(between, given).free -= quote_amount;
            self.balance_mut(between, got).free += quote_amount;
        }
        let is_judged = !is_taker_or_between || self.bug(Planted::OwnMakerKeepsAll);
        let covered = if is_judged { base_before } else { 0 };
        self.keep_proceeds_of_maker(maker, qty, maker_fee, covered);
        if self.bug(Planted::ImprovementKept) {
            self.keep_improvement(taker, maker, qty);
        }
        (taker_fee, maker_fee)
    }

    fn keep_improvement(&mut self, taker: &Order, maker: &Order, qty: i128) {
        let accepted = &taker.accepted;
        if accepted.side == Side::Buy && accepted.kind == OrderKind::Limit {
            let better = taker.limit() - maker.limit();
            let (quote, more) = self.needs(accepted.market, Side::Buy, better, qty as u64);
            self.balance_mut(accepted.account, quote).free -= more;
            self.balance_mut(maker.accepted.account, quote).free += more;
        }
    }

    /// The list that an order works for, if what it buys is for the others.
    fn list_it_pays(&self, order: &Order) -> Option<ListId> {
        let list = self.lists.get(&order.list?)?;
        (list.kind.pays_pending() && list.orders[0] == order.id()).then_some(list.id)
    }

    /// Locks what a maker bought for the pending orders of its list: all of it, if the fee is paid otherwise.
    fn keep_proceeds_of_maker(&mut self, maker: &Order, qty: i128, (fee_asset, fee): (AssetId, i128), covered: i128) {
        let base = self.markets[maker.accepted.market.0 as usize].base;
        let pays_from_it = covered < fee || self.bug(Planted::ProceedsLessFee);
        let from_it = if fee_asset == base && pays_from_it { fee } else { 0 };
        self.keep_proceeds(maker, qty - from_it);
    }

    fn keep_proceeds_of_taker(&mut self, taker: &Order, bought: Bought) {
        let base = self.markets[taker.accepted.market.0 as usize].base;
        let covers = self.balance(taker.accepted.account, base).free >= bought.qty;
        self.keep_proceeds(taker, if covers { bought.qty } else { bought.qty - bought.base_fees });
    }

    fn keep_proceeds(&mut self, order: &Order, amount: i128) {
        if let Some(id) = self.list_it_pays(order)
            && !self.bug(Planted::ProceedsForgotten)
        {
            let base = self.markets[order.accepted.market.0 as usize].base;
            self.move_to_locked(order.accepted.account, base, amount);
            self.lists.get_mut(&id).into_iter().for_each(|list| list.proceeds += amount);
        }
    }
}
