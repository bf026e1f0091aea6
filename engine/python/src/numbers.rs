//! The core's numbers and texts as Python sees them.

use std::convert::Infallible;
use std::fmt;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use tandem_core::types::{Amount, ClientOrderId, Fees, RateE8};

/// A 128-bit number; nearly all fit 64, which Python makes several times faster.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Big(pub u128);

impl fmt::Debug for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Amount> for Big {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl From<Big> for Amount {
    fn from(big: Big) -> Self {
        Self(big.0)
    }
}

impl<'py> IntoPyObject<'py> for Big {
    type Target = PyInt;
    type Output = Bound<'py, PyInt>;
    type Error = Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        match u64::try_from(self.0) {
            Ok(small) => small.into_pyobject(py),
            Err(_) => self.0.into_pyobject(py),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Big {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<i64>() {
            Ok(small) if small >= 0 => Ok(Self(small.unsigned_abs().into())),
            // Negative or wrong, for a message; or large.
            _ => object.extract().map(Self),
        }
    }
}

/// A client order id; a Python string only when it is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientId(pub ClientOrderId);

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'py> IntoPyObject<'py> for ClientId {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        self.0.as_str().into_pyobject(py)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for ClientId {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text: &str = object.extract()?;
        let id = ClientOrderId::new(text.as_bytes());
        id.map(Self).ok_or_else(|| PyValueError::new_err("a client order id has up to 36 of a-z A-Z 0-9 - _"))
    }
}

/// A closed enum's variant by its number.
pub fn variant<T>(found: Option<T>, what: &'static str, number: u8) -> PyResult<T> {
    found.ok_or_else(|| PyValueError::new_err(format!("no {what} has number {number}")))
}

/// (maker, taker, buyer, seller) rates.
pub type Rates = (u32, u32, u32, u32);

/// See [`Rates`].
pub fn fees_of((maker, taker, buyer, seller): Rates) -> Fees {
    Fees { maker: RateE8(maker), taker: RateE8(taker), buyer: RateE8(buyer), seller: RateE8(seller) }
}

/// See [`Rates`].
pub fn rates_of(fees: &Fees) -> Rates {
    (fees.maker.0, fees.taker.0, fees.buyer.0, fees.seller.0)
}

/// -1 where there is none.
pub fn or_minus_one(number: Option<u64>) -> i64 {
    number.map_or(-1, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// A level's total as the API shows it: its bound is 2^63 - 1.
pub fn shown(total: u128) -> i64 {
    i64::try_from(total).unwrap_or(i64::MAX)
}
