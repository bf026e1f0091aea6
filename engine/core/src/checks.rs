//! The checks of an order, in the order of `spec/rules.md`. They change nothing.
//!
//! Group A is `form` and `size`: it needs rules, rates and counts. Group B is `name`, `cross` and `funds`: it needs the
//! book and the balances.

use crate::book::{Book, Lots, Ticks};
use crate::command::PlaceOrder;
use crate::core::Core;
use crate::filters::{self, CountBounds};
use crate::ledger::{Counts, Wallet};
use crate::market::{Market, NUMBER_MAX, kind_bit, stp_bit};
use crate::plan::{self, Plan, Walker};
use crate::range::Range;
use crate::reject::RejectCode;
use crate::sor;
use crate::types::{
    Amount, AssetId, FEE_ACCOUNT, Feature, MarketStatus, OrderKind, OrderState, PEG_OFFSET_MAX, Peg, PegPrice, Price,
    SelfTradePrevention, Side, Terms, TimeInForce,
};
use crate::view::Account;

/// What group A found out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Of its limit; 0 where it has none, or none yet.
    pub(crate) ticks: Ticks,
    /// 0: by quote amount, or not known yet.
    pub(crate) lots: Lots,
    /// 0: no peg, or not known yet.
    pub(crate) pegged_price: Price,
}

/// An order that passed every check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// 0 for MARKET, and where there is no limit yet.
    pub(crate) ticks: Ticks,
    /// For MARKET by quote amount what the plan came to.
    pub(crate) lots: Lots,
    pub(crate) mode: SelfTradePrevention,
    /// A FOK order that would not be filled in full.
    pub(crate) is_unfilled_fok: bool,
    pub(crate) pegged_price: Price,
    /// What the need of an order that does not work yet is counted by; 0 for SELL.
    pub(crate) need_price: Price,
    /// What an order that does not work yet locks.
    pub(crate) lock: u128,
}

/// What an order needs: how much of which asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) asset: AssetId,
    pub(crate) amount: u128,
}

/// In which circumstances an order is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    /// Where it will be when it is accepted.
    pub(crate) state: OrderState,
    /// It will be one more among the account's open orders.
    pub(crate) is_counted: bool,
    /// Its quantity is not known yet.
    pub(crate) is_unsized: bool,
}

impl Occasion {
    /// Of an order that comes alone.
    #[inline(always)]
    pub(crate) const fn placed(kind: OrderKind) -> Self {
        Self { state: state_at_once(kind), is_counted: true, is_unsized: false }
    }

    /// Of an order that is open already, or counted with others.
    pub(crate) const fn uncounted(state: OrderState) -> Self {
        Self { state, is_counted: false, is_unsized: false }
    }
}

/// Where an order that nothing holds back is.
#[inline(always)]
pub(crate) const fn state_at_once(kind: OrderKind) -> OrderState {
    if kind.is_contingent() { OrderState::Waiting } else { OrderState::Working }
}

/// An order and what it is judged by.
pub(crate) struct Judge<'a> {
    pub(crate) core: &'a Core,
    pub(crate) order: &'a PlaceOrder,
    /// The order's.
    terms: Option<&'a Terms>,
    pub(crate) account: &'a Account,
    pub(crate) wallet: &'a Wallet,
    pub(crate) market: &'a Market,
    pub(crate) occasion: Occasion,
}

impl Core {
    /// Whether an order would be accepted now; changes nothing.
    pub fn check_order(&self, order: &PlaceOrder) -> Result<(), RejectCode> {
        self.judge(order).map(|_| ())
    }

    #[inline]
    pub(crate) fn judge(&self, order: &PlaceOrder) -> Result<Ready, RejectCode> {
        let judge = self.judge_of(order, Occasion::placed(order.kind))?;
        let mode = judge.form()?;
        let size = judge.size()?;
        judge.name()?;
        judge.rest(mode, size)
    }

    #[inline(always)]
    pub(crate) fn judge_of<'a>(&'a self, order: &'a PlaceOrder, occasion: Occasion) -> Result<Judge<'a>, RejectCode> {
        let account = self.accounts.get(order.account.0 as usize).ok_or(RejectCode::AccountUnknown)?;
        let wallet = self.ledger.wallet(order.account).ok_or(RejectCode::AccountUnknown)?;
        let market = self.markets.get(order.market.0 as usize).ok_or(RejectCode::MarketUnknown)?;
        Ok(Judge { core: self, order, terms: order.terms.as_deref(), account, wallet, market, occasion })
    }

