//! The reference model: `spec/rules.md` in plain loops over Vecs and BTreeMaps. Slow on purpose, and short.
//!
//! Written from the rules alone, never from the core's code, so that a misreading has to be made twice to be missed.
//! The lines that ask `self.bug(..)` plant a bug; without one they say what the rules say.

mod admin;
mod average;
mod judge;
mod matching;

use std::collections::{BTreeMap, BTreeSet};

use tandem_core::command::{CancelOrder, Command, Origin};
use tandem_core::event::{Event, OrderAccepted, OrderClosed};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, AssetId, ClientOrderId, CloseReason, CloseStatus, FEE_ACCOUNT, Fees, MarketId, MarketRules,
    MarketStatus, OrderId, Price, Seq, Side, TimeUs,
};

use crate::generate::{Input, Step};
use crate::planted::Planted;

type Outcome = Result<Vec<Event>, RejectCode>;

/// Sessions that are remembered at most.
const SESSIONS_MAX: usize = 4096;

/// What an account has of an asset. Never below 0, except in a model with a planted bug: that is what signs are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Can be spent or withdrawn.
    pub free: i128,
    /// Held for open orders.
    pub locked: i128,
}

/// An asset, with all that ever came in and went out.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Unique.
    pub code: String,
    /// For people.
    pub name: String,
    /// Minor units are `10^-decimals`.
    pub decimals: u8,
    /// Sum of all credits.
    pub credited: i128,
    /// Sum of all debits.
    pub debited: i128,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Unique.
    pub name: String,
    /// Whether it may place orders.
    pub can_trade: bool,
    /// Its own rates.
    pub fees: Option<Fees>,
}

/// An order that is open, or that is being matched.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// As it came in.
    pub accepted: OrderAccepted,
    /// What is still open.
    pub left: u64,
    /// What has filled.
    pub filled: u64,
    /// What that came to, in quote units.
    pub filled_quote: i128,
    /// What self-trade prevention took off.
    pub prevented: u64,
    /// When it was accepted.
    pub accepted_at: TimeUs,
    /// When it last filled or lost something.
    pub updated_at: TimeUs,
    /// Its place among orders of one price: the order id (a planted bug changes it).
    place: u64,
}

/// A trade, as far as the average price cares.
#[derive(Clone, Copy, Debug)]
struct Trade {
    minute: u64,
    price: u64,
    qty: u64,
}

/// A market with its book: every open order, in no order that matters.
#[derive(Clone, Debug)]
pub struct Market {
    /// Unique.
    pub symbol: String,
    /// Bought and sold.
    pub base: AssetId,
    /// Paid in.
    pub quote: AssetId,
    /// Filters and rates.
    pub rules: MarketRules,
    /// Open or not.
    pub status: MarketStatus,
    /// Every open order.
    pub orders: Vec<Order>,
    /// Changes of the book so far.
    pub version: u64,
    trades: Vec<Trade>,
    prevented_matches: u64,
    /// Client order ids ever used, for a planted bug.
    client_ids_ever: BTreeSet<(AccountId, ClientOrderId)>,
}

/// The last command seen of a session.
#[derive(Clone, Copy, Debug)]
struct Session {
    number: u64,
    used: Seq,
}

/// The whole exchange.
#[derive(Clone, Debug)]
pub struct Model {
    planted: Option<Planted>,
    time: TimeUs,
    sessions: BTreeMap<u64, Session>,
    /// By id.
    pub assets: Vec<Asset>,
    /// By id.
    pub markets: Vec<Market>,
    /// By id; 0 collects the fees.
    pub accounts: Vec<Account>,
    balances: BTreeMap<(AccountId, AssetId), Balance>,
    last_order: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Nothing but the fee account.
    pub fn new() -> Self {
        let fees = Account { name: "fees".into(), can_trade: false, fees: None };
        Self {
            planted: None,
            time: TimeUs(0),
            sessions: BTreeMap::new(),
            assets: Vec::new(),
            markets: Vec::new(),
            accounts: vec![fees],
            balances: BTreeMap::new(),
            last_order: 0,
        }
    }

