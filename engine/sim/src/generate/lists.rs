//! Lists, and what is done to open orders and lists later: amends, cancel-replaces, cancels of lists.

use tandem_core::command::{AmendOrder, CancelList, CancelReplace, Command, PlaceList, PlaceOrder};
use tandem_core::types::{
    AccountId, Amount, ClientOrderId, ListId, ListKind, MarketId, OrderId, OrderKind, Price, Qty, ReplaceMode, Side,
    TimeInForce,
};

use super::Generator;
use crate::model::Model;

/// Kinds as the profile numbers them.
const LIMIT_MAKER: usize = 3;
const STOP_LOSS: usize = 6;
const STOP_LOSS_LIMIT: usize = 7;
const TAKE_PROFIT: usize = 8;
const TAKE_PROFIT_LIMIT: usize = 9;

impl Generator {
    pub(super) fn place_list(&mut self, model: &Model) -> Command {
        let mut list = self.draw_list(model);
        if self.random.percent(self.profile.spoilt_percent) {
            self.spoil_list(model, &mut list);
            return Command::PlaceList(list);
        }
        for _ in 0..6 {
            if self.random.percent(self.profile.careless_percent) || model.check_list(&list).is_ok() {
                break;
            }
            list = self.draw_list(model);
        }
        Command::PlaceList(list)
    }

    fn draw_list(&mut self, model: &Model) -> PlaceList {
        let market = self.market(model);
        let account = AccountId(1 + self.random.below(self.profile.accounts) as u32);
        let kind = self.random.pick(ListKind::ALL);
        let side = self.random.pick(Side::ALL);
        let mut orders = Vec::new();
        let pending_side = if kind.pays_pending() { Side::Sell } else { side };
        if kind.has_working() {
            let side = if kind.pays_pending() { Side::Buy } else { self.random.pick(Side::ALL) };
            let kind = self.random.pick(&[0, 0, 0, 1, 2, LIMIT_MAKER]);
            orders.push(self.draw_order_of(model, (account, market, side), kind));
        }
        if kind.has_pair() {
            orders.extend(self.draw_pair(model, (account, market, pending_side)));
        } else {
            let kind = self.random.pick(&[0, 1, 2, LIMIT_MAKER, 4, STOP_LOSS, STOP_LOSS_LIMIT, TAKE_PROFIT]);
            orders.push(self.draw_order_of(model, (account, market, pending_side), kind));
        }
        let first_pending = usize::from(kind.has_working());
        for (index, order) in orders.iter_mut().enumerate() {
            if kind.pays_pending() && index >= first_pending {
                order.qty = Qty(0);
            }
            if let Some(mut terms) = order.terms.as_deref().copied() {
                terms.use_sor = false;
                super::terms::set_terms(order, terms);
            }
        }
        PlaceList { account, market, kind, client_list_id: self.client_order_id(), orders }
    }

    fn draw_pair(&mut self, model: &Model, of: (AccountId, MarketId, Side)) -> [PlaceOrder; 2] {
        let kind = self.random.pick(&[STOP_LOSS, STOP_LOSS_LIMIT]);
        let first = self.draw_order_of(model, of, kind);
        let kind = self.random.pick(&[LIMIT_MAKER, LIMIT_MAKER, TAKE_PROFIT, TAKE_PROFIT_LIMIT]);
        let mut second = self.draw_order_of(model, of, kind);
        second.qty = first.qty;
        if let Some(last) = model.last_price(of.1)
            && second.kind == OrderKind::LimitMaker
            && second.price.0 > 0
        {
            let tick = model.markets[of.1.0 as usize].rules.tick_size.0;
            let away = (1 + self.random.below(self.profile.spread + 1)).saturating_mul(tick);
            second.price = match of.2 {
                Side::Sell => Price(last.0.saturating_add(away)),
                Side::Buy => Price(last.0.saturating_sub(away).max(tick)),
            };
        }
        if let Some(mut terms) = second.terms.as_deref().copied()
            && terms.iceberg_qty > second.qty
        {
            terms.iceberg_qty = second.qty;
            super::terms::set_terms(&mut second, terms);
        }
        [first, second]
    }

    fn spoil_list(&mut self, model: &Model, list: &mut PlaceList) {
        let index = self.random.below(list.orders.len() as u64) as usize;
        match self.random.below(14) {
            0 => list.kind = self.random.pick(ListKind::ALL),
            1 => drop(list.orders.pop()),
            2 => list.orders.push(list.orders[index].clone()),
            3 => list.account = AccountId(self.random.pick(&[0, 1, model.accounts.len() as u32])),
            4 => list.market = MarketId(self.random.pick(&[0, 1, model.markets.len() as u32])),
            5 => list.orders.reverse(),
            6 => list.orders[index].kind = self.random.pick(OrderKind::ALL),
            7 => list.orders[index].qty = Qty(list.orders[index].qty.0.saturating_mul(2)),
            8 => list.orders[index].quote_qty = Amount(1000),
            9 => list.orders[index].tif = self.random.pick(TimeInForce::ALL),
            10 => list.orders[index].client_order_id = list.orders[0].client_order_id,
            11 => list.orders.clear(),
            12 => self.reuse_a_list_id(model, list),
            _ => self.spoil(model, &mut list.orders[index]),
        }
    }

