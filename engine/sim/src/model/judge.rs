//! What a new order is judged by, check after check, in the order of the rules: group A and group B.

use tandem_core::command::PlaceOrder;
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, AssetId, BIPS_ONE, FEE_ACCOUNT, Feature, MarketId, MarketStatus, OrderKind, OrderState, PEG_OFFSET_MAX,
    PegPrice, SelfTradePrevention, Side, Terms, TimeInForce,
};

use super::admin::{DELTA_ABOVE_MAX, NUMBER_MAX};
use super::plan::Plan;
use super::{Model, Order};
use crate::planted::Planted;

/// What an order is judged for.
#[derive(Clone, Copy)]
pub(super) struct Judging {
    /// Where it goes if it passes.
    pub(super) state: OrderState,
    /// Its quantity is not known yet.
    pub(super) is_unsized: bool,
    /// The bounds on the number of orders are asked.
    pub(super) is_counted: bool,
}

/// So many of each are to be placed.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) orders: u64,
    pub(super) contingent: u64,
    pub(super) icebergs: u64,
    pub(super) lists: u64,
}

/// The terms of an order, the default ones if it has none.
pub(super) fn terms(order: &PlaceOrder) -> Terms {
    order.terms.as_deref().copied().unwrap_or_default()
}

/// Where an order goes that is in no list.
pub(super) const fn first_state(kind: OrderKind) -> OrderState {
    if kind.is_contingent() { OrderState::Waiting } else { OrderState::Working }
}

impl Model {
    /// The first check that fails, or the quantity that the order is accepted with.
    ///
    /// # Errors
    /// The reject.
    pub fn check_order(&self, order: &PlaceOrder) -> Result<u64, RejectCode> {
        let pegged = self.check_alone(order)?;
        self.check_b(order, pegged, first_state(order.kind), true)
    }

    /// Group A of an order that is in no list; gives its pegged price, 0 without.
    pub(super) fn check_alone(&self, order: &PlaceOrder) -> Result<u64, RejectCode> {
        self.check_a(order, Judging { state: first_state(order.kind), is_unsized: false, is_counted: true })
    }

    /// Group A; gives the pegged price, 0 without.
    pub(super) fn check_a(&self, order: &PlaceOrder, judging: Judging) -> Result<u64, RejectCode> {
        self.check_party(order.account, order.market)?;
        check_fields(order, judging.is_unsized)?;
        self.check_kind_and_features(order)?;
        check_peg(order)?;
        let rules = &self.market(order.market)?.rules;
        if rules.stp_allowed & (1 << self.mode(order) as u8) == 0 {
            return Err(RejectCode::StpModeNotAllowed);
        }
        let pegged = if judging.state == OrderState::Working { self.resolve_peg(order)? } else { 0 };
        self.check_filters(order, pegged, judging.is_unsized)?;
        if judging.is_counted {
            let (contingent, icebergs) = (order.kind.is_contingent(), terms(order).iceberg_qty.0 > 0);
            let counts = Counts { orders: 1, contingent: contingent.into(), icebergs: icebergs.into(), lists: 0 };
            self.check_counts(order.account, order.market, counts)?;
        }
        Ok(pegged)
    }

    /// Group B; gives the quantity that the order is accepted with.
    pub(super) fn check_b(
        &self,
        order: &PlaceOrder,
        pegged: u64,
        state: OrderState,
        asks_client_id: bool,
    ) -> Result<u64, RejectCode> {
        if asks_client_id {
            self.check_client_id(order)?;
        }
        self.check_last_and_best(order, pegged, state)?;
        if state != OrderState::Working {
            let (asset, need) = self.need_of(order)?;
            self.check_free(order, asset, need)?;
            return Ok(order.qty.0);
        }
        let (qty, plan) = match order.kind.works_as() {
            OrderKind::Market => self.check_liquidity(order)?,
            _ => (order.qty.0, Plan::default()),
        };
        let (asset, needed) = self.gives_now(order, pegged, &plan);
        self.check_free(order, asset, needed)?;
        Ok(qty)
    }

