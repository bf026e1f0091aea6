//! A log that another process may be writing, as Python follows it.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;
use tandem_core::types::{AccountId, MarketId, OrderId};
use tandem_node::follower::{self, Range};

use crate::engine::EngineError;
use crate::reference::{OpenOrder, OpenOrderList};
use crate::replica::Replica;
use crate::results::{Batch, batch_to_python};

/// See the stub.
#[pyclass(frozen, extends = Replica, module = "tandem._engine")]
pub struct Follower {
    follower: follower::Follower,
}

#[pymethods]
impl Follower {
    #[staticmethod]
    #[pyo3(signature = (path, *, after_seq = 0, until_seq = None, until_us = None))]
    fn open(
        py: Python<'_>,
        path: &str,
        after_seq: u64,
        until_seq: Option<u64>,
        until_us: Option<u64>,
    ) -> PyResult<Py<Self>> {
        let range = Range { after_seq, until_seq, until_us };
        let opened = py.detach(|| follower::Follower::open(path, range));
        let follower = opened.map_err(|error| EngineError::new_err(error.0))?;
        let replica = Replica::new(follower.replica().clone());
        Py::new(py, PyClassInitializer::from(replica).add_subclass(Self { follower }))
    }

    #[pyo3(signature = (max_results = 4096, timeout_ms = 0))]
    fn poll<'py>(&self, py: Python<'py>, max_results: usize, timeout_ms: u64) -> PyResult<Bound<'py, PyList>> {
        let polled = py.detach(|| self.follower.poll(max_results, Duration::from_millis(timeout_ms)));
        let batches = polled.map_err(EngineError::new_err)?;
        let made = batches.iter().map(|batch| batch_to_python(py, batch)).collect::<PyResult<Vec<Py<Batch>>>>()?;
        PyList::new(py, made)
    }

    fn durable_seq(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.follower.durable_seq()).map_err(EngineError::new_err)
    }

    fn open_orders(slf: &Bound<'_, Self>) -> Vec<OpenOrder> {
        read(slf, |core| core.open_orders().map(|order| OpenOrder::from(&order)).collect())
    }

    fn open_orders_of(slf: &Bound<'_, Self>, account: u32, market: u32, limit: usize) -> Vec<OpenOrder> {
        let (account, market) = (AccountId(account), MarketId(market));
        read(slf, |core| {
            core.open_orders_of(account, market).take(limit).map(|order| OpenOrder::from(&order)).collect()
        })
    }

    fn open_order(slf: &Bound<'_, Self>, market: u32, order: u64) -> Option<OpenOrder> {
        read(slf, |core| core.open_order(MarketId(market), OrderId(order)).map(|order| OpenOrder::from(&order)))
    }

    fn open_lists(slf: &Bound<'_, Self>) -> Vec<OpenOrderList> {
        read(slf, |core| core.open_lists().map(|list| OpenOrderList::from(&list)).collect())
    }

    #[getter]
    fn cluster_id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.follower.cluster_id()))
    }

    #[getter]
    fn seq(slf: &Bound<'_, Self>) -> u64 {
        read(slf, |core| core.seq().0)
    }

    #[getter]
    fn time_us(slf: &Bound<'_, Self>) -> u64 {
        read(slf, |core| core.time().0)
    }
}

fn read<T: Send>(follower: &Bound<'_, Follower>, look: impl FnOnce(&tandem_core::Core) -> T + Send) -> T {
    follower.as_super().get().read(follower.py(), look)
}
