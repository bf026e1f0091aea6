//! Orders that make sense, orders that are spoilt, and cancels.

use tandem_core::command::{CancelOrder, Command, PlaceOrder};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, Amount, CLIENT_ORDER_ID_MAX, CancelRestriction, ClientOrderId, MarketId, OrderId, OrderKind, OrderState,
    Price, Qty, SelfTradePrevention, Side, TimeInForce,
};

use super::Generator;
use crate::model::{Market, Model};

pub(super) const NUMBER_MAX: u64 = (1 << 63) - 1;
/// Ticks between two prices that very many orders wait for.
pub(super) const STAMPEDE: u64 = 64;

impl Generator {
    pub(super) fn order(&mut self, model: &Model, market: MarketId) -> Command {
        let mut order = self.draw_order(model, market);
        if self.random.percent(self.profile.spoilt_percent) {
            self.spoil(model, &mut order);
            return Command::PlaceOrder(order);
        }
        if self.random.percent(self.profile.careless_percent) {
            return Command::PlaceOrder(order);
        }
        for _ in 0..6 {
            match model.check_order(&order) {
                Ok(_) => break,
                Err(RejectCode::BalanceInsufficient) if self.random.percent(30) => {
                    return self.credit_for(model, &order);
                }
                Err(code) if self.random.percent(10) && is_lasting(code) => return self.relief(model, &order, code),
                Err(_) => order = self.draw_order(model, market),
            }
        }
        Command::PlaceOrder(order)
    }

    fn draw_order(&mut self, model: &Model, id: MarketId) -> PlaceOrder {
        let side = self.random.pick(Side::ALL);
        let account = AccountId(1 + self.random.below(self.profile.accounts) as u32);
        let kind = self.random.weighted(&self.profile.kinds);
        self.draw_order_of(model, (account, id, side), kind)
    }

    /// An order of somebody, of a kind as the profile numbers them.
    pub(super) fn draw_order_of(
        &mut self,
        model: &Model,
        (account, id, side): (AccountId, MarketId, Side),
        kind: usize,
    ) -> PlaceOrder {
        let mut order = PlaceOrder {
            account,
            market: id,
            side,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            price: Price(0),
            qty: Qty(0),
            quote_qty: Amount(0),
            client_order_id: self.client_order_id(),
            stp: None,
            strategy_id: self.random.one_in(20).then(|| self.random.next() as i64),
            strategy_type: self.random.one_in(20).then(|| self.random.next() as i32),
            terms: None,
        };
        if self.random.percent(self.profile.stp_percent) {
            order.stp = Some(self.random.pick(SelfTradePrevention::ALL));
        }
        let Some(market) = model.markets.get(id.0 as usize) else {
            return order;
        };
        let (lots, mid) = (self.lots(market), self.mid(id, market));
        order.qty = Qty(lots.saturating_mul(market.rules.lot_size.0));
        match kind {
            0 => {}
            1 => order.tif = TimeInForce::Ioc,
            2 => order.tif = TimeInForce::Fok,
            3 => order.kind = OrderKind::LimitMaker,
            4 | 5 => order.kind = OrderKind::Market,
            _ => order.kind = OrderKind::ALL[kind - 3],
        }
        if kind == 5 {
            let decimals = model.assets[market.base.0 as usize].decimals;
            order.quote_qty = self.quote_qty(market, mid, lots, decimals);
            order.qty = Qty(0);
        }
        if order.kind == OrderKind::LimitMaker || order.kind == OrderKind::Limit {
            order.price = self.price(market, &order, mid);
        }
        self.dress(model, market, &mut order, mid);
        order
    }

    fn mid(&mut self, id: MarketId, market: &Market) -> u64 {
        let index = id.0 as usize;
        while self.mids.len() <= index {
            let mid = self.profile.mid(&mut self.random);
            self.mids.push(mid);
        }
        let max = (9_000_000_000_000_000_000 / market.rules.tick_size.0).max(1);
        let waiting = market.orders.iter().filter(|order| order.state == OrderState::Waiting).count();
        if self.profile.is_stampede && waiting > 320 && self.random.one_in(10) {
            // To where they all wait.
            self.mids[index] = STAMPEDE * (self.mids[index] / STAMPEDE + 1);
        } else if !self.profile.is_stampede && self.random.one_in(50) {
            let mid = self.mids[index];
            let drift = self.random.below(self.profile.spread + 1);
            self.mids[index] =
                if self.random.one_in(2) { (mid + drift).min(max) } else { mid.saturating_sub(drift).max(1) };
        }
        self.mids[index].min(max)
    }