    /// What an order that works at once has to be covered by.
    pub(super) fn gives_now(&self, order: &PlaceOrder, pegged: u64, plan: &Plan) -> (AssetId, i128) {
        let market = &self.markets[order.market.0 as usize];
        match (order.side, order.kind.works_as()) {
            (Side::Buy, OrderKind::Market) => (market.quote, plan.cost + plan.transfer_cost),
            (Side::Sell, OrderKind::Market) if order.quote_qty.0 > 0 => {
                (market.base, i128::from(plan.qty) + i128::from(plan.transfer_qty))
            }
            _ => self.needs(order.market, order.side, if pegged > 0 { pegged } else { order.price.0 }, order.qty.0),
        }
    }

    /// The need of an order that does not work yet.
    pub(super) fn need_of(&self, order: &PlaceOrder) -> Result<(AssetId, i128), RejectCode> {
        let price = self.need_price(order.market, order.price.0, terms(order).stop_price.0);
        match (order.side, price) {
            (Side::Buy, None) => Err(RejectCode::LiquidityInsufficient),
            (side, price) => Ok(self.need(order.market, side, price.unwrap_or(0), order.qty.0)),
        }
    }

    fn check_free(&self, order: &PlaceOrder, asset: AssetId, needed: i128) -> Result<(), RejectCode> {
        let balance = self.balance(order.account, asset);
        let locked_counts = self.bug(Planted::SellCountsLocked) && order.side == Side::Sell;
        let available = if locked_counts { balance.free + balance.locked } else { balance.free };
        if available < needed { Err(RejectCode::BalanceInsufficient) } else { Ok(()) }
    }

    /// The self-trade prevention mode of an order.
    pub(super) fn mode(&self, order: &PlaceOrder) -> SelfTradePrevention {
        order.stp.unwrap_or(self.markets[order.market.0 as usize].rules.stp_default)
    }

    /// Who, where, and whether they may: checks 1 to 3.
    pub(super) fn check_party(&self, account: AccountId, market: MarketId) -> Result<(), RejectCode> {
        let who = self.account(account)?;
        let market = self.market(market)?;
        if !who.can_trade || account == FEE_ACCOUNT {
            return Err(RejectCode::AccountMayNotTrade);
        }
        if who.permissions & market.rules.permissions == 0 {
            return Err(RejectCode::MarketNotPermitted);
        }
        if market.status != MarketStatus::Trading && !self.bug(Planted::HaltTakesOrders) {
            return Err(RejectCode::MarketClosed);
        }
        Ok(())
    }

    pub(super) fn has(&self, market: MarketId, feature: Feature) -> bool {
        self.markets[market.0 as usize].rules.features & (1 << feature as u16) != 0
    }

    fn check_kind_and_features(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        let terms = terms(order);
        if self.market(order.market)?.rules.kinds & (1 << order.kind as u8) == 0 {
            return Err(RejectCode::OrderKindNotSupported);
        }
        let lacks = |wanted: bool, feature: Feature| wanted && !self.has(order.market, feature);
        if lacks(terms.iceberg_qty.0 > 0, Feature::Iceberg) {
            return Err(RejectCode::IcebergNotSupported);
        }
        if lacks(terms.trailing_delta > 0, Feature::Trailing) {
            return Err(RejectCode::TrailingNotSupported);
        }
        if lacks(terms.peg.is_some(), Feature::Peg) {
            return Err(RejectCode::PegNotSupported);
        }
        if lacks(order.quote_qty.0 > 0, Feature::QuoteQtyMarket) {
            return Err(RejectCode::QuoteQtyNotSupported);
        }
        if terms.use_sor && self.sor_of(order.market).is_none() {
            return Err(RejectCode::SorNotSupported);
        }
        Ok(())
    }

