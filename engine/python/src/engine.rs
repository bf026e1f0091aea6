//! The one object that Python drives.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tandem_core::command::{AmendOrder, CancelList, CancelReplace, Command, PlaceList};
use tandem_core::types::{
    AccountId, AssetId, ListId, ListKind, MarketId, MarketStatus, OrderId, Price, Qty, ReplaceMode,
};
use tandem_node::node::Node;
use tandem_node::queue::{PAYLOAD_BYTES_MAX, SubmitError};
use tandem_node::recovery::{self, EventsStart, Opened, Options, Recovery};
use tandem_node::retention::{Keep, Retention};

use crate::numbers::{Big, ClientId, Rates, fees_of, variant};
use crate::offline;
use crate::orders::{Leg, Terms, cancel_of, order_of};
use crate::reference::{ExchangeRules, MarketRules, OpenOrder, OpenOrderList};
use crate::replica::Replica;
use crate::results::{Batch, batch_to_python};

create_exception!(tandem._engine, EngineError, PyException, "The engine cannot be opened, or not read.");
create_exception!(tandem._engine, Overloaded, PyException, "The queue of commands is full; nothing was taken.");

/// (market, next trade id, last price, book version).
type MarketRow = (u32, u64, Option<u64>, u64);

/// One shard.
#[pyclass(frozen, extends = Replica, module = "tandem._engine")]
pub struct Engine {
    node: Node,
    recovery: Recovery,
    retention: Retention,
    /// None: the system's.
    clock: Option<Arc<AtomicU64>>,
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
        queue_limit = 65_536, replay_from = None, keep_log = true, hold_log = false,
        clock_us = None))]
    #[allow(clippy::too_many_arguments)] // all but one named by the caller
    fn open(
        py: Python<'_>,
        path: &str,
        segment_bytes: u64,
        snapshot_every: u64,
        reserve_bytes: u64,
        queue_limit: usize,
        replay_from: Option<u64>,
        keep_log: bool,
        hold_log: bool,
        clock_us: Option<u64>,
    ) -> PyResult<Py<Self>> {
        let keep = match (keep_log, hold_log) {
            (true, _) => Keep::Everything,
            (false, false) => Keep::UntilCovered,
            (false, true) => Keep::UntilReleased,
        };
        let mut options = Options {
            segment_bytes,
            snapshot_every,
            reserve_bytes,
            queue_limit,
            keep,
            replay_from,
            ..Options::default()
        };
        let clock = clock_us.map(|now_us| Arc::new(AtomicU64::new(now_us)));
        if let Some(clock) = clock.clone() {
            options.clock = Box::new(move || clock.load(Ordering::Relaxed));
        }
        let opened = py.detach(|| recovery::open(path, options)).map_err(|error| EngineError::new_err(error.0))?;
        let Opened { node, recovery, start, retention } = opened;
        let replica = Replica::new(node.shared_replica());
        let engine = Self { node, recovery, retention, clock, start: Mutex::new(Some(start)) };
        Py::new(py, PyClassInitializer::from(replica).add_subclass(engine))
    }

    fn set_clock(&self, now_us: u64) -> PyResult<()> {
        let clock = self.clock.as_ref().ok_or_else(|| EngineError::new_err("it was opened with the system's clock"))?;
        clock.store(now_us, Ordering::Relaxed);
        Ok(())
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

    fn release_log(&self, seq: u64) {
        self.retention.release(seq);
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
