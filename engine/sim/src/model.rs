//! The reference model: `spec/rules.md` in plain loops over Vecs and BTreeMaps. Slow on purpose, and short.
//!
//! Written from the rules alone, never from the core's code, so that a misreading has to be made twice to be missed.
//! The lines that ask `self.bug(..)` plant a bug; without one they say what the rules say.

mod admin;
mod amend;
mod average;
mod cancel;
mod fees;
mod filters;
mod judge;
mod lists;
mod locks;
mod matching;
mod plan;
mod prevention;
mod reference;
mod releases;
mod routing;
mod triggers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tandem_core::command::{Command, Origin};
use tandem_core::event::{AcceptedExtra, Event, OrderAccepted, OrderClosed};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    AccountId, AssetId, ClientOrderId, CloseReason, CloseStatus, ExchangeRules, FEE_ACCOUNT, Fees, ListId, ListKind,
    MarketId, MarketRules, MarketStatus, OrderId, OrderKind, OrderState, PERMISSION_SPOT, Price, Qty, Seq, Side, Terms,
    TimeUs,
};

use crate::generate::{Input, Step};
use crate::planted::Planted;
use admin::Changes;
use releases::Release;

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
    /// Accounts of one group do not trade with each other.
    pub trade_group: Option<u32>,
    /// Bits.
    pub permissions: u32,
    /// Pays in the discount asset where it can.
    pub discount: bool,
}

/// An order that is open, or that is being matched.
#[derive(Clone, Debug)]
pub struct Order {
    /// As it came in, with the quantity and the client order id of now; `extra` is always `None` here.
    pub accepted: OrderAccepted,
    /// As asked for.
    pub terms: Terms,
    /// Its list.
    pub list: Option<ListId>,
    /// Where it is.
    pub state: OrderState,
    /// What its peg came to; 0: no peg, or not known yet.
    pub pegged: u64,
    /// What is still open.
    pub left: u64,
    /// What has filled.
    pub filled: u64,
    /// What that came to, in quote units.
    pub filled_quote: i128,
    /// What self-trade prevention took off.
    pub prevented: u64,
    /// How often it was amended.
    pub amends: u16,
    /// When it was accepted.
    pub accepted_at: TimeUs,
    /// When it began to work.
    pub working_at: Option<TimeUs>,
    /// When it began to follow the price.
    pub trailing_at: Option<TimeUs>,
    /// When something last happened to it.
    pub updated_at: TimeUs,
    /// Its trigger has fired; it waits in the queue of releases.
    pub is_fired: bool,
    /// What it follows: the best last price since it began.
    pub extreme: Option<u64>,
    /// What of it the book shows.
    pub shown: u64,
    /// What a BUY that does not work yet is locked by.
    need_price: u64,
    /// What the ledger holds for it.
    locked: i128,
    /// Its place among orders of one price: when it, or its present part, joined them.
    place: u64,
}

impl Order {
    /// Its id.
    pub const fn id(&self) -> OrderId {
        self.accepted.order_id
    }

    /// The price it works at.
    pub const fn limit(&self) -> u64 {
        if self.pegged > 0 { self.pegged } else { self.accepted.price.0 }
    }

    const fn works_as(&self) -> OrderKind {
        self.accepted.kind.works_as()
    }

    /// Whether it is in the book.
    pub fn is_working(&self) -> bool {
        self.state == OrderState::Working
    }

    /// As it is told, with what it has beyond plain orders.
    pub fn told(&self) -> OrderAccepted {
        let is_plain = self.terms == Terms::default() && self.list.is_none() && self.is_working();
        let extra =
            AcceptedExtra { terms: self.terms, list: self.list, pegged_price: Price(self.pegged), state: self.state };
        OrderAccepted { extra: (!is_plain).then(|| Box::new(extra)), ..self.accepted.clone() }
    }

    /// What is shown when a new part is.
    fn part(&self) -> u64 {
        if self.terms.iceberg_qty.0 > 0 { self.left.min(self.terms.iceberg_qty.0) } else { self.left }
    }
}

/// An open list.
#[derive(Clone, Debug)]
pub struct List {
    /// Its id.
    pub id: ListId,
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub market: MarketId,
    /// What it is made of.
    pub kind: ListKind,
    /// Empty: none.
    pub client_list_id: ClientOrderId,
    /// All of its orders, open or not.
    pub orders: Vec<OrderId>,
    /// When it was accepted.
    pub accepted_at: TimeUs,
    /// What its working order bought, locked for the pending ones.
    proceeds: i128,
}

/// A trade, as far as the average and the reference price care.
#[derive(Clone, Copy, Debug)]
struct Trade {
    time: TimeUs,
    price: u64,
    qty: u64,
}

