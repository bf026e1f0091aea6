//! The walk that plans MARKET orders and tests FOK orders: what matching would do, on a copy of the makers.

use tandem_core::command::PlaceOrder;
use tandem_core::reject::RejectCode;
use tandem_core::types::{OrderKind, SelfTradePrevention};

use super::admin::NUMBER_MAX;
use super::judge::terms;
use super::routing::{Next, Taking};
use super::{Market, Model, Order};
use crate::planted::Planted;

/// What matching would do to the opposite book.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// What it takes.
    pub(super) qty: u64,
    /// What that costs.
    pub(super) cost: i128,
    /// What a transfer inside a trade group moves.
    pub(super) transfer_qty: u64,
    /// What that costs.
    pub(super) transfer_cost: i128,
    /// What DECREMENT and TRANSFER take off both sides (by quote amount only).
    overlap: u64,
    /// Self-trade prevention ended the walk or passed over a maker.
    is_prevented: bool,
    /// The walk ended because the amount, or the bound on the quantity, was used up.
    is_used_up: bool,
}

impl Model {
    /// The quantity that a MARKET order is accepted with, and its plan.
    pub(super) fn check_liquidity(&self, order: &PlaceOrder) -> Result<(u64, Plan), RejectCode> {
        let market = self.market(order.market)?;
        let of = (order.account, order.market, order.side);
        let mut taking = self.taking(of, (OrderKind::Market, 0), self.mode(order), terms(order).use_sor);
        let (lot, by_quote) = (market.rules.lot_size.0, order.quote_qty.0 > 0);
        let plan = if by_quote {
            self.plan_by_quote(market, &mut taking, order.quote_qty.0 as i128)
        } else {
            self.plan_by_qty(market, &mut taking, order.qty.0)
        };
        if plan.qty == 0 {
            let is_prevented = plan.overlap > 0 || (plan.is_prevented && !plan.is_used_up);
            if !is_prevented {
                return Err(RejectCode::LiquidityInsufficient);
            }
            let qty = if plan.overlap > 0 { plan.overlap } else { order.qty.0.max(lot) };
            return Ok((qty, plan));
        }
        if plan.qty < lot || (by_quote && plan.qty < market.rules.qty_min.0) {
            return Err(RejectCode::LiquidityInsufficient);
        }
        let qty = if by_quote { plan.qty + plan.overlap } else { order.qty.0 };
        Ok((qty, plan))
    }

    fn plan_by_qty(&self, market: &Market, taking: &mut Taking, qty: u64) -> Plan {
        let mut plan = Plan::default();
        let mut makers: Vec<Order> = self.makers(taking).cloned().collect();
        let mut left = qty;
        while left > 0
            && let Next::Maker(maker) = self.next_maker(taking, makers.iter())
        {
            let price = maker.limit();
            let overlap = left.min(maker.shown);
            if !self.is_prevented(taking, &maker) {
                let taken = self.pay_between(taking, &maker, overlap);
                plan.qty += taken;
                plan.cost += self.notional(market, price, taken);
                left -= taken;
                take_off(&mut makers, &maker, taken);
                continue;
            }
            plan.is_prevented = true;
            match taking.mode {
                SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => break,
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => {
                    left -= overlap;
                    self.plan_transfer(market, taking, &maker, overlap, &mut plan);
                    take_off(&mut makers, &maker, overlap);
                }
                SelfTradePrevention::ExpireMaker | SelfTradePrevention::None => {
                    makers.retain(|other| other.id() != maker.id());
                }
            }
        }
        plan
    }

    fn plan_transfer(&self, market: &Market, taking: &Taking, maker: &Order, overlap: u64, plan: &mut Plan) {
        if self.transfers(taking, maker) {
            plan.transfer_qty += overlap;
            plan.transfer_cost += self.notional(market, maker.limit(), overlap);
        }
    }