    /// Most prices of orders that may rest leave room to the other side; of the others, few.
    fn price(&mut self, market: &Market, order: &PlaceOrder, mid: u64) -> Price {
        let distance = self.random.below(self.profile.spread + 1);
        let passive_percent = match order.tif {
            TimeInForce::Gtc if self.profile.is_deep => 95,
            TimeInForce::Gtc => 60,
            TimeInForce::Ioc | TimeInForce::Fok => 20,
        };
        let is_passive = order.kind == OrderKind::LimitMaker || self.random.percent(passive_percent);
        let ticks = match (order.side, is_passive) {
            (Side::Buy, true) | (Side::Sell, false) => mid.saturating_sub(distance).max(1),
            (Side::Sell, true) | (Side::Buy, false) => mid.saturating_add(distance),
        };
        Price(ticks.saturating_mul(market.rules.tick_size.0))
    }

    fn lots(&mut self, market: &Market) -> u64 {
        let rules = &market.rules;
        let least = rules.qty_min.0.max(rules.market_qty_min.0).div_ceil(rules.lot_size.0).max(1);
        let most = (NUMBER_MAX / rules.lot_size.0).max(1);
        let lots = if self.profile.is_huge && self.random.one_in(10) {
            self.random.between(most / 4, most)
        } else {
            self.random.between(1, self.profile.lots)
        };
        lots.max(least).min(most)
    }

    fn quote_qty(&mut self, market: &Market, mid: u64, lots: u64, decimals: u8) -> Amount {
        let price = u128::from(mid.saturating_mul(market.rules.tick_size.0));
        let worth = price * u128::from(lots) * u128::from(market.rules.lot_size.0) / 10_u128.pow(u32::from(decimals));
        let dust = u128::from(self.random.below(3)) * u128::from(self.random.below(1000));
        // Sometimes more than the book has.
        let times = if self.random.one_in(10) { 8 } else { 1 };
        Amount(worth.saturating_mul(times).saturating_add(dust).min(u128::from(NUMBER_MAX)))
    }

    pub(super) fn client_order_id(&mut self) -> ClientOrderId {
        if self.profile.client_ids == 0 || self.random.one_in(3) {
            return ClientOrderId::EMPTY;
        }
        let mut text = format!("c{}", self.random.below(self.profile.client_ids));
        if self.random.one_in(10) {
            text = format!("{text:_>CLIENT_ORDER_ID_MAX$}");
        }
        ClientOrderId::new(text.as_bytes()).unwrap_or(ClientOrderId::EMPTY)
    }

    /// Makes one thing wrong, or at least odd.
    pub(super) fn spoil(&mut self, model: &Model, order: &mut PlaceOrder) {
        let odd = self.random.pick(&[0, 1, NUMBER_MAX - 1, NUMBER_MAX, 1 << 63, u64::MAX - 1, u64::MAX]);
        match self.random.below(19) {
            0 => order.account = AccountId(self.random.pick(&[0, model.accounts.len() as u32, u32::MAX])),
            1 => order.market = MarketId(self.random.pick(&[model.markets.len() as u32, u32::MAX])),
            2 => order.price = Price(odd),
            3 => order.qty = Qty(odd),
            4 => order.quote_qty = Amount(u128::from(odd)),
            5 => order.quote_qty = Amount(self.random.pick(&[1, 1 << 63, 1 << 64, 1 << 100, u128::MAX])),
            6 => order.tif = self.random.pick(TimeInForce::ALL),
            7 => order.kind = self.random.pick(OrderKind::ALL),
            8 => order.price = Price(order.price.0.saturating_add(1)),
            9 => order.qty = Qty(order.qty.0.saturating_add(1)),
            10 => order.qty = Qty(order.qty.0.saturating_mul(1_000_000)),
            11 => order.price = Price(order.price.0.saturating_mul(1_000)),
            12 => order.price = Price(order.price.0 / 3),
            13 => order.qty = Qty(order.qty.0 / 3),
            14 => self.make_it_cross(model, order),
            15..=17 => self.spoil_terms(order),
            _ => self.reuse_a_client_id(model, order),
        }
    }

