//! The one object that Python drives.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::Mutex;
use tandem_core::command::{AmendOrder, CancelList, CancelReplace, Command, PlaceList};
use tandem_core::types::{
    AccountId, AssetId, ListId, ListKind, MarketId, MarketStatus, OrderId, Price, Qty, ReplaceMode,
};
use tandem_core::{Core, SorView};
use tandem_node::node::Node;
use tandem_node::queue::{PAYLOAD_BYTES_MAX, SubmitError};
use tandem_node::recovery::{self, EventsStart, Options, Recovery};

use crate::numbers::{Big, ClientId, Rates, fees_of, or_minus_one, shown, variant};
use crate::offline;
use crate::orders::{Leg, Terms, cancel_of, order_of};
use crate::reference::{Account, Asset, ExchangeRules, Market, MarketRules, OpenOrder, OpenOrderList};
use crate::results::{Batch, batch_to_python, level};

create_exception!(tandem._engine, EngineError, PyException, "The engine cannot be opened, or not read.");
create_exception!(tandem._engine, Overloaded, PyException, "The queue of commands is full; nothing was taken.");

/// (asset, free, locked).
type BalanceRow = (u32, Big, Big);
/// (asset, credited, debited, sum of free, sum of locked).
type FundsRow = (u32, Big, Big, Big, Big);
/// (market, next trade id, last price, book version).
type MarketRow = (u32, u64, Option<u64>, u64);
/// (base, markets, the account between the books).
type SorRow = (u32, Vec<u32>, u32);
/// (price, total).
type LevelRow = (u64, i64);

/// One shard.
#[pyclass(frozen, module = "tandem._engine")]
pub struct Engine {
    node: Node,
    recovery: Recovery,
    /// Dropped when the first events are polled: the orders would take as much memory as the book.
    start: Mutex<Option<EventsStart>>,
}

impl Engine {
    fn submit(&self, command: &Command) -> PyResult<u64> {
        match self.node.submit(command) {
            Ok(number) | Err(SubmitError::Closed(number)) => Ok(number),
            Err(SubmitError::Overloaded) => Err(Overloaded::new_err("the queue of commands is full; try again later")),
            Err(SubmitError::TooLarge(bytes)) => {
                Err(PyValueError::new_err(format!("the command takes {bytes} bytes, more than {PAYLOAD_BYTES_MAX}")))
            }
        }
    }

    /// Looks at the replica; other Python threads run while it is waited for.
    fn read<T: Send>(&self, py: Python<'_>, look: impl FnOnce(&Core) -> T + Send) -> T {
        if let Some(replica) = self.node.try_replica() {
            return look(replica.core());
        }
        py.detach(|| look(self.node.replica().core()))
    }

    fn with_start<T>(&self, look: impl FnOnce(&EventsStart) -> T) -> PyResult<T> {
        let start = self.start.lock().map_err(|_| EngineError::new_err("a thread died while it read the start"))?;
        let gone = || EngineError::new_err("read this before the first poll: it is dropped then");
        start.as_ref().map(look).ok_or_else(gone)
    }
}