    /// A model that is wrong in one way.
    pub fn with_bug(bug: Planted) -> Self {
        Self { planted: Some(bug), ..Self::new() }
    }

    fn bug(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// What comes of a command.
    pub fn apply(&mut self, seq: Seq, time: TimeUs, origin: Origin, command: &Command) -> Vec<Event> {
        self.time = time;
        let before = if self.bug(Planted::RejectForgetsNumber) { Some(self.sessions.clone()) } else { None };
        if self.is_repeated(seq, origin) {
            return vec![Event::Rejected { code: RejectCode::CommandRepeated }];
        }
        match self.execute(command) {
            Ok(events) => events,
            Err(code) => {
                self.sessions = before.unwrap_or_else(|| std::mem::take(&mut self.sessions));
                if self.bug(Planted::RejectTakesOrderId) && matches!(command, Command::PlaceOrder(_)) {
                    self.last_order += 1;
                }
                vec![Event::Rejected { code }]
            }
        }
    }

    /// What comes of a payload that is no command.
    pub fn apply_garbage(&mut self, time: TimeUs) -> Vec<Event> {
        self.time = time;
        vec![Event::Rejected { code: RejectCode::CommandNotUnderstood }]
    }

    /// What comes of a step of a generated stream.
    pub fn apply_step(&mut self, seq: Seq, step: &Step) -> Vec<Event> {
        match &step.input {
            Input::Command(origin, command) => self.apply(seq, step.time, *origin, command),
            Input::Garbage(_) => self.apply_garbage(step.time),
        }
    }

    fn is_repeated(&mut self, seq: Seq, origin: Origin) -> bool {
        if origin.session == 0 || self.bug(Planted::DedupeIgnored) {
            return false;
        }
        let last = self.sessions.get(&origin.session).map_or(0, |session| session.number);
        if origin.number <= last {
            if self.bug(Planted::RepeatRefreshesSession) {
                self.sessions.entry(origin.session).and_modify(|session| session.used = seq);
            }
            return true;
        }
        let is_new = !self.sessions.contains_key(&origin.session);
        let max = if self.bug(Planted::SessionForgottenEarly) { SESSIONS_MAX - 1 } else { SESSIONS_MAX };
        if is_new && self.sessions.len() == max {
            let longest_ago = self.sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id);
            longest_ago.map(|id| self.sessions.remove(&id));
        }
        self.sessions.insert(origin.session, Session { number: origin.number, used: seq });
        false
    }

    fn execute(&mut self, command: &Command) -> Outcome {
        match command {
            Command::CreateAsset { code, name, decimals } => self.create_asset(code, name, *decimals),
            Command::UpdateAsset { asset, name } => self.update_asset(*asset, name),
            Command::CreateMarket { symbol, base, quote, rules } => self.create_market(symbol, *base, *quote, rules),
            Command::UpdateMarket { market, rules } => self.update_market(*market, rules),
            Command::SetMarketStatus { market, status } => self.set_market_status(*market, *status),
            Command::CreateAccount { name } => self.create_account(name),
            Command::UpdateAccount { account, can_trade, fees } => self.update_account(*account, *can_trade, *fees),
            Command::Credit { account, asset, amount } => self.credit(*account, *asset, *amount),
            Command::Debit { account, asset, amount } => self.debit(*account, *asset, *amount),
            Command::PlaceOrder(order) => self.place(order),
            Command::CancelOrder(cancel) => self.cancel(cancel),
            Command::CancelAll { account, market } => self.cancel_all(*account, *market),
        }
    }

    fn account(&self, id: AccountId) -> Result<&Account, RejectCode> {
        self.accounts.get(id.0 as usize).ok_or(RejectCode::AccountUnknown)
    }

    fn asset(&self, id: AssetId) -> Result<&Asset, RejectCode> {
        self.assets.get(id.0 as usize).ok_or(RejectCode::AssetUnknown)
    }

