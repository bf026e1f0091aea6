//! Batches and their results.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tandem_core::event::Event;
use tandem_node::batch::{self, BalanceNow, Level, Refusal};

use crate::events::{event_to_python, reference_of};
use crate::numbers::{Big, shown};
use crate::records::record;

/// What one step of the replica brought.
#[pyclass(frozen, get_all, module = "tandem._engine", name = "Batch")]
pub struct Batch {
    /// Of the last command in it.
    pub seq: u64,
    /// From recovery.
    pub replayed: bool,
    /// One for each command.
    pub results: Py<PyList>,
    /// One for each market whose book changed.
    pub depth: Py<PyList>,
    /// Commands that never reached the log.
    pub refused: Py<PyList>,
    /// Whether one of the events is a `ReferenceChanged`.
    pub reference_changed: bool,
}

/// What came of one command. Most have no balances and many no events, so empty lists are only made on demand.
#[pyclass(frozen, module = "tandem._engine", name = "Result")]
pub struct CommandResult {
    #[pyo3(get)]
    seq: u64,
    #[pyo3(get)]
    time_us: u64,
    #[pyo3(get)]
    number: u64,
    #[pyo3(get)]
    code: i16,
    events: Option<Py<PyList>>,
    balances: Option<Py<PyList>>,
}

record!(
    /// Levels of one market whose total changed in a batch.
    struct BookChange {
        market: u32,
        first_version: u64,
        last_version: u64,
        time_us: u64,
        bids: Vec<(u64, i64)>,
        asks: Vec<(u64, i64)>,
        best: (u64, i64, u64, i64),
    }
);

#[pymethods]
impl CommandResult {
    #[new]
    #[pyo3(signature = (*, seq, time_us, number = 0, code = -1, events = None, balances = None))]
    fn new(
        seq: u64,
        time_us: u64,
        number: u64,
        code: i16,
        events: Option<Py<PyList>>,
        balances: Option<Py<PyList>>,
    ) -> Self {
        Self { seq, time_us, number, code, events, balances }
    }

    #[getter]
    fn events<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        list_or_empty(py, self.events.as_ref())
    }

    #[getter]
    fn balances<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        list_or_empty(py, self.balances.as_ref())
    }

    fn __eq__(&self, py: Python<'_>, other: &Self) -> PyResult<bool> {
        let numbers = |result: &Self| (result.seq, result.time_us, result.number, result.code);
        Ok(numbers(self) == numbers(other)
            && self.events(py).eq(other.events(py))?
            && self.balances(py).eq(other.balances(py))?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let Self { seq, time_us, number, code, .. } = self;
        let (events, balances) = (self.events(py).repr()?, self.balances(py).repr()?);
        Ok(format!(
            "Result(seq={seq}, time_us={time_us}, number={number}, code={code}, events={events}, balances={balances})"
        ))
    }
}

fn list_or_empty<'py>(py: Python<'py>, list: Option<&Py<PyList>>) -> Bound<'py, PyList> {
    list.map_or_else(|| PyList::empty(py), |list| list.bind(py).clone())
}

/// Makes the Python objects of a batch, all at once.
pub fn batch_to_python(py: Python<'_>, batch: &batch::Batch) -> PyResult<Py<Batch>> {
    let results = batch
        .iter()
        .map(|(outcome, events, balances)| {
            let result = CommandResult {
                seq: outcome.seq,
                time_us: outcome.time_us,
                number: outcome.number,
                code: outcome.code.map_or(-1, |code| code as i16),
                events: events_to_python(py, events)?,
                balances: balances_to_python(py, balances)?,
            };
            Py::new(py, result)
        })
        .collect::<PyResult<Vec<_>>>()?;
    let depth = batch.depth.iter().map(|change| Py::new(py, book_change(change))).collect::<PyResult<Vec<_>>>()?;
    let refused = batch.refused.iter().map(|(number, why)| (*number, refusal(*why)));
    let made = Batch {
        seq: batch.seq,
        replayed: batch.is_replayed,
        results: PyList::new(py, results)?.unbind(),
        depth: PyList::new(py, depth)?.unbind(),
        refused: PyList::new(py, refused.collect::<Vec<_>>())?.unbind(),
        reference_changed: batch.events.iter().any(|event| reference_of(event).is_some()),
    };
    Py::new(py, made)
}

fn events_to_python(py: Python<'_>, events: &[Event]) -> PyResult<Option<Py<PyList>>> {
    match events {
        [] => Ok(None),
        [event] => Ok(Some(PyList::new(py, [event_to_python(py, event)?])?.unbind())),
        events => {
            let made = events.iter().map(|event| event_to_python(py, event)).collect::<PyResult<Vec<_>>>()?;
            Ok(Some(PyList::new(py, made)?.unbind()))
        }
    }
}

fn balances_to_python(py: Python<'_>, balances: &[BalanceNow]) -> PyResult<Option<Py<PyList>>> {
    if balances.is_empty() {
        return Ok(None);
    }
    let made = balances.iter().map(|now| (now.account.0, now.asset.0, Big::from(now.free), Big::from(now.locked)));
    Ok(Some(PyList::new(py, made.collect::<Vec<_>>())?.unbind()))
}

fn book_change(change: &batch::BookChange) -> BookChange {
    let levels = |levels: &[Level]| levels.iter().copied().map(level).collect();
    let best = |level: Option<Level>| level.map_or((0, 0), self::level);
    let (bid, ask) = (best(change.best_bid), best(change.best_ask));
    BookChange {
        market: change.market.0,
        first_version: change.first_version,
        last_version: change.last_version,
        time_us: change.time_us,
        bids: levels(&change.bids),
        asks: levels(&change.asks),
        best: (bid.0, bid.1, ask.0, ask.1),
    }
}

/// (price, total).
pub fn level((price, total): Level) -> (u64, i64) {
    (price.0, shown(total))
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::DiskFull => "disk_full",
        Refusal::Closed => "closed",
    }
}