    fn reuse_a_list_id(&mut self, model: &Model, list: &mut PlaceList) {
        let index = self.random.below(model.lists.len() as u64) as usize;
        if let Some(open) = model.lists.values().nth(index) {
            list.client_list_id = open.client_list_id;
            list.account = open.account;
            list.orders.iter_mut().for_each(|order| order.account = open.account);
        }
    }

    /// Mostly an open list; sometimes foreign, dead, mismatched or none.
    pub(super) fn cancel_list(&mut self, model: &Model) -> Command {
        let mut cancel = CancelList {
            account: AccountId(1),
            market: self.market(model),
            list_id: None,
            client_list_id: ClientOrderId::EMPTY,
            new_client_order_id: self.client_order_id(),
        };
        let index = self.random.below(model.lists.len() as u64) as usize;
        if let Some(list) = model.lists.values().nth(index) {
            (cancel.account, cancel.market) = (list.account, list.market);
            cancel.list_id = Some(list.id);
            if self.random.one_in(2) && !list.client_list_id.is_empty() {
                cancel.client_list_id = list.client_list_id;
                cancel.list_id = if self.random.one_in(2) { None } else { cancel.list_id };
            }
        }
        match self.random.below(40) {
            0 => cancel.account = AccountId(self.random.below(model.accounts.len() as u64 + 1) as u32),
            1 => cancel.market = MarketId(self.random.below(model.markets.len() as u64 + 1) as u32),
            2 => cancel.list_id = Some(ListId(self.random.pick(&[0, 1, u64::MAX]))),
            3 => cancel.client_list_id = self.client_order_id(),
            4 => (cancel.list_id, cancel.client_list_id) = (None, ClientOrderId::EMPTY),
            _ => {}
        }
        Command::CancelList(cancel)
    }

    pub(super) fn amend(&mut self, model: &Model) -> Command {
        let market = self.market(model);
        let mut amend = AmendOrder {
            account: AccountId(1),
            market,
            order_id: Some(OrderId(self.random.below(20))),
            client_order_id: ClientOrderId::EMPTY,
            new_qty: Qty(1),
            new_client_order_id: if self.random.one_in(3) { self.client_order_id() } else { ClientOrderId::EMPTY },
        };
        let record = model.markets.get(market.0 as usize);
        let orders = record.map_or(&[][..], |market| &market.orders);
        let Some((record, order)) = record.zip(orders.get(self.random.below(orders.len() as u64) as usize)) else {
            return Command::AmendOrder(amend);
        };
        amend.account = order.accepted.account;
        amend.order_id = Some(order.id());
        if self.random.one_in(3) {
            amend.client_order_id = order.accepted.client_order_id;
            amend.order_id = if self.random.one_in(2) { None } else { amend.order_id };
        }
        let lot = record.rules.lot_size.0;
        let (qty, gone) = (order.accepted.qty.0, order.filled + order.prevented);
        let less = (1 + self.random.below(qty / lot)).saturating_mul(lot);
        let odd = self.random.pick(&[0, 1, NUMBER_EDGE, NUMBER_EDGE + 1, u64::MAX]);
        amend.new_qty = Qty(match self.random.below(20) {
            0 => gone,
            1 => qty,
            2 => qty.saturating_add(lot),
            3 => qty.saturating_sub(1),
            4 => odd,
            5 => gone.saturating_add(lot),
            _ => qty.saturating_sub(less),
        });
        match self.random.below(60) {
            0 => amend.account = AccountId(self.random.below(model.accounts.len() as u64 + 1) as u32),
            1 => amend.market = MarketId(self.random.below(model.markets.len() as u64 + 1) as u32),
            _ => {}
        }
        Command::AmendOrder(amend)
    }

    pub(super) fn replace(&mut self, model: &Model) -> Command {
        let market = self.market(model);
        let cancel = self.draw_cancel(model, market);
        let kind = self.random.weighted(&self.profile.kinds.clone());
        let side = self.random.pick(Side::ALL);
        let mut order = self.draw_order_of(model, (cancel.account, cancel.market, side), kind);
        if self.random.one_in(4) && !cancel.client_order_id.is_empty() {
            // The id becomes free by the cancel.
            order.client_order_id = cancel.client_order_id;
        }
        if self.random.percent(self.profile.spoilt_percent) {
            self.spoil(model, &mut order);
        }
        Command::CancelReplace(Box::new(CancelReplace { cancel, mode: self.random.pick(ReplaceMode::ALL), order }))
    }
}

/// The largest number of the API.
const NUMBER_EDGE: u64 = super::orders::NUMBER_MAX;
