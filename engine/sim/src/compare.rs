//! The core and the model side by side: equal events and balances after each command, equal everything now and then.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tandem_core::codec;
use tandem_core::command::Command;
use tandem_core::event::Event;
use tandem_core::types::{AccountId, Amount, FEE_ACCOUNT, MarketId, Qty, Seq, Side, TimeUs};
use tandem_core::{Core, OpenOrder, OpenOrderList};

use crate::generate::{Input, Step};
use crate::model::{List, Model, Order};
use crate::planted::Planted;

/// Where the two first disagree, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The command's seq.
    pub seq: Seq,
    /// Both sides of it.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at seq {}: {}", self.seq, self.what)
    }
}

/// The bytes of a step, as a log would hold them.
pub fn payload(input: &Input) -> Vec<u8> {
    match input {
        Input::Command(origin, command) => {
            let mut bytes = Vec::new();
            codec::encode(*origin, command, &mut bytes);
            bytes
        }
        Input::Garbage(bytes) => bytes.clone(),
    }
}

/// A core and a model that have seen the same commands.
pub struct Pair {
    /// The thing under test.
    pub core: Core,
    /// What it has to be like.
    pub model: Model,
    seq: Seq,
    time: TimeUs,
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair {
    /// Both empty.
    pub fn new() -> Self {
        Self { core: Core::new(), model: Model::new(), seq: Seq(0), time: TimeUs(0) }
    }

    /// The same with a model that is wrong in one way.
    pub fn with_bug(bug: Planted) -> Self {
        Self { model: Model::with_bug(bug), ..Self::new() }
    }

    fn differs<T>(&self, what: String) -> Result<T, Difference> {
        Err(Difference { seq: self.seq, what })
    }

    /// Applies a step to both; gives the events if they agree.
    ///
    /// # Errors
    /// The difference; a panic or a `Broken` of the core is one too.
    pub fn step(&mut self, step: &Step) -> Result<Vec<Event>, Difference> {
        (self.seq, self.time) = (Seq(self.seq.0 + 1), step.time);
        let payload = payload(&step.input);
        let mut events = Vec::new();
        let applied = catch_unwind(AssertUnwindSafe(|| self.core.apply(self.seq, self.time, &payload, &mut events)));
        match applied {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => return self.differs(format!("the core says that it is broken: {broken:?}")),
            Err(_) => return self.differs("the core panicked".into()),
        }
        let expected = self.expect(step, &payload)?;
        if events != expected {
            let (core, model) = (list(&events), list(&expected));
            return self.differs(format!("{:?}\n core's events:\n{core}\n model's events:\n{model}", step.input));
        }
        self.model.check_funds().or_else(|what| self.differs(format!("model: {what}")))?;
        for account in touched(step, &events) {
            self.compare_balances(account)?;
        }
        Ok(events)
    }

    fn expect(&mut self, step: &Step, payload: &[u8]) -> Result<Vec<Event>, Difference> {
        let decoded = codec::decode(payload);
        match (&step.input, decoded) {
            (Input::Command(origin, command), Ok(decoded)) if decoded == (*origin, command.clone()) => {
                Ok(self.model.apply(self.seq, self.time, *origin, command))
            }
            (Input::Command(origin, command), decoded) => {
                self.differs(format!("{origin:?} {command:?} is decoded as {decoded:?}"))
            }
            (Input::Garbage(_), Ok((origin, command))) => Ok(self.model.apply(self.seq, self.time, origin, &command)),
            (Input::Garbage(_), Err(_)) => Ok(self.model.apply_garbage(self.time)),
        }
    }

    fn compare_balances(&self, account: AccountId) -> Result<(), Difference> {
        for asset in self.model.asset_ids() {
            let (core, model) = (self.core.balance(account, asset), self.model.balance(account, asset));
            if (core.free.0 as i128, core.locked.0 as i128) != (model.free, model.locked) {
                return self.differs(format!("account {account} asset {asset}: core {core:?}, model {model:?}"));
            }
        }
        Ok(())
    }

    /// Compares everything that can be asked, and has both check themselves.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare_all(&self) -> Result<(), Difference> {
        self.core.check().or_else(|broken| self.differs(format!("core.check: {broken:?}")))?;
        self.model.check_locks().or_else(|what| self.differs(format!("model: {what}")))?;
        for account in self.model.account_ids() {
            self.compare_balances(account)?;
        }
        self.compare_funds()?;
        self.compare_registers()?;
        self.compare_open_orders()?;
        for market in self.model.market_ids() {
            self.compare_market(market)?;
        }
        Ok(())
    }

    /// Goes on with the core that its snapshot gives.
    ///
    /// # Errors
    /// The snapshot is refused, or the restored core writes another one.
    pub fn restart_core(&mut self) -> Result<(), Difference> {
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        self.core.snapshot(&mut bytes);
        self.core =
            Core::restore(&bytes).or_else(|error| self.differs(format!("its own snapshot is refused: {error}")))?;
        self.core.snapshot(&mut again);
        self.same("snapshot of the restored core", again == bytes, true)
    }