    /// The price of the level that the peg names; 0 without a peg.
    fn resolve_peg(&self, order: &PlaceOrder) -> Result<u64, RejectCode> {
        let Some(peg) = terms(order).peg else { return Ok(0) };
        let side = match peg.price {
            PegPrice::Primary => order.side,
            PegPrice::Market => order.side.opposite(),
        };
        let levels = self.depth(order.market, side);
        let deeper = usize::from(self.bug(Planted::PegOneDeeper));
        let level = levels.get(usize::from(peg.offset.unwrap_or(0)) + deeper);
        level.map(|(price, _)| price.0).ok_or(RejectCode::PegUnresolved)
    }

    /// Check 17, and 5 of a list: bounds of the market, then of the exchange.
    pub(super) fn check_counts(&self, account: AccountId, id: MarketId, new: Counts) -> Result<(), RejectCode> {
        let rules = &self.market(id)?.rules;
        let spare = u64::from(self.bug(Planted::MaxOrdersOffByOne));
        let fits = |bound: u32, open: u64, new: u64| bound == 0 || new == 0 || open + new <= u64::from(bound);
        let here = self.count_open(account, |market| market == id);
        if rules.max_num_orders != 0 && here.orders + new.orders > u64::from(rules.max_num_orders) + spare {
            return Err(RejectCode::MaxNumOrdersReached);
        }
        if !fits(rules.max_num_algo_orders, here.contingent, new.contingent) {
            return Err(RejectCode::MaxNumAlgoOrdersReached);
        }
        if !fits(rules.max_num_iceberg_orders, here.icebergs, new.icebergs) {
            return Err(RejectCode::MaxNumIcebergOrdersReached);
        }
        if !fits(rules.max_num_order_lists, here.lists, new.lists) {
            return Err(RejectCode::MaxNumOrderListsReached);
        }
        let is_local = self.bug(Planted::ExchangeBoundsPerMarket);
        let everywhere = self.count_open(account, |market| market == id || !is_local);
        if !fits(self.rules.max_num_orders, everywhere.orders, new.orders) {
            return Err(RejectCode::ExchangeMaxNumOrdersReached);
        }
        if !fits(self.rules.max_num_algo_orders, everywhere.contingent, new.contingent) {
            return Err(RejectCode::ExchangeMaxNumAlgoOrdersReached);
        }
        if !fits(self.rules.max_num_iceberg_orders, everywhere.icebergs, new.icebergs) {
            return Err(RejectCode::ExchangeMaxNumIcebergOrdersReached);
        }
        if !fits(self.rules.max_num_order_lists, everywhere.lists, new.lists) {
            return Err(RejectCode::ExchangeMaxNumOrderListsReached);
        }
        Ok(())
    }

    /// What of an account is open in some markets.
    fn count_open(&self, account: AccountId, is_in: impl Fn(MarketId) -> bool) -> Counts {
        let own = |order: &&Order| order.accepted.account == account && is_in(order.accepted.market);
        let orders = || self.markets.iter().flat_map(|market| &market.orders).filter(own);
        let working_too = self.bug(Planted::WorkingCountsAsAlgo);
        let waits = |order: &&Order| order.accepted.kind.is_contingent() && (!order.is_working() || working_too);
        Counts {
            orders: orders().count() as u64,
            contingent: orders().filter(waits).count() as u64,
            icebergs: orders().filter(|order| order.terms.iceberg_qty.0 > 0).count() as u64,
            lists: self.lists.values().filter(|list| list.account == account && is_in(list.market)).count() as u64,
        }
    }

    pub(super) fn check_client_id(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        let (market, id) = (self.market(order.market)?, order.client_order_id);
        let is_stale = self.bug(Planted::ClientIdNeverFree) && market.client_ids_ever.contains(&(order.account, id));
        let is_same = |open: &Order| open.accepted.account == order.account && open.accepted.client_order_id == id;
        if !id.is_empty() && (is_stale || market.orders.iter().any(is_same)) {
            return Err(RejectCode::ClientOrderIdInUse);
        }
        Ok(())
    }