/// A market with every open order, in no order that matters.
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
    /// Every open order of any state.
    pub orders: Vec<Order>,
    /// Changes of the book so far.
    pub version: u64,
    trades: Vec<Trade>,
    prevented_matches: u64,
    allocations: u64,
    /// What was said of the reference price from outside, if anything, and when.
    reference_said: Option<(Option<Price>, TimeUs)>,
    /// Trades before this one are not in the reference price.
    reference_from: usize,
    /// Client order ids ever used, for a planted bug.
    client_ids_ever: BTreeSet<(AccountId, ClientOrderId)>,
}

/// A smart order routing group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sor {
    /// As given.
    pub markets: Vec<MarketId>,
    /// Stands between the books.
    pub account: AccountId,
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
    /// Of the whole exchange.
    pub rules: ExchangeRules,
    /// MAX_ASSET; none is 0.
    pub asset_limits: BTreeMap<(AccountId, AssetId), u128>,
    /// By base asset.
    pub sors: BTreeMap<AssetId, Sor>,
    /// Open lists.
    pub lists: BTreeMap<ListId, List>,
    releases: VecDeque<Release>,
    balances: BTreeMap<(AccountId, AssetId), Balance>,
    last_order: u64,
    next_list: u64,
    last_place: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Nothing but the fee account.
    pub fn new() -> Self {
        let fees = Account {
            name: "fees".into(),
            can_trade: false,
            fees: None,
            trade_group: None,
            permissions: PERMISSION_SPOT,
            discount: false,
        };
        Self {
            planted: None,
            time: TimeUs(0),
            sessions: BTreeMap::new(),
            assets: Vec::new(),
            markets: Vec::new(),
            accounts: vec![fees],
            rules: ExchangeRules::default(),
            asset_limits: BTreeMap::new(),
            sors: BTreeMap::new(),
            lists: BTreeMap::new(),
            releases: VecDeque::new(),
            balances: BTreeMap::new(),
            last_order: 0,
            next_list: 0,
            last_place: 0,
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
            Ok(mut events) => {
                self.run_releases(&mut events);
                debug_assert_eq!(self.planted.map_or_else(|| self.check_locks(), |_| Ok(())), Ok(()));
                events
            }
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
            Command::UpdateAccount { account, can_trade, fees, trade_group, permissions, discount } => {
                let (fees, trade_group) = (*fees, *trade_group);
                let (can_trade, permissions, discount) = (*can_trade, *permissions, *discount);
                self.update_account(*account, Changes { can_trade, fees, trade_group, permissions, discount })
            }
            Command::UpdateExchange { rules } => self.update_exchange(rules),
            Command::SetAssetLimit { account, asset, limit } => self.set_asset_limit(*account, *asset, *limit),
            Command::SetReferencePrice { market, price } => self.set_reference_price(*market, *price),
            Command::SetSor { base, markets, account } => self.set_sor(*base, markets, *account),
            Command::Credit { account, asset, amount } => self.credit(*account, *asset, *amount),
            Command::Debit { account, asset, amount } => self.debit(*account, *asset, *amount),
            Command::PlaceOrder(order) => self.place(order),
            Command::CancelOrder(cancel) => self.cancel(cancel),
            Command::CancelAll { account, market, by_exchange } => self.cancel_all(*account, *market, *by_exchange),
            Command::PlaceList(list) => self.place_list(list),
            Command::CancelList(cancel) => self.cancel_list(cancel),
            Command::AmendOrder(amend) => self.amend(amend),
            Command::CancelReplace(replace) => self.cancel_replace(replace),
            // The releases themselves follow every accepted command.
            Command::RunReleases if self.releases.is_empty() => Err(RejectCode::NothingToRelease),
            Command::RunReleases => Ok(Vec::new()),
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

    /// Total shown quantity by price, best first, of one side.
    pub fn depth(&self, market: MarketId, side: Side) -> Vec<(Price, u128)> {
        let mut levels: BTreeMap<Price, u128> = BTreeMap::new();
        for order in self.markets.get(market.0 as usize).map_or(&[][..], |market| &market.orders) {
            if order.is_working() && order.accepted.side == side {
                *levels.entry(Price(order.limit())).or_default() += u128::from(order.shown);
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

    /// An open order of a market.
    fn open(&self, market: MarketId, order_id: OrderId) -> Option<&Order> {
        self.markets[market.0 as usize].orders.iter().find(|order| order.id() == order_id)
    }

    fn open_mut(&mut self, market: MarketId, order_id: OrderId) -> Option<&mut Order> {
        self.market_mut(market).orders.iter_mut().find(|order| order.id() == order_id)
    }

    const fn next_place(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
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

fn closed(order: &Order, status: CloseStatus, reason: CloseReason, cancel_id: ClientOrderId) -> Event {
    Event::OrderClosed(OrderClosed {
        order_id: order.accepted.order_id,
        account: order.accepted.account,
        market: order.accepted.market,
        status,
        reason,
        left: Qty(order.left),
        client_order_id: order.accepted.client_order_id,
        cancel_id,
    })
}