    fn same<T: PartialEq + fmt::Debug>(&self, name: &str, core: T, model: T) -> Result<(), Difference> {
        if core == model { Ok(()) } else { self.differs(format!("{name}: core {core:?}, model {model:?}")) }
    }

    fn compare_funds(&self) -> Result<(), Difference> {
        let funds = self.core.funds();
        self.same("number of assets", funds.len(), self.model.assets.len())?;
        for (core, asset) in funds.iter().zip(&self.model.assets) {
            self.same("credited", core.credited.0 as i128, asset.credited)?;
            self.same("debited", core.debited.0 as i128, asset.debited)?;
            let there = core.free.0 as i128 + core.locked.0 as i128;
            self.same("free + locked", there, asset.credited - asset.debited)?;
        }
        Ok(())
    }

    fn compare_registers(&self) -> Result<(), Difference> {
        self.same("seq", self.core.seq(), self.seq)?;
        self.same("time", self.core.time(), self.time)?;
        let core: Vec<_> = self.core.assets().iter().map(|a| (a.code.as_str(), a.name.as_str(), a.decimals)).collect();
        let model = self.model.assets.iter().map(|a| (a.code.as_str(), a.name.as_str(), a.decimals)).collect();
        self.same("assets", core, model)?;
        let core = self.core.accounts().iter();
        let core: Vec<_> =
            core.map(|a| (&a.name, a.can_trade, a.fees, a.trade_group, a.permissions, a.discount)).collect();
        let model = self.model.accounts.iter();
        let model = model.map(|a| (&a.name, a.can_trade, a.fees, a.trade_group, a.permissions, a.discount)).collect();
        self.same("accounts", core, model)?;
        self.compare_exchange()?;
        for market in self.model.market_ids() {
            let all = self.open_orders(market);
            for account in self.model.account_ids() {
                let core: Vec<OpenOrder> = self.core.open_orders_of(account, market).collect();
                let model = all.iter().filter(|order| order.accepted.account == account).cloned().collect();
                self.same("open orders of an account", core, model)?;
            }
        }
        Ok(())
    }

    /// The rules of the whole exchange, limits, groups, lists and what is left to be released.
    fn compare_exchange(&self) -> Result<(), Difference> {
        self.same("exchange rules", self.core.exchange_rules(), &self.model.rules)?;
        for account in self.model.account_ids() {
            let core: Vec<_> =
                self.core.asset_limits(account).iter().filter(|(_, limit)| limit.0 > 0).copied().collect();
            let of_account = self.model.asset_limits.iter().filter(|((id, _), limit)| *id == account && **limit > 0);
            let model = of_account.map(|((_, asset), limit)| (*asset, Amount(*limit))).collect();
            self.same("asset limits", core, model)?;
        }
        let core: Vec<_> = self.core.sors().map(|sor| (sor.base, sor.markets.to_vec(), sor.account)).collect();
        let sors = self.model.sors.iter();
        self.same("groups", core, sors.map(|(base, sor)| (*base, sor.markets.clone(), sor.account)).collect())?;
        let core: Vec<OpenOrderList> = self.core.open_lists().collect();
        let model: Vec<OpenOrderList> = self.model.lists.values().map(open_list).collect();
        self.same("open lists", &core, &model)?;
        for list in model {
            let (id, account) = (list.client_list_id, list.account);
            self.same("list by id", self.core.open_list(list.list), Some(list.clone()))?;
            let found = self.core.open_list_by_client_id(account, &id);
            self.same("list by client id", found, (!id.is_empty()).then_some(list))?;
        }
        self.same("releases are left", self.core.releases() > 0, self.model.releases_left() > 0)
    }

    fn compare_reference(&self, market: MarketId) -> Result<(), Difference> {
        let core = self.core.reference_price(market);
        let model = self.model.reference(market);
        self.same("reference price", core.and_then(|core| core.price), model.and_then(|model| model.price))?;
        match (core, model) {
            (Some(core), Some(model)) => {
                self.same("kind of reference price", core.is_computed, model.is_computed)?;
                self.same("time of reference price", core.changed_at, model.changed_at)
            }
            // A computed one before the first trade.
            (Some(core), None) => self.same("kind of reference price", core.is_computed, true),
            (core, None) => self.same("reference price", core.is_some(), false),
            (None, Some(_)) => self.same("reference price", false, true),
        }
    }

