//! The one object that Python drives.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::Mutex;
use tandem_core::Core;
use tandem_core::command::{CancelOrder, Command, PlaceOrder};
use tandem_core::types::{
    AccountId, AssetId, MarketId, MarketStatus, OrderId, OrderKind, Price, Qty, SelfTradePrevention, Side, TimeInForce,
};
use tandem_node::node::Node;
use tandem_node::queue::{PAYLOAD_BYTES_MAX, SubmitError};
use tandem_node::recovery::{self, EventsStart, Options, Recovery};

use crate::numbers::{Big, ClientId, fees_of, shown, variant};
use crate::offline;
use crate::reference::{Account, Asset, Market, MarketRules, OpenOrder};
use crate::results::{Batch, batch_to_python, level};

create_exception!(tandem._engine, EngineError, PyException, "The engine cannot be opened, or not read.");
create_exception!(tandem._engine, Overloaded, PyException, "The queue of commands is full; nothing was taken.");

/// (asset, free, locked).
type BalanceRow = (u32, Big, Big);
/// (asset, credited, debited, sum of free, sum of locked).
type FundsRow = (u32, Big, Big, Big, Big);
/// (market, next trade id, last price, book version).
type MarketRow = (u32, u64, Option<u64>, u64);
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
        strategy_id = None, strategy_type = None))]
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
    ) -> PyResult<u64> {
        let strategy = (strategy_id, strategy_type);
        let (id, amounts) = (client_order_id, (price, qty, quote_qty));
        let order = order_of((account, market), (side, kind, tif), amounts, id, stp, strategy)?;
        self.submit(&Command::PlaceOrder(order))
    }

    #[pyo3(signature = (account, market, side, kind, tif, price, qty, quote_qty, client_order_id, stp,
        strategy_id = None, strategy_type = None))]
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
    ) -> PyResult<i16> {
        let strategy = (strategy_id, strategy_type);
        let (id, amounts) = (client_order_id, (price, qty, quote_qty));
        let order = order_of((account, market), (side, kind, tif), amounts, id, stp, strategy)?;
        Ok(self.read(py, |core| core.check_order(&order)).err().map_or(-1, |code| code as i16))
    }

    fn cancel_order(
        &self,
        account: u32,
        market: u32,
        order_id: i64,
        client_order_id: ClientId,
        new_client_order_id: ClientId,
    ) -> PyResult<u64> {
        self.submit(&Command::CancelOrder(CancelOrder {
            account: AccountId(account),
            market: MarketId(market),
            order_id: u64::try_from(order_id).ok().map(OrderId),
            client_order_id: client_order_id.0,
            new_client_order_id: new_client_order_id.0,
        }))
    }

    fn cancel_all(&self, account: u32, market: u32) -> PyResult<u64> {
        self.submit(&Command::CancelAll { account: AccountId(account), market: MarketId(market) })
    }

    fn create_asset(&self, code: String, name: String, decimals: u8) -> PyResult<u64> {
        self.submit(&Command::CreateAsset { code, name, decimals })
    }

    fn update_asset(&self, asset: u32, name: String) -> PyResult<u64> {
        self.submit(&Command::UpdateAsset { asset: AssetId(asset), name })
    }

    fn create_market(&self, symbol: String, base: u32, quote: u32, rules: &MarketRules) -> PyResult<u64> {
        let (base, quote) = (AssetId(base), AssetId(quote));
        self.submit(&Command::CreateMarket { symbol, base, quote, rules: rules.to_core()? })
    }

    fn update_market(&self, market: u32, rules: &MarketRules) -> PyResult<u64> {
        self.submit(&Command::UpdateMarket { market: MarketId(market), rules: rules.to_core()? })
    }

    fn set_market_status(&self, market: u32, status: u8) -> PyResult<u64> {
        let status = variant(MarketStatus::from_u8(status), "market status", status)?;
        self.submit(&Command::SetMarketStatus { market: MarketId(market), status })
    }

    fn create_account(&self, name: String) -> PyResult<u64> {
        self.submit(&Command::CreateAccount { name })
    }

    fn update_account(&self, account: u32, can_trade: bool, fees: Option<(u32, u32)>) -> PyResult<u64> {
        let fees = fees.map(fees_of);
        self.submit(&Command::UpdateAccount { account: AccountId(account), can_trade, fees })
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

/// (account, market), (side, kind, time in force), (price, quantity, quote quantity), ...
fn order_of(
    (account, market): (u32, u32),
    (side, kind, tif): (u8, u8, u8),
    (price, qty, quote_qty): (u64, u64, Big),
    client_order_id: ClientId,
    stp: i8,
    (strategy_id, strategy_type): (Option<i64>, Option<i32>),
) -> PyResult<PlaceOrder> {
    Ok(PlaceOrder {
        account: AccountId(account),
        market: MarketId(market),
        side: variant(Side::from_u8(side), "side", side)?,
        kind: variant(OrderKind::from_u8(kind), "order kind", kind)?,
        tif: variant(TimeInForce::from_u8(tif), "time in force", tif)?,
        price: Price(price),
        qty: Qty(qty),
        quote_qty: quote_qty.into(),
        client_order_id: client_order_id.0,
        stp: stp_of(stp)?,
        strategy_id,
        strategy_type,
    })
}

fn stp_of(stp: i8) -> PyResult<Option<SelfTradePrevention>> {
    match u8::try_from(stp) {
        Err(_) if stp == -1 => Ok(None),
        Err(_) => Err(PyValueError::new_err("stp is -1 or a mode")),
        Ok(stp) => variant(SelfTradePrevention::from_u8(stp), "self-trade prevention", stp).map(Some),
    }
}
