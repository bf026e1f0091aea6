//! Self-trade prevention: what happens instead of a fill inside one account or one trade group.

use tandem_core::event::{Event, SelfTradePrevented};
use tandem_core::types::{
    Amount, ClientOrderId, CloseReason, CloseStatus, PreventedMatchId, Price, Qty, SelfTradePrevention, Side,
};

use super::routing::Taking;
use super::{Model, Order, closed};
use crate::planted::Planted;

impl Model {
    /// Prevents one match; true when that leaves nothing of the taker.
    pub(super) fn prevent(
        &mut self,
        taker: &mut Order,
        maker: &Order,
        taking: &Taking,
        events: &mut Vec<Event>,
    ) -> bool {
        let mode = if self.bug(Planted::MakersModeDecides) { maker.accepted.stp } else { taking.mode };
        let smaller = taker.left.min(maker.shown);
        let (off_taker, off_maker) = match mode {
            SelfTradePrevention::ExpireTaker => (taker.left, 0),
            SelfTradePrevention::ExpireMaker => (0, maker.left),
            SelfTradePrevention::ExpireBoth => (taker.left, maker.left),
            SelfTradePrevention::Decrement if self.bug(Planted::DecrementSparesMaker) => (smaller, 0),
            SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => (smaller, smaller),
            SelfTradePrevention::None => (0, 0),
        };
        taker.left -= off_taker;
        taker.prevented += off_taker;
        taker.updated_at = self.time;
        let mut maker_after = maker.clone();
        let mut transferred = 0;
        if off_maker > 0 {
            self.unlock_part(maker, off_maker);
            if self.transfers(taking, maker) {
                transferred = self.transfer(taker, maker, off_maker);
            }
            maker_after = self.take_from_maker(maker, off_maker);
            if mode != SelfTradePrevention::Decrement {
                self.lock_again_if(Planted::ExpiredMakerKeepsLock, maker, off_maker);
            }
        }
        let market = self.market_mut(taker.accepted.market);
        let prevented_match_id = PreventedMatchId(market.prevented_matches);
        market.prevented_matches += 1;
        events.push(Event::SelfTradePrevented(SelfTradePrevented {
            market: taker.accepted.market,
            prevented_match_id,
            maker_market: maker.accepted.market,
            taker_account: taker.accepted.account,
            maker_account: maker.accepted.account,
            trade_group: self.accounts[taker.accepted.account.0 as usize].trade_group,
            mode,
            price: Price(maker.limit()),
            taker_order: taker.id(),
            maker_order: maker.id(),
            taker_prevented: Qty(off_taker),
            maker_prevented: Qty(off_maker),
            taker_left: Qty(taker.left),
            maker_left: Qty(maker_after.left),
            transferred: Amount(transferred as u128),
        }));
        if maker_after.left == 0 {
            let (status, reason) = (CloseStatus::ExpiredInMatch, CloseReason::SelfTrade);
            events.push(closed(&maker_after, status, reason, ClientOrderId::EMPTY));
            self.after_end(&maker_after, status, reason, ClientOrderId::EMPTY, events);
        } else if off_maker > 0 && !self.bug(Planted::LegSurvivesPrevention) {
            self.after_touch(&maker_after, events);
        }
        taker.left == 0
    }

    fn take_from_maker(&mut self, maker: &Order, qty: u64) -> Order {
        let (time, end) = (self.time, self.next_place());
        self.change_maker(maker.accepted.market, maker.id(), |order| {
            order.left -= qty;
            order.prevented += qty;
            order.shown -= qty.min(order.shown);
            order.updated_at = time;
            if order.shown == 0 {
                (order.shown, order.place) = (order.part(), end);
            }
        })
    }

    /// What is prevented changes hands at the maker's price, without fees; gives the quote amount.
    fn transfer(&mut self, taker: &Order, maker: &Order, qty: u64) -> i128 {
        let market = &self.markets[taker.accepted.market.0 as usize];
        let (base, quote) = (market.base, market.quote);
        let amount = self.notional(market, maker.limit(), qty);
        let (taker, maker) = (&taker.accepted, &maker.accepted);
        let (buyer, seller) = match taker.side {
            Side::Buy => (taker.account, maker.account),
            Side::Sell => (maker.account, taker.account),
        };
        self.balance_mut(buyer, quote).free -= amount;
        self.balance_mut(seller, quote).free += amount;
        self.balance_mut(seller, base).free -= i128::from(qty);
        self.balance_mut(buyer, base).free += i128::from(qty);
        amount
    }
}