    fn market(&self, id: MarketId) -> Result<&Market, RejectCode> {
        self.markets.get(id.0 as usize).ok_or(RejectCode::MarketUnknown)
    }

    /// Of a market that is known to exist.
    fn market_mut(&mut self, id: MarketId) -> &mut Market {
        &mut self.markets[id.0 as usize]
    }

    /// What an account has of an asset; nothing, if it never had any.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        self.balances.get(&(account, asset)).copied().unwrap_or_default()
    }

    fn balance_mut(&mut self, account: AccountId, asset: AssetId) -> &mut Balance {
        self.balances.entry((account, asset)).or_default()
    }

    /// Total quantity by price, best first, of one side.
    pub fn depth(&self, market: MarketId, side: Side) -> Vec<(Price, u128)> {
        let mut levels: BTreeMap<Price, u128> = BTreeMap::new();
        for order in self.markets.get(market.0 as usize).map_or(&[][..], |market| &market.orders) {
            if order.accepted.side == side {
                *levels.entry(order.accepted.price).or_default() += u128::from(order.left);
            }
        }
        match side {
            Side::Buy => levels.into_iter().rev().collect(),
            Side::Sell => levels.into_iter().collect(),
        }
    }

    /// `quote_amount`: what a quantity costs, in minor quote units. Exact when the price is on tick, the quantity on lot.
    fn notional(&self, market: &Market, price: u64, qty: u64) -> i128 {
        let base = &self.assets[market.base.0 as usize];
        i128::from(price) * i128::from(qty) / 10_i128.pow(u32::from(base.decimals))
    }

    /// The asset that a side gives, and how much of it a quantity at a price takes.
    fn needs(&self, market: MarketId, side: Side, price: u64, qty: u64) -> (AssetId, i128) {
        let market = &self.markets[market.0 as usize];
        match side {
            Side::Buy => (market.quote, self.notional(market, price, qty)),
            Side::Sell => (market.base, i128::from(qty)),
        }
    }

    fn lock(&mut self, order: &OrderAccepted, qty: u64) {
        let (asset, amount) = self.needs(order.market, order.side, order.price.0, qty);
        let balance = self.balance_mut(order.account, asset);
        balance.free -= amount;
        balance.locked += amount;
    }

    fn unlock(&mut self, order: &OrderAccepted, qty: u64) {
        let (asset, amount) = self.needs(order.market, order.side, order.price.0, qty);
        let balance = self.balance_mut(order.account, asset);
        balance.locked -= amount;
        balance.free += amount;
    }

    /// Takes an order out of the book and gives its lock back.
    fn remove(&mut self, market: MarketId, order_id: OrderId) {
        let book = self.market_mut(market);
        if let Some(index) = book.orders.iter().position(|order| order.accepted.order_id == order_id) {
            let order = book.orders.remove(index);
            book.version += 1;
            self.unlock(&order.accepted, order.left);
        }
    }

    fn cancel(&mut self, cancel: &CancelOrder) -> Outcome {
        self.account(cancel.account)?;
        let market = self.market(cancel.market)?;
        if cancel.order_id.is_none() && cancel.client_order_id.is_empty() {
            return Err(RejectCode::OrderFieldsInvalid);
        }
        if self.bug(Planted::CancelNeedsOpenMarket) && market.status != MarketStatus::Trading {
            return Err(RejectCode::MarketClosed);
        }
        let found = market.orders.iter().find(|order| {
            let order = &order.accepted;
            (order.account == cancel.account || self.bug(Planted::ForeignCancel))
                && cancel.order_id.is_none_or(|id| id == order.order_id)
                && (cancel.client_order_id.is_empty() || cancel.client_order_id == order.client_order_id)
        });
        let Some(order) = found.copied() else {
            return self.cancel_of_no_order(cancel);
        };
        self.remove(cancel.market, order.accepted.order_id);
        if self.bug(Planted::LockNotReleased) {
            self.lock(&order.accepted, order.left);
        }
        Ok(vec![canceled(&order, cancel.new_client_order_id)])
    }

    fn cancel_of_no_order(&self, cancel: &CancelOrder) -> Outcome {
        match cancel.order_id {
            Some(order_id) if self.bug(Planted::CancelAckForDeadOrder) => Ok(vec![Event::OrderClosed(OrderClosed {
                order_id,
                account: cancel.account,
                market: cancel.market,
                status: CloseStatus::Canceled,
                reason: CloseReason::User,
                left: tandem_core::types::Qty(0),
                client_order_id: cancel.client_order_id,
                cancel_id: cancel.new_client_order_id,
            })]),
            _ => Err(RejectCode::OrderUnknown),
        }
    }

    fn cancel_all(&mut self, account: AccountId, market: MarketId) -> Outcome {
        self.account(account)?;
        let mut own = self.market(market)?.orders.clone();
        own.retain(|order| order.accepted.account == account);
        own.sort_by_key(|order| order.accepted.order_id);
        if self.bug(Planted::CancelAllBackwards) {
            own.reverse();
        }
        if own.is_empty() {
            return Err(RejectCode::OrderUnknown);
        }
        for order in &own {
            self.remove(market, order.accepted.order_id);
        }
        Ok(own.iter().map(|order| canceled(order, ClientOrderId::EMPTY)).collect())
    }

    /// Funds: for each asset, what the accounts have is what came in less what went out.
    pub fn check_funds(&self) -> Result<(), String> {
        let mut sums = vec![0_i128; self.assets.len()];
        for ((_, asset), balance) in &self.balances {
            sums[asset.0 as usize] += balance.free + balance.locked;
        }
        for (asset, sum) in self.assets.iter().zip(sums) {
            if asset.credited - asset.debited != sum {
                return Err(format!(
                    "funds of {}: in {} out {} but {sum} there",
                    asset.code, asset.credited, asset.debited
                ));
            }
        }
        Ok(())
    }

    /// Locks: each account has locked exactly what its open orders need.
    pub fn check_locks(&self) -> Result<(), String> {
        let mut needed: BTreeMap<(AccountId, AssetId), i128> = BTreeMap::new();
        for order in self.markets.iter().flat_map(|market| &market.orders) {
            let accepted = &order.accepted;
            let (asset, amount) = self.needs(accepted.market, accepted.side, accepted.price.0, order.left);
            *needed.entry((accepted.account, asset)).or_default() += amount;
        }
        for (key, balance) in &self.balances {
            let needed = needed.get(key).copied().unwrap_or_default();
            if balance.free < 0 || balance.locked != needed {
                return Err(format!("{key:?} has {balance:?} where open orders need {needed}"));
            }
        }
        Ok(())
    }

    /// Ids of all accounts, the fee account included.
    pub fn account_ids(&self) -> impl Iterator<Item = AccountId> + use<> {
        (FEE_ACCOUNT.0..self.accounts.len() as u32).map(AccountId)
    }

    /// Ids of all assets.
    pub fn asset_ids(&self) -> impl Iterator<Item = AssetId> + use<> {
        (0..self.assets.len() as u32).map(AssetId)
    }

    /// Ids of all markets.
    pub fn market_ids(&self) -> impl Iterator<Item = MarketId> + use<> {
        (0..self.markets.len() as u32).map(MarketId)
    }
}

fn canceled(order: &Order, cancel_id: ClientOrderId) -> Event {
    closed(order, CloseStatus::Canceled, CloseReason::User, cancel_id)
}

fn closed(order: &Order, status: CloseStatus, reason: CloseReason, cancel_id: ClientOrderId) -> Event {
    Event::OrderClosed(OrderClosed {
        order_id: order.accepted.order_id,
        account: order.accepted.account,
        market: order.accepted.market,
        status,
        reason,
        left: tandem_core::types::Qty(order.left),
        client_order_id: order.accepted.client_order_id,
        cancel_id,
    })
}