    /// By quote amount, at the rate of whole lots, up to the bound on the quantity rounded down to whole lots.
    fn plan_by_quote(&self, market: &Market, taking: &mut Taking, quote_qty: i128) -> Plan {
        let mut plan = Plan::default();
        let mut makers: Vec<Order> = self.makers(taking).cloned().collect();
        let mut rest = quote_qty;
        let lot = market.rules.lot_size.0;
        let cap = self.cap(market);
        let most = NUMBER_MAX - NUMBER_MAX % lot;
        loop {
            let room = most - plan.qty - plan.overlap;
            if plan.qty == cap || room == 0 {
                break;
            }
            let Next::Maker(maker) = self.next_maker(taking, makers.iter()) else { break };
            let price = maker.limit();
            let extra = i128::from(self.bug(Planted::QuoteRoundsUp));
            let lots = rest / self.notional(market, price, lot) + extra;
            let affordable = (lots * i128::from(lot)).min(i128::from(maker.shown.min(room))) as u64;
            if !self.is_prevented(taking, &maker) {
                let taken = affordable.min(cap - plan.qty);
                let cost = self.notional(market, price, taken);
                plan.qty += taken;
                plan.cost += cost;
                rest -= cost;
                if taken < maker.shown {
                    plan.is_used_up = true;
                    break;
                }
                take_off(&mut makers, &maker, taken);
                continue;
            }
            match taking.mode {
                SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => {
                    plan.is_prevented = true;
                    break;
                }
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => {
                    plan.overlap += affordable;
                    rest -= self.notional(market, price, affordable);
                    self.plan_transfer(market, taking, &maker, affordable, &mut plan);
                    if affordable < maker.shown {
                        plan.is_used_up = true;
                        break;
                    }
                    take_off(&mut makers, &maker, affordable);
                }
                SelfTradePrevention::ExpireMaker | SelfTradePrevention::None => {
                    plan.is_prevented = true;
                    makers.retain(|other| other.id() != maker.id());
                }
            }
        }
        plan
    }

    fn cap(&self, market: &Market) -> u64 {
        let rules = &market.rules;
        let cap = if rules.market_qty_max.0 != 0 { rules.market_qty_max.0 } else { rules.qty_max.0 };
        if cap == 0 || self.bug(Planted::QuoteCapIgnored) { u64::MAX } else { cap - cap % rules.lot_size.0 }
    }

    /// Whether a FOK order would fill in full.
    pub(super) fn can_fill(&self, mut taking: Taking, qty: u64) -> bool {
        let mut makers: Vec<Order> = self.makers(&taking).cloned().collect();
        let mut left = qty;
        let mut level = None;
        while left > 0
            && let Next::Maker(maker) = self.next_maker(&mut taking, makers.iter())
        {
            let is_next_level = level.is_some_and(|level| level != maker.limit());
            level = Some(maker.limit());
            if is_next_level && self.bug(Planted::FokLooksAtOneLevel) {
                break;
            }
            if self.is_prevented(&taking, &maker) {
                let passes_over =
                    taking.mode == SelfTradePrevention::ExpireMaker || self.bug(Planted::FokPassesOverOwn);
                let counts = taking.mode == SelfTradePrevention::Decrement && self.bug(Planted::FokCountsDecrement);
                match (passes_over, counts) {
                    (true, _) => {
                        makers.retain(|other| other.id() != maker.id());
                        continue;
                    }
                    (false, true) => {}
                    (false, false) => break,
                }
            }
            let taken = self.pay_between(&mut taking, &maker, left.min(maker.shown));
            left -= taken;
            take_off(&mut makers, &maker, taken);
        }
        left == 0
    }
}

/// Takes so much off a copied maker; the next part of it goes to the end of its level.
fn take_off(makers: &mut Vec<Order>, maker: &Order, qty: u64) {
    let end = makers.iter().map(|other| other.place).max().unwrap_or(0) + 1;
    for other in makers.iter_mut().filter(|other| other.id() == maker.id()) {
        other.left -= qty;
        other.shown -= qty;
        if other.shown == 0 {
            (other.shown, other.place) = (other.part(), end);
        }
    }
    makers.retain(|other| other.left > 0);
}
