//! What can be asked of a state, whoever drives it.

use pyo3::prelude::*;
use tandem_core::types::{AccountId, MarketId, Price};
use tandem_core::{Core, SorView};
use tandem_node::replica::SharedReplica;

use crate::numbers::{Big, ClientId, or_minus_one, shown};
use crate::orders::{Terms, order_of};
use crate::reference::{Account, Asset, ExchangeRules, Market};
use crate::results::level;

/// (asset, free, locked).
type BalanceRow = (u32, Big, Big);
/// (asset, credited, debited, sum of free, sum of locked).
type FundsRow = (u32, Big, Big, Big, Big);
/// (base, markets, the account between the books).
type SorRow = (u32, Vec<u32>, u32);
/// (price, total).
type LevelRow = (u64, i64);

/// The base class of what has a replica.
#[pyclass(frozen, subclass, module = "tandem._engine")]
pub struct Replica {
    shared: SharedReplica,
}

impl Replica {
    /// Shares one with whoever drives it.
    pub fn new(shared: SharedReplica) -> Self {
        Self { shared }
    }

    /// Looks at the replica; other Python threads run while it is waited for.
    pub fn read<T: Send>(&self, py: Python<'_>, look: impl FnOnce(&Core) -> T + Send) -> T {
        if let Some(replica) = self.shared.try_lock() {
            return look(replica.core());
        }
        py.detach(|| look(self.shared.lock().core()))
    }
}

#[pymethods]
impl Replica {
    #[pyo3(signature = (account, market, side, kind, tif, price, qty, quote_qty, client_order_id, stp,
        strategy_id = None, strategy_type = None, terms = None))]
    #[allow(clippy::too_many_arguments)] // as for Engine.place_order
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
}