    /// Checks 2 and 3: whether an account may place anything in a market now.
    #[inline(always)]
    pub(crate) fn judge_access(account: &Account, market: &Market) -> Result<(), RejectCode> {
        if !account.can_trade || account.id == FEE_ACCOUNT {
            return Err(RejectCode::AccountMayNotTrade);
        }
        if account.permissions & market.rules.permissions == 0 {
            return Err(RejectCode::MarketNotPermitted);
        }
        if market.status != MarketStatus::Trading {
            return Err(RejectCode::MarketClosed);
        }
        Ok(())
    }

    /// Check 17, for what is to be placed in one command.
    #[inline(always)]
    pub(crate) fn judge_counts(&self, wallet: &Wallet, market: &Market, more: Counts) -> Result<(), RejectCode> {
        let (rules, all) = (&market.rules, &self.exchange.rules);
        let is_special = more.algos | more.icebergs | more.lists != 0;
        let bounds_of_all =
            all.max_num_orders | all.max_num_algo_orders | all.max_num_iceberg_orders | all.max_num_order_lists;
        if is_special || bounds_of_all != 0 {
            return self.judge_all_counts(wallet, market, more);
        }
        if rules.max_num_orders != 0
            && wallet.counts(market.id).orders.saturating_add(more.orders) > rules.max_num_orders
        {
            return Err(RejectCode::MaxNumOrdersReached);
        }
        Ok(())
    }

    #[cold]
    fn judge_all_counts(&self, wallet: &Wallet, market: &Market, more: Counts) -> Result<(), RejectCode> {
        let rules = &market.rules;
        let bounds = CountBounds {
            orders: rules.max_num_orders,
            algos: rules.max_num_algo_orders,
            icebergs: rules.max_num_iceberg_orders,
            lists: rules.max_num_order_lists,
            codes: [
                RejectCode::MaxNumOrdersReached,
                RejectCode::MaxNumAlgoOrdersReached,
                RejectCode::MaxNumIcebergOrdersReached,
                RejectCode::MaxNumOrderListsReached,
            ],
        };
        filters::counts(&bounds, wallet.counts(market.id), more)?;
        let rules = &self.exchange.rules;
        let bounds = CountBounds {
            orders: rules.max_num_orders,
            algos: rules.max_num_algo_orders,
            icebergs: rules.max_num_iceberg_orders,
            lists: rules.max_num_order_lists,
            codes: [
                RejectCode::ExchangeMaxNumOrdersReached,
                RejectCode::ExchangeMaxNumAlgoOrdersReached,
                RejectCode::ExchangeMaxNumIcebergOrdersReached,
                RejectCode::ExchangeMaxNumOrderListsReached,
            ],
        };
        filters::counts(&bounds, wallet.counts_of_all(), more)
    }
}