    fn make_it_cross(&mut self, model: &Model, order: &mut PlaceOrder) {
        if let Some(best) = model.depth(order.market, order.side.opposite()).first() {
            order.kind = OrderKind::LimitMaker;
            order.tif = TimeInForce::Gtc;
            order.quote_qty = Amount(0);
            order.price = best.0;
        }
    }

    fn reuse_a_client_id(&mut self, model: &Model, order: &mut PlaceOrder) {
        let open = model.markets.get(order.market.0 as usize).map_or(&[][..], |market| &market.orders);
        if let Some(open) = open.get(self.random.below(open.len() as u64) as usize) {
            order.client_order_id = open.accepted.client_order_id;
            order.account = open.accepted.account;
        }
    }

    pub(super) fn cancel(&mut self, model: &Model) -> Command {
        let market = self.market(model);
        self.cancel_in(model, market)
    }

    pub(super) fn cancel_in(&mut self, model: &Model, market: MarketId) -> Command {
        Command::CancelOrder(self.draw_cancel(model, market))
    }

    /// Mostly right; sometimes foreign, dead, mismatched or empty.
    pub(super) fn draw_cancel(&mut self, model: &Model, market: MarketId) -> CancelOrder {
        let mut cancel = CancelOrder {
            account: AccountId(1),
            market,
            order_id: None,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: self.client_order_id(),
            restriction: self.random.one_in(10).then(|| self.random.pick(CancelRestriction::ALL)),
        };
        let open = model.markets.get(market.0 as usize).map_or(&[][..], |market| &market.orders);
        if let Some(order) = open.get(self.random.below(open.len() as u64) as usize) {
            cancel.account = order.accepted.account;
            cancel.client_order_id = order.accepted.client_order_id;
            if cancel.client_order_id.is_empty() || self.random.one_in(2) {
                cancel.order_id = Some(order.accepted.order_id);
            }
            if cancel.order_id.is_some() && self.random.one_in(2) {
                cancel.client_order_id = ClientOrderId::EMPTY;
            }
        }
        if open.is_empty() || self.random.one_in(8) {
            match self.random.below(6) {
                0 => cancel.account = AccountId(self.random.below(model.accounts.len() as u64 + 1) as u32),
                1 => cancel.market = MarketId(self.random.below(model.markets.len() as u64 + 1) as u32),
                2 => cancel.order_id = Some(OrderId(self.random.below(self.sent_count + 2))),
                3 => cancel.client_order_id = self.client_order_id(),
                4 => cancel.order_id = Some(OrderId(self.random.pick(&[0, 1, u64::MAX]))),
                _ => (cancel.order_id, cancel.client_order_id) = (None, ClientOrderId::EMPTY),
            }
        }
        cancel
    }

    pub(super) fn cancel_all(&mut self, model: &Model) -> Command {
        let one_too_many = u64::from(self.random.one_in(9));
        let market = MarketId(self.random.below(model.markets.len() as u64 + one_too_many) as u32);
        let account = AccountId(self.random.below(model.accounts.len() as u64 + one_too_many) as u32);
        Command::CancelAll { account, market, by_exchange: self.random.one_in(4) }
    }
}

/// Whether the next orders would fail in the same way.
const fn is_lasting(code: RejectCode) -> bool {
    matches!(
        code,
        RejectCode::AccountMayNotTrade
            | RejectCode::MarketNotPermitted
            | RejectCode::MaxNumOrdersReached
            | RejectCode::ExchangeMaxNumOrdersReached
            | RejectCode::ExchangeMaxNumAlgoOrdersReached
            | RejectCode::MaxAssetExceeded
            | RejectCode::MaxPositionReached
            | RejectCode::OrderKindNotSupported
            | RejectCode::PercentPriceFailed
            | RejectCode::PercentPriceBySideFailed
    )
}
