//! Who trades what: a few accounts and markets more than the others, around prices that wander.

use std::collections::HashMap;

use tandem_core::command::{AmendOrder, CancelOrder, CancelReplace, Command, Origin, PlaceList, PlaceOrder};
use tandem_core::event::{Event, OrderAccepted};
use tandem_core::types::{
    AccountId, Amount, ClientOrderId, ListKind, MarketId, OrderId, OrderKind, Peg, PegPrice, Price, Qty, ReplaceMode,
    Seq, Side, Terms, TimeInForce, TimeUs,
};
use tandem_core::{Broken, Core};

use crate::setup::{ACCOUNTS, LOT, MARKETS, TICK};

/// Open orders around which new ones and cancels balance.
const OPEN_ORDERS: u64 = 20_000;
/// Where prices start, in ticks.
const FIRST_PRICE: u64 = 100_000;
/// How far from the middle orders rest, in ticks.
const DEPTH: u64 = 200;

/// What is placed, in thousandths.
const SHARES: [(Shape, u64); 12] = [
    (Shape::Limit, 480),
    (Shape::Maker, 130),
    (Shape::Market, 120),
    (Shape::QuoteMarket, 30),
    (Shape::Ioc, 90),
    (Shape::Fok, 20),
    (Shape::Contingent, 60),
    (Shape::Trailing, 10),
    (Shape::Iceberg, 15),
    (Shape::Pegged, 10),
    (Shape::Routed, 10),
    (Shape::List, 25),
];

#[derive(Clone, Copy)]
enum Shape {
    Limit,
    Maker,
    Market,
    QuoteMarket,
    Ioc,
    Fok,
    Contingent,
    Trailing,
    Iceberg,
    Pegged,
    Routed,
    List,
}

/// What an accepted order is counted as.
pub fn name_of(order: &OrderAccepted) -> &'static str {
    if let Some(extra) = &order.extra {
        let Terms { trailing_delta, iceberg_qty, peg, use_sor, .. } = extra.terms;
        let special = [
            (extra.list.is_some(), "IN_A_LIST"),
            (trailing_delta > 0, "TRAILING"),
            (iceberg_qty.0 > 0, "ICEBERG"),
            (peg.is_some(), "PEGGED"),
            (use_sor, "ROUTED"),
        ];
        if let Some((_, name)) = special.into_iter().find(|(is_so, _)| *is_so) {
            return name;
        }
    }
    match (order.kind, order.tif) {
        (OrderKind::Limit, TimeInForce::Gtc) => "LIMIT",
        (OrderKind::Limit, TimeInForce::Ioc) => "LIMIT_IOC",
        (OrderKind::Limit, TimeInForce::Fok) => "LIMIT_FOK",
        (OrderKind::LimitMaker, _) => "LIMIT_MAKER",
        (OrderKind::Market, _) if order.quote_qty.0 > 0 => "MARKET_BY_QUOTE",
        (OrderKind::Market, _) => "MARKET",
        (OrderKind::StopLoss, _) => "STOP_LOSS",
        (OrderKind::StopLossLimit, _) => "STOP_LOSS_LIMIT",
        (OrderKind::TakeProfit, _) => "TAKE_PROFIT",
        (OrderKind::TakeProfitLimit, _) => "TAKE_PROFIT_LIMIT",
    }
}

/// xorshift64*
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Below `bound`; the lower the likelier: the first tenth has a third.
    fn skewed(&mut self, bound: u64) -> u64 {
        let x = self.below(1 << 20);
        (((x * x) >> 20) * bound) >> 20
    }
}

