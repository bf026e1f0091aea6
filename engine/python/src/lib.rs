//! The Python extension module `tandem._engine`: conversions and errors, no logic.
//!
//! What Python sees is described in `src/tandem/_engine.pyi`.

mod engine;
mod events;
mod follower;
mod numbers;
mod offline;
mod orders;
mod records;
mod reference;
mod replica;
mod results;

/// The compiled half of Tandem.
#[pyo3::pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::engine::{Engine, EngineError, Overloaded};
    #[pymodule_export]
    use crate::events::{
        Allocated, CancelReplaced, Credited, Debited, ListAccepted, ListClosed, OrderAccepted, OrderAmended,
        OrderClosed, OrderExtra, OrderReleased, ReferenceChanged, SelfTradePrevented, Traded, TrailingStarted,
    };
    #[pymodule_export]
    use crate::follower::Follower;
    #[pymodule_export]
    use crate::orders::Terms;
    #[pymodule_export]
    use crate::reference::{Account, Asset, ExchangeRules, Market, MarketRules, OpenOrder, OpenOrderList};
    #[pymodule_export]
    use crate::replica::Replica;
    #[pymodule_export]
    use crate::results::{Batch, BookChange, CommandResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