    /// Check 19: a LIMIT_MAKER would not take, a contingent order is not at its trigger already.
    fn check_last_and_best(&self, order: &PlaceOrder, pegged: u64, state: OrderState) -> Result<(), RejectCode> {
        if state == OrderState::Working && self.would_take(order, pegged) {
            return Err(RejectCode::WouldTake);
        }
        let stop = terms(order).stop_price.0;
        if let Some(last) = self.last_price(order.market)
            && order.kind.is_contingent()
            && stop > 0
            && !self.bug(Planted::WouldTriggerIgnored)
        {
            let is_above = order.kind.triggers_above(order.side);
            if (is_above && last.0 >= stop) || (!is_above && last.0 <= stop) {
                return Err(RejectCode::WouldTrigger);
            }
        }
        Ok(())
    }

    pub(super) fn would_take(&self, order: &PlaceOrder, pegged: u64) -> bool {
        let limit = if pegged > 0 { pegged } else { order.price.0 };
        let best = self.depth(order.market, order.side.opposite()).first().map(|(price, _)| price.0);
        order.kind == OrderKind::LimitMaker
            && !self.bug(Planted::LimitMakerTakes)
            && best.is_some_and(|best| self.crosses_at(order.kind, order.side, limit, best))
    }
}

fn check_fields(order: &PlaceOrder, is_unsized: bool) -> Result<(), RejectCode> {
    let (price, qty, quote_qty, terms) = (order.price.0, order.qty.0, order.quote_qty.0, terms(order));
    let has_qty = qty > 0 || is_unsized;
    let is_priced = price > 0 || terms.peg.is_some();
    let is_gtc = order.tif == TimeInForce::Gtc;
    let works = match order.kind.works_as() {
        OrderKind::Limit => is_priced && has_qty && quote_qty == 0,
        OrderKind::LimitMaker => is_priced && has_qty && quote_qty == 0 && is_gtc,
        _ if order.kind == OrderKind::Market => price == 0 && is_gtc && (has_qty != (quote_qty > 0)),
        _ => price == 0 && is_gtc && has_qty && quote_qty == 0,
    };
    let waits_for = terms.stop_price.0 > 0 || terms.trailing_delta > 0;
    let iceberg = match order.kind.works_as() {
        OrderKind::Limit => is_gtc,
        kind => kind == OrderKind::LimitMaker,
    };
    let can_route = order.kind == OrderKind::Limit || (order.kind == OrderKind::Market && quote_qty == 0);
    let go_together = works
        && waits_for == order.kind.is_contingent()
        && (iceberg || terms.iceberg_qty.0 == 0)
        && terms.peg.is_none_or(|peg| peg.offset.is_none_or(|offset| (1..=PEG_OFFSET_MAX).contains(&offset)))
        && (!terms.use_sor || (can_route && terms.peg.is_none()));
    let is_above = order.kind.triggers_above(order.side);
    let delta_max = if is_above { DELTA_ABOVE_MAX } else { BIPS_ONE };
    let fit = [price, qty, terms.stop_price.0, terms.iceberg_qty.0].iter().all(|number| *number <= NUMBER_MAX)
        && quote_qty <= u128::from(NUMBER_MAX)
        && terms.trailing_delta <= delta_max;
    if go_together && fit { Ok(()) } else { Err(RejectCode::OrderFieldsInvalid) }
}

/// Check 6: which kinds may be pegged to what.
fn check_peg(order: &PlaceOrder) -> Result<(), RejectCode> {
    let Some(peg) = terms(order).peg else { return Ok(()) };
    let is_gtc = order.tif == TimeInForce::Gtc;
    match (order.kind, peg.price) {
        (OrderKind::Market | OrderKind::StopLoss | OrderKind::TakeProfit, _) => Err(RejectCode::PegKindInvalid),
        (OrderKind::LimitMaker, PegPrice::Market) => Err(RejectCode::PegPriceInvalid),
        (OrderKind::Limit, PegPrice::Primary) if !is_gtc => Err(RejectCode::PegPriceInvalid),
        _ => Ok(()),
    }
}