impl Judge<'_> {
    /// Checks 2 to 7: who, where, and what goes together. The mode that holds.
    #[inline(always)]
    pub(crate) fn form(&self) -> Result<SelfTradePrevention, RejectCode> {
        let (order, rules) = (self.order, &self.market.rules);
        Core::judge_access(self.account, self.market)?;
        let goes_together = match self.terms {
            None => self.is_plain_whole(),
            Some(terms) => self.is_special_whole(terms),
        };
        if !goes_together {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        if rules.kinds & kind_bit(order.kind) == 0 {
            return Err(RejectCode::OrderKindNotSupported);
        }
        if self.terms.is_some() || order.quote_qty.0 > 0 {
            self.features()?;
        }
        let mode = order.stp.unwrap_or(rules.stp_default);
        if rules.stp_allowed & stp_bit(mode) == 0 {
            return Err(RejectCode::StpModeNotAllowed);
        }
        Ok(mode)
    }

    #[inline(always)]
    fn is_plain_whole(&self) -> bool {
        let order = self.order;
        let fits =
            order.price.0 <= NUMBER_MAX && order.qty.0 <= NUMBER_MAX && order.quote_qty.0 <= u128::from(NUMBER_MAX);
        let is_sized = order.qty.0 > 0 || self.occasion.is_unsized;
        let is_limit = order.price.0 > 0 && is_sized && order.quote_qty.0 == 0;
        let is_gtc = order.tif == TimeInForce::Gtc;
        let goes_together = match order.kind {
            OrderKind::Limit => is_limit,
            OrderKind::LimitMaker => is_limit && is_gtc,
            OrderKind::Market => {
                let has_one = (is_sized && order.quote_qty.0 == 0) || (order.qty.0 == 0 && order.quote_qty.0 > 0);
                order.price.0 == 0 && is_gtc && has_one
            }
            // They have a stop price or a trailing delta.
            _ => false,
        };
        fits && goes_together
    }

    /// Check 4 with everything that an order can have.
    #[cold]
    fn is_special_whole(&self, terms: &Terms) -> bool {
        let (order, is_gtc) = (self.order, self.order.tif == TimeInForce::Gtc);
        let numbers = [order.price.0, order.qty.0, terms.stop_price.0, terms.iceberg_qty.0];
        let fits = numbers.iter().all(|n| *n <= NUMBER_MAX) && order.quote_qty.0 <= u128::from(NUMBER_MAX);
        let is_sized = order.qty.0 > 0 || self.occasion.is_unsized;
        let has_limit = (order.price.0 > 0 || terms.peg.is_some()) && is_sized && order.quote_qty.0 == 0;
        let works_whole = match (order.kind.works_as(), order.kind) {
            (OrderKind::LimitMaker, _) => has_limit && is_gtc,
            (OrderKind::Market, OrderKind::Market) => {
                let has_one = (is_sized && order.quote_qty.0 == 0) || (order.qty.0 == 0 && order.quote_qty.0 > 0);
                order.price.0 == 0 && is_gtc && has_one
            }
            (OrderKind::Market, _) => order.price.0 == 0 && is_gtc && is_sized && order.quote_qty.0 == 0,
            _ => has_limit,
        };
        let has_trigger = terms.stop_price.0 > 0 || terms.trailing_delta > 0;
        let shows_parts = terms.iceberg_qty.0 == 0
            || match order.kind.works_as() {
                OrderKind::Limit => is_gtc,
                kind => kind == OrderKind::LimitMaker,
            };
        let has_offset = terms.peg.and_then(|peg| peg.offset).is_none_or(|n| (1..=PEG_OFFSET_MAX).contains(&n));
        let is_routable = match order.kind {
            OrderKind::Limit => terms.peg.is_none(),
            OrderKind::Market => terms.peg.is_none() && order.quote_qty.0 == 0,
            _ => false,
        };
        fits && works_whole
            && has_trigger == order.kind.is_contingent()
            && filters::trailing_delta_fits(order, terms)
            && shows_parts
            && has_offset
            && (!terms.use_sor || is_routable)
    }

    /// The rest of check 5, and check 6.
    #[cold]
    fn features(&self) -> Result<(), RejectCode> {
        let (order, market) = (self.order, self.market);
        let terms = self.terms.copied().unwrap_or_default();
        let wanted = [
            (terms.iceberg_qty.0 > 0, Feature::Iceberg, RejectCode::IcebergNotSupported),
            (terms.trailing_delta > 0, Feature::Trailing, RejectCode::TrailingNotSupported),
            (terms.peg.is_some(), Feature::Peg, RejectCode::PegNotSupported),
            (order.quote_qty.0 > 0, Feature::QuoteQtyMarket, RejectCode::QuoteQtyNotSupported),
        ];
        for (is_wanted, feature, code) in wanted {
            if is_wanted && !market.has(feature) {
                return Err(code);
            }
        }
        if terms.use_sor && !market.is_in_sor {
            return Err(RejectCode::SorNotSupported);
        }
        let Some(peg) = terms.peg else { return Ok(()) };
        match (order.kind, peg.price) {
            (OrderKind::Market | OrderKind::StopLoss | OrderKind::TakeProfit, _) => Err(RejectCode::PegKindInvalid),
            (OrderKind::LimitMaker, PegPrice::Market) => Err(RejectCode::PegPriceInvalid),
            (OrderKind::Limit, PegPrice::Primary) if order.tif != TimeInForce::Gtc => Err(RejectCode::PegPriceInvalid),
            _ => Ok(()),
        }
    }

    /// Checks 8 to 17.
    #[inline(always)]
    pub(crate) fn size(&self) -> Result<Size, RejectCode> {
        let (order, market) = (self.order, self.market);
        let mut size = Size::default();
        match self.terms {
            None if order.price.0 > 0 => size.ticks = filters::price_filter(market, order.price)?,
            None => {}
            Some(terms) => self.prices(terms, &mut size)?,
        }
        if market.rules.percent_price.is_some() {
            let judging = market.judging_price(self.core.time);
            filters::percent_price(market, order.side, [order.price, size.pegged_price], judging)?;
        }
        if !self.occasion.is_unsized {
            self.quantity(&mut size)?;
        }
        if let Some(terms) = self.terms.filter(|terms| terms.trailing_delta > 0) {
            filters::trailing_delta(market, order, terms)?;
        }
        if !self.occasion.is_unsized {
            if market.rules.max_position.0 != 0 && order.side == Side::Buy {
                filters::max_position(market, self.wallet, order.qty)?;
            }
            if self.wallet.has_limits() {
                filters::max_asset(market, self.wallet, order.qty, self.notional(&size))?;
            }
        }
        if self.occasion.is_counted {
            self.core.judge_counts(self.wallet, market, self.counts())?;
        }
        Ok(size)
    }

    /// Checks 8 and 9 where there may be more than one price.
    #[cold]
    fn prices(&self, terms: &Terms, size: &mut Size) -> Result<(), RejectCode> {
        if let Some(peg) = terms.peg.filter(|_| self.occasion.state == OrderState::Working) {
            size.pegged_price = self.pegged_price(peg)?;
        }
        for price in [self.order.price, terms.stop_price, size.pegged_price] {
            if price.0 > 0 {
                filters::price_filter(self.market, price)?;
            }
        }
        let limit = if size.pegged_price.0 > 0 { size.pegged_price } else { self.order.price };
        size.ticks = self.market.ticks(limit).ok_or(RejectCode::PriceFilterFailed)?;
        Ok(())
    }

    fn pegged_price(&self, peg: Peg) -> Result<Price, RejectCode> {
        let side = match peg.price {
            PegPrice::Primary => self.order.side,
            PegPrice::Market => self.order.side.opposite(),
        };
        let level = self.market.orders.book.levels(side).nth(usize::from(peg.offset.unwrap_or(0)));
        level.map(|(ticks, _)| self.market.price(ticks)).ok_or(RejectCode::PegUnresolved)
    }

    /// Checks 11 to 13.
    #[inline(always)]
    fn quantity(&self, size: &mut Size) -> Result<(), RejectCode> {
        let (order, market) = (self.order, self.market);
        if order.qty.0 > 0 {
            size.lots = filters::lot_size(market, order.qty)?;
            if let Some(terms) = self.terms.filter(|terms| terms.iceberg_qty.0 > 0) {
                filters::iceberg(market, order.qty, terms.iceberg_qty)?;
            }
        }
        if order.kind.works_as() == OrderKind::Market {
            if order.qty.0 > 0 {
                filters::market_lot_size(market, order.qty)?;
            }
            return filters::notional_of_market(market, || self.notional(size));
        }
        match self.notional(size) {
            Some(notional) => filters::notional_of_limit(market, notional),
            None => Ok(()),
        }
    }

    /// What the order is worth, rounded down; `None` when there is no price to say so.
    #[inline(always)]
    fn notional(&self, size: &Size) -> Option<u128> {
        let (order, market) = (self.order, self.market);
        if order.kind.works_as() != OrderKind::Market {
            if size.ticks > 0 {
                return Some(market.quote_amount(size.ticks, size.lots));
            }
            let stop_price = self.terms.map(|terms| terms.stop_price).filter(|price| price.0 > 0)?;
            return market.notional_rounded_down(stop_price, order.qty);
        }
        if order.quote_qty.0 > 0 {
            return Some(order.quote_qty.0);
        }
        market.judging_price(self.core.time).and_then(|price| market.notional_rounded_down(price, order.qty))
    }

    /// MIN_NOTIONAL and NOTIONAL alone, for a limit that was judged before.
    pub(crate) fn notional_filters(&self, size: &Size) -> Result<(), RejectCode> {
        if self.order.kind.works_as() == OrderKind::Market {
            return filters::notional_of_market(self.market, || self.notional(size));
        }
        self.notional(size).map_or(Ok(()), |notional| filters::notional_of_limit(self.market, notional))
    }

    /// What it counts as.
    #[inline(always)]
    pub(crate) fn counts(&self) -> Counts {
        let is_iceberg = self.terms.is_some_and(|terms| terms.iceberg_qty.0 > 0);
        let algos = u32::from(self.order.kind.is_contingent());
        Counts { orders: 1, algos, icebergs: u32::from(is_iceberg), lists: 0 }
    }

    /// Check 18.
    #[inline(always)]
    pub(crate) fn name(&self) -> Result<(), RejectCode> {
        let id = &self.order.client_order_id;
        if !id.is_empty() && self.market.orders.find_client(self.order.account, id).is_some() {
            return Err(RejectCode::ClientOrderIdInUse);
        }
        Ok(())
    }

    /// Checks 19 to 21.
    #[inline(always)]
    pub(crate) fn rest(&self, mode: SelfTradePrevention, size: Size) -> Result<Ready, RejectCode> {
        self.cross(&size)?;
        if self.occasion.state != OrderState::Working {
            let (ready, need) = self.wait(mode, size)?;
            self.afford(need)?;
            return Ok(ready);
        }
        if self.order.kind.works_as() == OrderKind::Market {
            return self.market_order(mode, size);
        }
        self.afford(self.limit_need(&size))?;
        Ok(self.limit_order(mode, size))
    }

    /// Check 19.
    #[inline(always)]
    pub(crate) fn cross(&self, size: &Size) -> Result<(), RejectCode> {
        let (order, market) = (self.order, self.market);
        match (order.kind, self.occasion.state) {
            (OrderKind::LimitMaker, OrderState::Working) => {
                let best = market.orders.book.best_ticks(order.side.opposite());
                if best.is_some_and(|best| Book::crosses(order.side, size.ticks, best)) {
                    return Err(RejectCode::WouldTake);
                }
                Ok(())
            }
            (kind, OrderState::Waiting) if kind.is_contingent() => self.trigger(),
            _ => Ok(()),
        }
    }

    #[cold]
    fn trigger(&self) -> Result<(), RejectCode> {
        let stop_price = self.terms.map(|terms| terms.stop_price).filter(|price| price.0 > 0);
        let (Some(stop_price), Some(last)) = (stop_price, self.market.last_price) else { return Ok(()) };
        let is_above = self.order.kind.triggers_above(self.order.side);
        let fires = if is_above { last >= stop_price } else { last <= stop_price };
        if fires { Err(RejectCode::WouldTrigger) } else { Ok(()) }
    }

    #[inline(always)]
    pub(crate) fn afford(&self, need: Need) -> Result<(), RejectCode> {
        if self.wallet.balance(need.asset).free < Amount(need.amount) {
            return Err(RejectCode::BalanceInsufficient);
        }
        Ok(())
    }

    /// What an order needs that works as LIMIT or LIMIT_MAKER at once.
    #[inline(always)]
    pub(crate) fn limit_need(&self, size: &Size) -> Need {
        match self.order.side {
            Side::Buy => Need { asset: self.market.quote, amount: self.market.quote_amount(size.ticks, size.lots) },
            Side::Sell => Need { asset: self.market.base, amount: u128::from(self.order.qty.0) },
        }
    }

    #[inline(always)]
    pub(crate) fn limit_order(&self, mode: SelfTradePrevention, size: Size) -> Ready {
        let is_fok = self.order.kind.works_as() == OrderKind::Limit && self.order.tif == TimeInForce::Fok;
        Ready {
            ticks: size.ticks,
            lots: size.lots,
            mode,
            is_unfilled_fok: is_fok && !self.fills_in_full(mode, &size),
            pegged_price: size.pegged_price,
            need_price: Price(0),
            lock: 0,
        }
    }

    fn fills_in_full(&self, mode: SelfTradePrevention, size: &Size) -> bool {
        let walker = self.walker(mode);
        if self.is_routed() {
            let plan = sor::plan(self.core, self.market, &walker, Some(size.ticks), size.lots);
            return plan.is_some_and(|plan| plan.lots == size.lots);
        }
        plan::fills_in_full(self.market, &walker, self.wallet.open_list(self.market.id), size.ticks, size.lots)
    }

    fn is_routed(&self) -> bool {
        self.terms.is_some_and(|terms| terms.use_sor)
    }

    fn walker(&self, mode: SelfTradePrevention) -> Walker<'_> {
        Walker {
            accounts: &self.core.accounts,
            account: self.order.account,
            group: self.account.trade_group,
            side: self.order.side,
            mode,
            range: Range::of(self.market, self.order.side, self.core.time),
        }
    }

    /// The need of an order that does not work yet.
    #[cold]
    pub(crate) fn wait(&self, mode: SelfTradePrevention, size: Size) -> Result<(Ready, Need), RejectCode> {
        let (order, market) = (self.order, self.market);
        let stop_price = self.terms.map_or(Price(0), |terms| terms.stop_price);
        let need_price = match order.side {
            Side::Sell => Price(0),
            Side::Buy => [order.price, stop_price]
                .into_iter()
                .find(|price| price.0 > 0)
                .or(market.last_price)
                .ok_or(RejectCode::LiquidityInsufficient)?,
        };
        let need = need_of(market, order.side, size.lots, need_price);
        let ready = Ready {
            ticks: size.ticks,
            lots: size.lots,
            mode,
            is_unfilled_fok: false,
            pegged_price: size.pegged_price,
            need_price,
            lock: need.amount,
        };
        Ok((ready, need))
    }

    fn market_order(&self, mode: SelfTradePrevention, size: Size) -> Result<Ready, RejectCode> {
        let (order, market) = (self.order, self.market);
        let by_quantity = order.qty.0 > 0;
        let asset = if order.side == Side::Buy { market.quote } else { market.base };
        let free = self.wallet.balance(asset).free;
        let needed = |plan: &Plan| match order.side {
            Side::Buy => Amount(plan.cost),
            Side::Sell if by_quantity => Amount(order.qty.0.into()),
            Side::Sell => Amount(market.qty(plan.lots.saturating_add(plan.transferred)).0.into()),
        };
        // Who cannot pay does not make the core walk the whole book.
        let is_settled = |plan: &Plan| needed(plan) > free && (by_quantity || has_qty_min(plan, market));
        let walker = self.walker(mode);
        let plan = if self.is_routed() {
            let plan = sor::plan(self.core, market, &walker, None, size.lots);
            plan.ok_or(RejectCode::MarketUnknown)?
        } else if by_quantity {
            plan::by_quantity(market, &walker, size.lots, is_settled)
        } else {
            let amount = u64::try_from(order.quote_qty.0).map_err(|_| RejectCode::OrderFieldsInvalid)?;
            plan::by_amount(market, &walker, amount, lots_at_most(market), is_settled)
        };
        judge_plan(&plan, by_quantity, market, mode)?;
        if needed(&plan) > free {
            return Err(RejectCode::BalanceInsufficient);
        }
        let lots = if by_quantity { size.lots } else { plan.lots.saturating_add(plan.overlap).max(1) };
        Ok(Ready {
            ticks: 0,
            lots,
            mode,
            is_unfilled_fok: false,
            pegged_price: Price(0),
            need_price: Price(0),
            lock: 0,
        })
    }
}