#[pymethods]
impl Engine {
    #[staticmethod]
    #[pyo3(signature = (path, *, segment_bytes = 64 << 20, snapshot_every = 1_000_000, reserve_bytes = 16 << 20,
        queue_limit = 65_536, replay_from = None))]
    fn open(
        py: Python<'_>,
        path: &str,
        segment_bytes: u64,
        snapshot_every: u64,
        reserve_bytes: u64,
        queue_limit: usize,
        replay_from: Option<u64>,
    ) -> PyResult<Self> {
        let options =
            Options { segment_bytes, snapshot_every, reserve_bytes, queue_limit, replay_from, ..Options::default() };
        let opened = py.detach(|| recovery::open(path, options)).map_err(|error| EngineError::new_err(error.0))?;
        Ok(Self { node: opened.node, recovery: opened.recovery, start: Mutex::new(Some(opened.start)) })
    }

    fn recovery<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Recovery { cluster_id, .. } = self.recovery;
        let found = PyDict::new(py);
        found.set_item("snapshot_seq", self.recovery.snapshot_seq)?;
        found.set_item("events_from_seq", self.recovery.events_from_seq)?;
        found.set_item("last_seq", self.recovery.last_seq)?;
        found.set_item("replayed", self.recovery.replayed)?;
        found.set_item("torn_bytes_cut", self.recovery.torn_bytes_cut)?;
        found.set_item("damaged_snapshots", &self.recovery.damaged_snapshots)?;
        found.set_item("findings", &self.recovery.findings)?;
        found.set_item("seconds", self.recovery.took.as_secs_f64())?;
        found.set_item("cluster_id", format!("{:032x}", u128::from_be_bytes(cluster_id)))?;
        Ok(found)
    }

    fn snapshot_orders(&self) -> PyResult<Vec<OpenOrder>> {
        self.with_start(|start| start.orders.iter().map(OpenOrder::from).collect())
    }

    fn snapshot_lists(&self) -> PyResult<Vec<OpenOrderList>> {
        self.with_start(|start| start.lists.iter().map(OpenOrderList::from).collect())
    }

    fn snapshot_markets(&self) -> PyResult<Vec<MarketRow>> {
        self.with_start(|start| {
            let row = |market: &recovery::MarketStart| {
                let last_price = market.last_price.map(|price| price.0);
                (market.market.0, market.next_trade, last_price, market.book_version)
            };
            start.markets.iter().map(row).collect()
        })
    }

    fn notify_fd(&self) -> i32 {
        self.node.notify_fd()
    }

    #[pyo3(signature = (max_results = 2000))]
    fn poll<'py>(&self, py: Python<'py>, max_results: usize) -> PyResult<Bound<'py, PyList>> {
        let batches = match self.node.is_poll_ready() {
            true => self.node.poll(max_results),
            // Only waits while what recovery replayed is still being made.
            false => py.detach(|| self.node.poll(max_results)),
        };
        if !batches.is_empty()
            && let Ok(mut start) = self.start.lock()
        {
            *start = None;
        }
        let made = batches.iter().map(|batch| batch_to_python(py, batch)).collect::<PyResult<Vec<Py<Batch>>>>()?;
        PyList::new(py, made)
    }

    #[pyo3(signature = (account, market, side, kind, tif, price, qty, quote_qty, client_order_id, stp,
        strategy_id = None, strategy_type = None, terms = None))]
    #[allow(clippy::too_many_arguments)] // positional, so that a call costs well under a microsecond
    fn place_order(
        &self,
        account: u32,
        market: u32,
        side: u8,
        kind: u8,
        tif: u8,
        price: u64,
        qty: u64,
        quote_qty: Big,
        client_order_id: ClientId,
        stp: i8,
        strategy_id: Option<i64>,
        strategy_type: Option<i32>,
        terms: Option<Bound<'_, Terms>>,
    ) -> PyResult<u64> {
        let leg = (side, kind, tif, price, qty, quote_qty, client_order_id, stp, strategy_id, strategy_type, terms);
        let order = order_of((account, market), leg)?;
        self.submit(&Command::PlaceOrder(order))
    }

    #[pyo3(signature = (account, market, side, kind, tif, price, qty, quote_qty, client_order_id, stp,
        strategy_id = None, strategy_type = None, terms = None))]
    #[allow(clippy::too_many_arguments)] // as for place_order
    fn check_order(
        &self,
        py: Python<'_>,
        account: u32,
        market: u32,
        side: u8,
        kind: u8,
        tif: u8,
        price: u64,
        qty: u64,
        quote_qty: Big,
        client_order_id: ClientId,
        stp: i8,
        strategy_id: Option<i64>,
        strategy_type: Option<i32>,
        terms: Option<Bound<'_, Terms>>,
    ) -> PyResult<i16> {
        let leg = (side, kind, tif, price, qty, quote_qty, client_order_id, stp, strategy_id, strategy_type, terms);
        let order = order_of((account, market), leg)?;
        Ok(self.read(py, |core| core.check_order(&order)).err().map_or(-1, |code| code as i16))
    }

    fn place_list(
        &self,
        account: u32,
        market: u32,
        kind: u8,
        client_list_id: ClientId,
        orders: Vec<Leg<'_>>,
    ) -> PyResult<u64> {
        let orders = orders.into_iter().map(|leg| order_of((account, market), leg));
        self.submit(&Command::PlaceList(PlaceList {
            account: AccountId(account),
            market: MarketId(market),
            kind: variant(ListKind::from_u8(kind), "list kind", kind)?,
            client_list_id: client_list_id.0,
            orders: orders.collect::<PyResult<_>>()?,
        }))
    }

    #[pyo3(signature = (account, market, order_id, client_order_id, new_client_order_id, restriction = -1))]
    fn cancel_order(
        &self,
        account: u32,
        market: u32,
        order_id: i64,
        client_order_id: ClientId,
        new_client_order_id: ClientId,
        restriction: i8,
    ) -> PyResult<u64> {
        let cancel = cancel_of((account, market), order_id, client_order_id, new_client_order_id, restriction)?;
        self.submit(&Command::CancelOrder(cancel))
    }

    fn cancel_list(
        &self,
        account: u32,
        market: u32,
        list_id: i64,
        client_list_id: ClientId,
        new_client_order_id: ClientId,
    ) -> PyResult<u64> {
        self.submit(&Command::CancelList(CancelList {
            account: AccountId(account),
            market: MarketId(market),
            list_id: u64::try_from(list_id).ok().map(ListId),
            client_list_id: client_list_id.0,
            new_client_order_id: new_client_order_id.0,
        }))
    }

    #[pyo3(signature = (account, market, by_exchange = false))]
    fn cancel_all(&self, account: u32, market: u32, by_exchange: bool) -> PyResult<u64> {
        self.submit(&Command::CancelAll { account: AccountId(account), market: MarketId(market), by_exchange })
    }

    fn amend_order(
        &self,
        account: u32,
        market: u32,
        order_id: i64,
        client_order_id: ClientId,
        new_qty: u64,
        new_client_order_id: ClientId,
    ) -> PyResult<u64> {
        self.submit(&Command::AmendOrder(AmendOrder {
            account: AccountId(account),
            market: MarketId(market),
            order_id: u64::try_from(order_id).ok().map(OrderId),
            client_order_id: client_order_id.0,
            new_qty: Qty(new_qty),
            new_client_order_id: new_client_order_id.0,
        }))
    }

    #[allow(clippy::too_many_arguments)] // the cancel's, and the order
    fn cancel_replace(
        &self,
        account: u32,
        market: u32,
        order_id: i64,
        client_order_id: ClientId,
        new_client_order_id: ClientId,
        restriction: i8,
        mode: u8,
        order: Leg<'_>,
    ) -> PyResult<u64> {
        let cancel = cancel_of((account, market), order_id, client_order_id, new_client_order_id, restriction)?;
        let mode = variant(ReplaceMode::from_u8(mode), "replace mode", mode)?;
        let order = order_of((account, market), order)?;
        self.submit(&Command::CancelReplace(Box::new(CancelReplace { cancel, mode, order })))
    }

    fn create_asset(&self, code: String, name: String, decimals: u8) -> PyResult<u64> {
        self.submit(&Command::CreateAsset { code, name, decimals })
    }

    fn update_asset(&self, asset: u32, name: String) -> PyResult<u64> {
        self.submit(&Command::UpdateAsset { asset: AssetId(asset), name })
    }

    fn create_market(&self, symbol: String, base: u32, quote: u32, rules: &MarketRules) -> PyResult<u64> {
        let (base, quote) = (AssetId(base), AssetId(quote));
        self.submit(&Command::CreateMarket { symbol, base, quote, rules: Box::new(rules.to_core()?) })
    }

    fn update_market(&self, market: u32, rules: &MarketRules) -> PyResult<u64> {
        self.submit(&Command::UpdateMarket { market: MarketId(market), rules: Box::new(rules.to_core()?) })
    }

    fn set_market_status(&self, market: u32, status: u8) -> PyResult<u64> {
        let status = variant(MarketStatus::from_u8(status), "market status", status)?;
        self.submit(&Command::SetMarketStatus { market: MarketId(market), status })
    }

    fn create_account(&self, name: String) -> PyResult<u64> {
        self.submit(&Command::CreateAccount { name })
    }

    fn update_account(
        &self,
        account: u32,
        can_trade: bool,
        fees: Option<Rates>,
        trade_group: Option<u32>,
        permissions: u32,
        discount: bool,
    ) -> PyResult<u64> {
        let (account, fees) = (AccountId(account), fees.map(fees_of));
        self.submit(&Command::UpdateAccount { account, can_trade, fees, trade_group, permissions, discount })
    }

    fn update_exchange(&self, rules: &ExchangeRules) -> PyResult<u64> {
        self.submit(&Command::UpdateExchange { rules: rules.to_core() })
    }

    fn set_asset_limit(&self, account: u32, asset: u32, limit: Big) -> PyResult<u64> {
        let (account, asset) = (AccountId(account), AssetId(asset));
        self.submit(&Command::SetAssetLimit { account, asset, limit: limit.into() })
    }

    fn set_reference_price(&self, market: u32, price: Option<u64>) -> PyResult<u64> {
        self.submit(&Command::SetReferencePrice { market: MarketId(market), price: price.map(Price) })
    }

    fn set_sor(&self, base: u32, markets: Vec<u32>, account: u32) -> PyResult<u64> {
        let markets = markets.into_iter().map(MarketId).collect();
        self.submit(&Command::SetSor { base: AssetId(base), markets, account: AccountId(account) })
    }

    fn credit(&self, account: u32, asset: u32, amount: Big) -> PyResult<u64> {
        let (account, asset) = (AccountId(account), AssetId(asset));
        self.submit(&Command::Credit { account, asset, amount: amount.into() })
    }

    fn debit(&self, account: u32, asset: u32, amount: Big) -> PyResult<u64> {
        let (account, asset) = (AccountId(account), AssetId(asset));
        self.submit(&Command::Debit { account, asset, amount: amount.into() })
    }

    fn assets(&self, py: Python<'_>) -> Vec<Asset> {
        self.read(py, |core| core.assets().iter().map(Asset::from).collect())
    }

    fn markets(&self, py: Python<'_>) -> Vec<Market> {
        self.read(py, |core| core.markets().map(Market::from).collect())
    }

    fn accounts(&self, py: Python<'_>) -> Vec<Account> {
        self.read(py, |core| core.accounts().iter().map(Account::from).collect())
    }

    fn account(&self, py: Python<'_>, account: u32) -> Option<Account> {
        self.read(py, |core| core.accounts().get(account as usize).map(Account::from))
    }

    fn balances(&self, py: Python<'_>, account: u32) -> Vec<BalanceRow> {
        self.read(py, |core| {
            let balances = core.balances(AccountId(account));
            balances.map(|(asset, now)| (asset.0, now.free.into(), now.locked.into())).collect()
        })
    }

    fn depth(&self, py: Python<'_>, market: u32, limit: usize) -> (u64, Vec<LevelRow>, Vec<LevelRow>) {
        let Some(depth) = self.read(py, |core| core.depth(MarketId(market), limit)) else {
            return (0, Vec::new(), Vec::new());
        };
        let rows = |levels: Vec<(Price, u128)>| levels.into_iter().map(level).collect();
        (depth.version, rows(depth.bids), rows(depth.asks))
    }

    fn best(&self, py: Python<'_>, market: u32) -> (u64, u64, i64, u64, i64) {
        let Some(depth) = self.read(py, |core| core.depth(MarketId(market), 1)) else {
            return (0, 0, 0, 0, 0);
        };
        let first = |levels: &[(Price, u128)]| levels.first().map_or((0, 0), |(price, total)| (price.0, shown(*total)));
        let (bid, ask) = (first(&depth.bids), first(&depth.asks));
        (depth.version, bid.0, bid.1, ask.0, ask.1)
    }

    fn average_price(&self, py: Python<'_>, market: u32) -> Option<u64> {
        self.read(py, |core| core.average_price(MarketId(market))).map(|price| price.0)
    }

    fn reference_price(&self, py: Python<'_>, market: u32) -> Option<(u8, i64, u64)> {
        let found = self.read(py, |core| core.reference_price(MarketId(market)))?;
        Some((u8::from(found.is_computed), or_minus_one(found.price.map(|price| price.0)), found.changed_at.0))
    }

    fn exchange_rules(&self, py: Python<'_>) -> ExchangeRules {
        self.read(py, |core| ExchangeRules::from(core.exchange_rules()))
    }

    fn asset_limits(&self, py: Python<'_>, account: u32) -> Vec<(u32, Big)> {
        self.read(py, |core| {
            core.asset_limits(AccountId(account)).iter().map(|(asset, limit)| (asset.0, (*limit).into())).collect()
        })
    }

    fn sors(&self, py: Python<'_>) -> Vec<SorRow> {
        self.read(py, |core| {
            let row =
                |sor: SorView<'_>| (sor.base.0, sor.markets.iter().map(|market| market.0).collect(), sor.account.0);
            core.sors().map(row).collect()
        })
    }

    fn funds(&self, py: Python<'_>) -> Vec<FundsRow> {
        let funds = self.read(py, Core::funds);
        let row = |sums: tandem_core::AssetFunds| {
            (sums.asset.0, sums.credited.into(), sums.debited.into(), sums.free.into(), sums.locked.into())
        };
        funds.into_iter().map(row).collect()
    }

    fn digest(&self, py: Python<'_>) -> (u64, u64) {
        self.read(py, |core| (core.seq().0, core.digest()))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = PyDict::new(py);
        for (name, value) in self.node.stats() {
            stats.set_item(name, value)?;
        }
        Ok(stats)
    }

    fn is_accepting(&self) -> bool {
        self.node.is_accepting()
    }

    fn watch(&self, py: Python<'_>, account: u32, on: bool) {
        py.detach(|| self.node.replica().watch(AccountId(account), on));
    }

    fn snapshot(&self) {
        self.node.request_snapshot();
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.node.close());
    }

    #[staticmethod]
    fn verify<'py>(py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyDict>> {
        offline::verify(py, path)
    }

    #[staticmethod]
    #[pyo3(signature = (path, from_seq = 1, limit = 1000))]
    fn inspect<'py>(py: Python<'py>, path: &str, from_seq: u64, limit: usize) -> PyResult<Bound<'py, PyList>> {
        offline::inspect(py, path, from_seq, limit)
    }
}
