//! Matching: an accepted order takes, fill after fill, and what is left of it rests or ends.

use tandem_core::command::PlaceOrder;
use tandem_core::event::{Event, OrderAccepted, SelfTradePrevented, Traded};
use tandem_core::types::{
    AccountId, Amount, AssetId, ClientOrderId, CloseReason, CloseStatus, FEE_ACCOUNT, MarketId, OrderId, OrderKind,
    PreventedMatchId, Price, Qty, RATE_ONE, SelfTradePrevention, Side, TimeInForce, TradeId,
};

use super::{Model, Order, Outcome, Trade, closed};
use crate::planted::Planted;

impl Model {
    pub(super) fn place(&mut self, order: &PlaceOrder) -> Outcome {
        let qty = self.check_order(order)?;
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
            stp: order.stp.unwrap_or(self.market(order.market)?.rules.stp_default),
            strategy_id: order.strategy_id,
            strategy_type: order.strategy_type,
        };
        self.market_mut(order.market).client_ids_ever.insert((order.account, order.client_order_id));
        let mut events = vec![Event::OrderAccepted(accepted)];
        let mut taker = Order {
            accepted,
            left: qty,
            filled: 0,
            filled_quote: 0,
            prevented: 0,
            accepted_at: self.time,
            updated_at: self.time,
            place: self.last_order,
        };
        if order.tif == TimeInForce::Fok && !self.can_fill(order, accepted.stp) {
            events.push(closed(&taker, CloseStatus::Expired, CloseReason::UnfilledFok, ClientOrderId::EMPTY));
            return Ok(events);
        }
        let is_closed = self.take(&mut taker, &mut events);
        if !is_closed && taker.left > 0 {
            self.rest_or_end(taker, &mut events);
        }
        Ok(events)
    }

    /// Fills while something is left and crosses; true when self-trade prevention closed the taker.
    fn take(&mut self, taker: &mut Order, events: &mut Vec<Event>) -> bool {
        let order = taker.accepted;
        while taker.left > 0 {
            let Some(maker) = self.best(order.market, order.side.opposite()) else { break };
            if !self.crosses_at(order.kind, order.side, order.price.0, maker.accepted.price.0) {
                break;
            }
            let mode = if self.bug(Planted::MakersModeDecides) { maker.accepted.stp } else { order.stp };
            if order.account != maker.accepted.account || mode == SelfTradePrevention::None {
                self.trade(taker, &maker, events);
            } else if self.prevent(taker, &maker, mode, events) {
                return true;
            }
        }
        false
    }

    fn rest_or_end(&mut self, taker: Order, events: &mut Vec<Event>) {
        let order = taker.accepted;
        let reason = match (order.kind, order.tif) {
            (OrderKind::Market, _) => Some(CloseReason::InsufficientLiquidity),
            (_, TimeInForce::Ioc) if !self.bug(Planted::IocRests) => Some(CloseReason::UnfilledIoc),
            _ => None,
        };
        if let Some(reason) = reason {
            events.push(closed(&taker, CloseStatus::Expired, reason, ClientOrderId::EMPTY));
            return;
        }
        let whole = self.bug(Planted::WholeOrderLocked);
        self.lock(&order, taker.left);
        if whole {
            let (asset, amount) = self.needs(order.market, order.side, order.price.0, order.qty.0 - taker.left);
            self.balance_mut(order.account, asset).locked += amount;
        }
        let market = self.market_mut(order.market);
        market.orders.push(taker);
        market.version += 1;
    }

    fn trade(&mut self, taker: &mut Order, maker: &Order, events: &mut Vec<Event>) {
        let id = taker.accepted.market;
        let at_takers = self.bug(Planted::TradeAtTakerPrice) && taker.accepted.kind != OrderKind::Market;
        let price = if at_takers { taker.accepted.price.0 } else { maker.accepted.price.0 };
        let qty = taker.left.min(maker.left);
        let quote_amount = self.notional(&self.markets[id.0 as usize], price, qty);
        // The maker pays from its lock; unlocking first makes both sides pay from free funds.
        self.unlock(&maker.accepted, qty);
        let (taker_fee, maker_fee) = self.move_money(taker, maker, qty, quote_amount);
        taker.left -= qty;
        taker.filled += qty;
        taker.filled_quote += quote_amount;
        let maker_left = maker.left - qty;
        let (minute, updated_at) = (self.minute(), self.time);
        let market = self.market_mut(id);
        let trade_id = TradeId(market.trades.len() as u64);
        market.trades.push(Trade { minute, price, qty });
        self.change_maker(id, maker.accepted.order_id, |order| {
            order.left = maker_left;
            order.filled += qty;
            order.filled_quote += quote_amount;
            order.updated_at = updated_at;
        });
        if self.bug(Planted::PartialFillKeepsVersion) && maker_left > 0 {
            self.market_mut(id).version -= 1;
        }
        if self.bug(Planted::PriorityLostOnPartialFill) {
            let place = taker.accepted.order_id.0;
            let orders = &mut self.market_mut(id).orders;
            let partial = orders.iter_mut().find(|order| order.accepted.order_id == maker.accepted.order_id);
            partial.into_iter().for_each(|order| order.place = place);
        }
        events.push(Event::Traded(Traded {
            market: id,
            trade_id,
            price: Price(price),
            qty: Qty(qty),
            quote_amount: Amount(quote_amount as u128),
            taker_side: taker.accepted.side,
            taker_order: taker.accepted.order_id,
            taker_account: taker.accepted.account,
            taker_fee: Amount(taker_fee as u128),
            taker_left: Qty(taker.left),
            maker_order: maker.accepted.order_id,
            maker_account: maker.accepted.account,
            maker_fee: Amount(maker_fee as u128),
            maker_left: Qty(maker_left),
        }));
    }

    /// Changes a maker and counts one change of the book; a maker with nothing left leaves it.
    fn change_maker(&mut self, market: MarketId, order_id: OrderId, change: impl Fn(&mut Order)) {
        let market = self.market_mut(market);
        market.orders.iter_mut().filter(|order| order.accepted.order_id == order_id).for_each(change);
        market.orders.retain(|order| order.left > 0);
        market.version += 1;
    }

    /// Moves both sides of a fill and both fees; gives the taker's and the maker's fee.
    fn move_money(&mut self, taker: &Order, maker: &Order, qty: u64, quote_amount: i128) -> (i128, i128) {
        let market = &self.markets[taker.accepted.market.0 as usize];
        let (base, quote, fees) = (market.base, market.quote, market.rules.fees);
        let qty = i128::from(qty);
        let ((taker_gives, given), (taker_gets, got)) = match taker.accepted.side {
            Side::Buy => ((quote, quote_amount), (base, qty)),
            Side::Sell => ((base, qty), (quote, quote_amount)),
        };
        let (own_taker, own_maker) = (self.own_fees(taker), self.own_fees(maker));
        let mut taker_rate = own_taker.map_or(fees.taker, |own| own.taker);
        let mut maker_rate = own_maker.map_or(fees.maker, |own| own.maker);
        if self.bug(Planted::FeeRatesSwapped) {
            (taker_rate, maker_rate) = (fees.maker, fees.taker);
        }
        let taker_fee = self.fee(got, taker_rate.0);
        let maker_fee = self.fee(given, maker_rate.0);
        self.balance_mut(taker.accepted.account, taker_gives).free -= given;
        self.balance_mut(maker.accepted.account, taker_gets).free -= got;
        self.receive(taker.accepted.account, taker_gets, got, taker_fee);
        self.receive(maker.accepted.account, taker_gives, given, maker_fee);
        if self.bug(Planted::FeeLost) {
            self.balance_mut(FEE_ACCOUNT, taker_gets).free -= taker_fee;
        }
        if self.bug(Planted::ImprovementKept) {
            self.keep_improvement(taker, maker, qty);
        }
        (taker_fee, maker_fee)
    }

    fn receive(&mut self, account: AccountId, asset: AssetId, amount: i128, fee: i128) {
        self.balance_mut(account, asset).free += amount - fee;
        self.balance_mut(FEE_ACCOUNT, asset).free += fee;
    }

    fn keep_improvement(&mut self, taker: &Order, maker: &Order, qty: i128) {
        let (taker, maker) = (taker.accepted, maker.accepted);
        if taker.side == Side::Buy && taker.kind == OrderKind::Limit {
            let better = taker.price.0 - maker.price.0;
            let (quote, more) = self.needs(taker.market, Side::Buy, better, qty as u64);
            self.balance_mut(taker.account, quote).free -= more;
            self.balance_mut(maker.account, quote).free += more;
        }
    }

    fn own_fees(&self, order: &Order) -> Option<tandem_core::types::Fees> {
        let account = &self.accounts[order.accepted.account.0 as usize];
        if self.bug(Planted::OwnRatesIgnored) { None } else { account.fees }
    }

    /// Rounded up.
    fn fee(&self, received: i128, rate: u32) -> i128 {
        let one = i128::from(RATE_ONE);
        let exact = received * i128::from(rate);
        if self.bug(Planted::FeeRoundedDown) { exact / one } else { (exact + one - 1) / one }
    }

    /// Prevents one match; true when it closes the taker.
    fn prevent(
        &mut self,
        taker: &mut Order,
        maker: &Order,
        mode: SelfTradePrevention,
        events: &mut Vec<Event>,
    ) -> bool {
        let (id, smaller) = (taker.accepted.market, taker.left.min(maker.left));
        let (off_taker, off_maker) = match mode {
            SelfTradePrevention::ExpireTaker => (taker.left, 0),
            SelfTradePrevention::ExpireMaker => (0, maker.left),
            SelfTradePrevention::ExpireBoth => (taker.left, maker.left),
            SelfTradePrevention::Decrement if self.bug(Planted::DecrementSparesMaker) => (smaller, 0),
            SelfTradePrevention::Decrement => (smaller, smaller),
            SelfTradePrevention::None => (0, 0),
        };
        taker.left -= off_taker;
        taker.prevented += off_taker;
        let maker_after = Order {
            left: maker.left - off_maker,
            prevented: maker.prevented + off_maker,
            updated_at: self.time,
            ..*maker
        };
        if off_maker > 0 {
            self.unlock(&maker.accepted, off_maker);
            self.change_maker(id, maker.accepted.order_id, |order| *order = maker_after);
            if self.bug(Planted::ExpiredMakerKeepsLock) && mode != SelfTradePrevention::Decrement {
                self.lock(&maker.accepted, off_maker);
            }
        }
        let market = self.market_mut(id);
        let prevented_match_id = PreventedMatchId(market.prevented_matches);
        market.prevented_matches += 1;
        events.push(Event::SelfTradePrevented(SelfTradePrevented {
            market: id,
            prevented_match_id,
            account: taker.accepted.account,
            mode,
            price: maker.accepted.price,
            taker_order: taker.accepted.order_id,
            maker_order: maker.accepted.order_id,
            taker_prevented: Qty(off_taker),
            maker_prevented: Qty(off_maker),
            taker_left: Qty(taker.left),
            maker_left: Qty(maker_after.left),
        }));
        let (status, reason) = (CloseStatus::ExpiredInMatch, CloseReason::SelfTrade);
        let mut ends = Vec::new();
        if maker_after.left == 0 {
            ends.push(closed(&maker_after, status, reason, ClientOrderId::EMPTY));
        }
        if taker.left == 0 {
            ends.push(closed(taker, status, reason, ClientOrderId::EMPTY));
        }
        if self.bug(Planted::TakerClosedFirst) {
            ends.reverse();
        }
        events.extend(ends);
        taker.left == 0
    }
}