/// Asks a core what became of the orders before.
pub struct Traffic {
    pub core: Core,
    pub random: Random,
    /// (account, market, id) of each.
    open: Vec<(AccountId, MarketId, OrderId)>,
    /// Place of an open order in `open`.
    index: HashMap<OrderId, usize>,
    /// Of each market, in ticks.
    middles: Vec<u64>,
    sent: u64,
    events: Vec<Event>,
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        Self {
            core: Core::new(),
            random: Random(0x9E37_79B9_7F4A_7C15 ^ seed.wrapping_mul(0x2545_F491_4F6C_DD1D).max(1)),
            open: Vec::new(),
            index: HashMap::new(),
            middles: vec![FIRST_PRICE; MARKETS as usize],
            sent: 0,
            events: Vec::new(),
        }
    }

    pub fn open_orders(&self) -> usize {
        self.open.len()
    }

    pub fn apply(&mut self, time_us: u64, command: &Command) -> Result<&[Event], Broken> {
        self.events.clear();
        let seq = Seq(self.core.seq().0 + 1);
        self.core.apply_command(seq, TimeUs(time_us), Origin::default(), command, &mut self.events)?;
        let events = std::mem::take(&mut self.events);
        for event in &events {
            match event {
                Event::OrderAccepted(order) => {
                    self.index.insert(order.order_id, self.open.len());
                    self.open.push((order.account, order.market, order.order_id));
                }
                Event::Traded(trade) => {
                    if trade.maker_left.0 == 0 {
                        self.forget(trade.maker_order);
                    }
                    if trade.taker_left.0 == 0 {
                        self.forget(trade.taker_order);
                    }
                }
                Event::OrderClosed(closed) => self.forget(closed.order_id),
                _ => {}
            }
        }
        self.events = events;
        Ok(&self.events)
    }

    fn forget(&mut self, order: OrderId) {
        if let Some(at) = self.index.remove(&order) {
            self.open.swap_remove(at);
            if let Some((_, _, moved)) = self.open.get(at) {
                self.index.insert(*moved, at);
            }
        }
    }

    pub fn next_command(&mut self) -> Command {
        self.sent += 1;
        if self.core.releases() > 0 {
            return Command::RunReleases;
        }
        if self.random.below(2 * OPEN_ORDERS) < self.open.len() as u64 {
            return self.change();
        }
        let (account, market) = self.somebody();
        let middle = &mut self.middles[market.0 as usize];
        match self.random.below(20) {
            0 => *middle += 1,
            1 => *middle = (*middle - 1).max(FIRST_PRICE / 2),
            _ => {}
        }
        self.place(account, market)
    }

    fn somebody(&mut self) -> (AccountId, MarketId) {
        let account = AccountId(1 + self.random.skewed(u64::from(ACCOUNTS)) as u32);
        (account, MarketId(self.random.skewed(u64::from(MARKETS)) as u32))
    }

    /// Something happens to an open order.
    fn change(&mut self) -> Command {
        let (account, market, order) = self.open[self.random.below(self.open.len() as u64) as usize];
        let (client_order_id, order_id) = (ClientOrderId::EMPTY, Some(order));
        let what = self.random.below(100);
        let left = self.core.open_order(market, order).map_or(0, |found| found.left.0);
        if what < 4 && left > LOT {
            let new_client_order_id = ClientOrderId::EMPTY;
            let new_qty = Qty(left / 2 / LOT * LOT);
            let amend = AmendOrder { account, market, order_id, client_order_id, new_qty, new_client_order_id };
            return Command::AmendOrder(amend);
        }
        let new_client_order_id = self.client_id('c');
        let cancel = CancelOrder { account, market, order_id, client_order_id, new_client_order_id, restriction: None };
        if what < 10 {
            let order = self.limit(account, market);
            let mode = ReplaceMode::StopOnFailure;
            return Command::CancelReplace(Box::new(CancelReplace { cancel, mode, order }));
        }
        Command::CancelOrder(cancel)
    }

    fn place(&mut self, account: AccountId, market: MarketId) -> Command {
        let mut left = self.random.below(SHARES.iter().map(|(_, share)| share).sum());
        let mut shape = Shape::Limit;
        for (each, share) in SHARES {
            shape = each;
            if left < share {
                break;
            }
            left -= share;
        }
        let mut order = self.limit(account, market);
        match shape {
            Shape::Limit => {}
            Shape::List => return self.list(order),
            Shape::Maker => self.rest(&mut order, OrderKind::LimitMaker),
            Shape::Market => self.take_at_market(&mut order),
            Shape::QuoteMarket => {
                self.take_at_market(&mut order);
                order.quote_qty = Amount(u128::from(order.qty.0) * u128::from(FIRST_PRICE * TICK / 100_000_000));
                order.qty = Qty(0);
            }
            Shape::Ioc => self.take(&mut order, TimeInForce::Ioc),
            Shape::Fok => self.take(&mut order, TimeInForce::Fok),
            Shape::Contingent => self.wait(&mut order, 0),
            Shape::Trailing => {
                let delta = 10 + self.random.below(200) as u32;
                self.wait(&mut order, delta);
            }
            Shape::Iceberg => {
                order.qty = Qty(order.qty.0 * 10);
                order.terms = terms(Terms { iceberg_qty: Qty(order.qty.0 / 10), ..Terms::default() });
            }
            Shape::Pegged => {
                let offset = Some(1 + self.random.below(5) as u8);
                order.price = Price(0);
                order.terms = terms(Terms { peg: Some(Peg { price: PegPrice::Primary, offset }), ..Terms::default() });
            }
            Shape::Routed => {
                order.market = MarketId(self.random.below(2) as u32);
                self.take(&mut order, TimeInForce::Gtc);
                order.terms = terms(Terms { use_sor: true, ..Terms::default() });
            }
        }
        Command::PlaceOrder(order)
    }

    /// A limit order that may take or rest.
    fn limit(&mut self, account: AccountId, market: MarketId) -> PlaceOrder {
        let side = if self.random.one_in(2) { Side::Buy } else { Side::Sell };
        let takes = self.random.below(100) < 40;
        let away = if takes { self.random.below(10) } else { 1 + self.random.skewed(DEPTH) };
        PlaceOrder {
            account,
            market,
            side,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            price: self.price(market, (side == Side::Buy) == takes, away),
            qty: Qty((1 + self.random.skewed(100)) * LOT),
            quote_qty: Amount(0),
            client_order_id: self.client_id('n'),
            stp: None,
            strategy_id: None,
            strategy_type: None,
            terms: None,
        }
    }

    /// Above or below the middle of a market.
    fn price(&self, market: MarketId, is_above: bool, away: u64) -> Price {
        let middle = self.middles[market.0 as usize];
        Price(TICK * if is_above { middle + away } else { middle - away })
    }

    fn rest(&mut self, order: &mut PlaceOrder, kind: OrderKind) {
        order.kind = kind;
        let away = 5 + self.random.skewed(DEPTH);
        order.price = self.price(order.market, order.side == Side::Sell, away);
    }

    fn take(&mut self, order: &mut PlaceOrder, tif: TimeInForce) {
        order.tif = tif;
        let away = self.random.below(20);
        order.price = self.price(order.market, order.side == Side::Buy, away);
    }

    fn take_at_market(&mut self, order: &mut PlaceOrder) {
        (order.kind, order.price) = (OrderKind::Market, Price(0));
    }

    /// For its trigger, a little off the market; trailing with a delta.
    fn wait(&mut self, order: &mut PlaceOrder, delta: u32) {
        let kinds = [OrderKind::StopLoss, OrderKind::StopLossLimit, OrderKind::TakeProfit, OrderKind::TakeProfitLimit];
        order.kind = kinds[self.random.below(4) as usize];
        self.set_trigger(order);
        if delta > 0 {
            order.terms = terms(Terms { trailing_delta: delta, ..Terms::default() });
        }
    }

    fn set_trigger(&mut self, order: &mut PlaceOrder) {
        let away = 15 + self.random.skewed(DEPTH);
        let stop_price = self.price(order.market, order.kind.triggers_above(order.side), away);
        order.terms = terms(Terms { stop_price, ..Terms::default() });
        order.price = if order.kind.works_as() == OrderKind::Limit { stop_price } else { Price(0) };
    }

    /// Around what `first` would be.
    fn list(&mut self, first: PlaceOrder) -> Command {
        let kinds = [ListKind::Oco, ListKind::Oco, ListKind::Oto, ListKind::Otoco, ListKind::Opo, ListKind::Opoco];
        let kind = kinds[self.random.below(kinds.len() as u64) as usize];
        let (account, market) = (first.account, first.market);
        let mut pending = self.limit(account, market);
        pending.side = if kind.pays_pending() { Side::Sell } else { first.side.opposite() };
        self.rest(&mut pending, OrderKind::LimitMaker);
        let mut orders = Vec::new();
        if kind.has_working() {
            let mut working = first;
            working.side = if kind.pays_pending() { Side::Buy } else { working.side };
            self.rest(&mut working, OrderKind::Limit);
            orders.push(working);
        }
        if kind.has_pair() {
            let mut stop = pending.clone();
            stop.client_order_id = self.client_id('s');
            stop.kind = OrderKind::StopLossLimit;
            self.set_trigger(&mut stop);
            orders.push(stop);
        }
        orders.push(pending);
        if kind.pays_pending() {
            orders.iter_mut().skip(1).for_each(|order| order.qty = Qty(0));
        }
        let client_list_id = self.client_id('l');
        Command::PlaceList(PlaceList { account, market, kind, client_list_id, orders })
    }

    /// As long as those that the exchange makes.
    fn client_id(&mut self, what: char) -> ClientOrderId {
        let id = format!("{what}{:08x}{:013x}", self.random.below(1 << 31), self.sent);
        ClientOrderId::new(id.as_bytes()).unwrap_or(ClientOrderId::EMPTY)
    }
}

fn terms(terms: Terms) -> Option<Box<Terms>> {
    Some(Box::new(terms))
}