    fn compare_market(&self, id: MarketId) -> Result<(), Difference> {
        let market = &self.model.markets[id.0 as usize];
        let Some(depth) = self.core.depth(id, usize::MAX) else {
            return self.differs(format!("market {id}: core has no depth"));
        };
        self.same("bids", &depth.bids, &self.model.depth(id, Side::Buy))?;
        self.same("asks", &depth.asks, &self.model.depth(id, Side::Sell))?;
        self.same("depth version", depth.version, market.version)?;
        self.same("book version", self.core.book_version(id), market.version)?;
        self.compare_reference(id)?;
        self.same("average price", self.core.average_price(id), self.model.average_price(id))?;
        for (side, levels) in [(Side::Buy, &depth.bids), (Side::Sell, &depth.asks)] {
            for (price, qty) in levels.iter().take(5) {
                self.same("level", self.core.level(id, side, *price), *qty)?;
            }
        }
        let Some(view) = self.core.market(id) else {
            return self.differs(format!("market {id}: core does not list it"));
        };
        self.same("symbol", view.symbol, &market.symbol)?;
        self.same("assets", (view.base, view.quote), (market.base, market.quote))?;
        self.same("rules", view.rules, &market.rules)?;
        self.same("status", view.status, market.status)?;
        self.same("last price", view.last_price, self.model.last_price(id))?;
        self.same("open orders", view.open_orders, market.orders.len() as u64)
    }

    fn compare_open_orders(&self) -> Result<(), Difference> {
        let core: Vec<OpenOrder> = self.core.open_orders().collect();
        let model: Vec<OpenOrder> = self.model.market_ids().flat_map(|market| self.open_orders(market)).collect();
        self.same("open orders", &core, &model)?;
        for order in model {
            let (id, account, market) = (order.accepted.client_order_id, order.accepted.account, order.accepted.market);
            self.same("by id", self.core.open_order(market, order.accepted.order_id), Some(order.clone()))?;
            let found = self.core.open_order_by_client_id(account, market, &id);
            self.same("by client id", found, (!id.is_empty()).then_some(order))?;
        }
        Ok(())
    }

    /// The model's open orders of a market by id, in the core's words.
    fn open_orders(&self, market: MarketId) -> Vec<OpenOrder> {
        let mut orders: Vec<OpenOrder> = self.model.markets[market.0 as usize].orders.iter().map(open_order).collect();
        orders.sort_by_key(|order| order.accepted.order_id);
        orders
    }

    /// Whether both judge an order the same without placing it.
    ///
    /// # Errors
    /// The two verdicts.
    pub fn compare_check(&self, step: &Step) -> Result<(), Difference> {
        let Input::Command(_, Command::PlaceOrder(order)) = &step.input else {
            return Ok(());
        };
        let (core, model) = (self.core.check_order(order), self.model.check_order(order).map(|_| ()));
        self.same("check_order", core, model)
    }
}

fn open_order(order: &Order) -> OpenOrder {
    OpenOrder {
        accepted: order.told(),
        left: Qty(order.left),
        prevented: Qty(order.prevented),
        filled: Qty(order.filled),
        filled_quote: Amount(order.filled_quote as u128),
        accepted_at: order.accepted_at,
        working_at: order.working_at,
        trailing_at: order.trailing_at,
        updated_at: order.updated_at,
        amends: order.amends,
    }
}

fn open_list(list: &List) -> OpenOrderList {
    OpenOrderList {
        list: list.id,
        account: list.account,
        market: list.market,
        kind: list.kind,
        client_list_id: list.client_list_id,
        orders: list.orders.clone(),
        accepted_at: list.accepted_at,
    }
}

/// Accounts that a step may have changed.
fn touched(step: &Step, events: &[Event]) -> BTreeSet<AccountId> {
    let mut accounts = BTreeSet::from([FEE_ACCOUNT]);
    if let Input::Command(_, command) = &step.input {
        accounts.extend(owner(command));
    }
    for event in events {
        match event {
            Event::Traded(trade) => accounts.extend([trade.taker_account, trade.maker_account]),
            Event::Allocated(allocated) => accounts.extend([allocated.account]),
            Event::SelfTradePrevented(prevented) => {
                accounts.extend([prevented.taker_account, prevented.maker_account]);
            }
            Event::OrderAccepted(accepted) => accounts.extend([accepted.account]),
            Event::OrderReleased(released) => accounts.extend([released.account]),
            Event::OrderAmended(amended) => accounts.extend([amended.account]),
            Event::OrderClosed(closed) => accounts.extend([closed.account]),
            Event::Credited { account, .. } | Event::Debited { account, .. } => accounts.extend([*account]),
            _ => {}
        }
    }
    accounts
}

/// Whose orders a command is about.
fn owner(command: &Command) -> Option<AccountId> {
    match command {
        Command::PlaceOrder(order) => Some(order.account),
        Command::PlaceList(list) => Some(list.account),
        Command::CancelReplace(replace) => Some(replace.order.account),
        Command::AmendOrder(amend) => Some(amend.account),
        _ => None,
    }
}

/// One event a line.
pub fn list(events: &[Event]) -> String {
    events.iter().map(|event| format!("  {event:?}")).collect::<Vec<_>>().join("\n")
}
