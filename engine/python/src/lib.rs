//! The Python extension module `tandem._engine`: conversions and errors, no logic.

/// The compiled half of Tandem.
#[pyo3::pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