/// What an order that does not work yet locks.
pub(crate) fn need_of(market: &Market, side: Side, lots: Lots, need_price: Price) -> Need {
    let qty = u128::from(market.qty(lots).0);
    match side {
        // 64 x 64 bits. The last price need not be on a tick of today.
        Side::Buy => {
            let product = u128::from(need_price.0).wrapping_mul(qty);
            Need { asset: market.quote, amount: product.div_ceil(u128::from(market.one.max(1))) }
        }
        Side::Sell => Need { asset: market.base, amount: qty },
    }
}

/// What a MARKET order by quote amount may take at most.
fn lots_at_most(market: &Market) -> Lots {
    let rules = &market.rules;
    let bounds = [rules.market_qty_max.0, rules.qty_max.0];
    let most = bounds.into_iter().find(|bound| *bound != 0).unwrap_or(NUMBER_MAX);
    most.checked_div(rules.lot_size.0).unwrap_or(0)
}

fn judge_plan(plan: &Plan, by_quantity: bool, market: &Market, mode: SelfTradePrevention) -> Result<(), RejectCode> {
    if plan.lots == 0 {
        let is_decremented = plan.overlap > 0;
        let decrements = matches!(mode, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        let is_only_own = plan.met_own && !plan.met_other && !decrements;
        return if is_decremented || is_only_own { Ok(()) } else { Err(RejectCode::LiquidityInsufficient) };
    }
    if by_quantity || has_qty_min(plan, market) { Ok(()) } else { Err(RejectCode::LiquidityInsufficient) }
}

fn has_qty_min(plan: &Plan, market: &Market) -> bool {
    market.qty(plan.lots) >= market.rules.qty_min
}
