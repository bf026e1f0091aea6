//! Orders as Python asks for them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tandem_core::command::{CancelOrder, PlaceOrder};
use tandem_core::types::{
    AccountId, CancelRestriction, MarketId, OrderId, OrderKind, Peg, PegPrice, Price, Qty, SelfTradePrevention, Side,
    Terms as CoreTerms, TimeInForce,
};

use crate::numbers::{Big, ClientId, variant};
use crate::records::record;

record!(
    /// What only some orders have.
    new struct Terms {
        stop_price: u64 = 0,
        trailing_delta: u32 = 0,
        iceberg_qty: u64 = 0,
        peg_price: i8 = -1,
        peg_offset: i16 = -1,
        use_sor: bool = false,
    }
);

/// An order without account and market, as a tuple: side, kind, time in force, price, quantity, quote quantity, client
/// order id, self-trade prevention, strategy id and type, terms.
pub type Leg<'py> = (u8, u8, u8, u64, u64, Big, ClientId, i8, Option<i64>, Option<i32>, Option<Bound<'py, Terms>>);

/// Checks what the types do not.
#[inline]
pub fn order_of((account, market): (u32, u32), leg: Leg<'_>) -> PyResult<PlaceOrder> {
    let (side, kind, tif, price, qty, quote_qty, client_order_id, stp, strategy_id, strategy_type, terms) = leg;
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
        stp: optional(stp, "stp", "self-trade prevention", SelfTradePrevention::from_u8)?,
        strategy_id,
        strategy_type,
        terms: match terms {
            None => None,
            Some(terms) => terms.get().to_core()?,
        },
    })
}

impl Terms {
    /// `None` for terms that say nothing.
    fn to_core(&self) -> PyResult<Option<Box<CoreTerms>>> {
        let price = optional(self.peg_price, "peg_price", "peg price", PegPrice::from_u8)?;
        let offset = match self.peg_offset {
            -1 => None,
            offset => Some(u8::try_from(offset).map_err(|_| PyValueError::new_err("peg_offset is -1 or 0 to 255"))?),
        };
        if price.is_none() && offset.is_some() {
            return Err(PyValueError::new_err("a peg_offset needs a peg_price"));
        }
        let terms = CoreTerms {
            stop_price: Price(self.stop_price),
            trailing_delta: self.trailing_delta,
            iceberg_qty: Qty(self.iceberg_qty),
            peg: price.map(|price| Peg { price, offset }),
            use_sor: self.use_sor,
        };
        Ok((terms != CoreTerms::default()).then(|| Box::new(terms)))
    }
}

impl From<&CoreTerms> for Terms {
    fn from(terms: &CoreTerms) -> Self {
        let (peg_price, peg_offset) = peg_numbers(terms.peg);
        Self {
            stop_price: terms.stop_price.0,
            trailing_delta: terms.trailing_delta,
            iceberg_qty: terms.iceberg_qty.0,
            peg_price,
            peg_offset,
            use_sor: terms.use_sor,
        }
    }
}

/// (peg_price, peg_offset) as in [`Terms`].
pub fn peg_numbers(peg: Option<Peg>) -> (i8, i16) {
    peg.map_or((-1, -1), |peg| (peg.price as i8, peg.offset.map_or(-1, i16::from)))
}

/// The variant with a number, or none for -1.
fn optional<T>(
    number: i8,
    name: &'static str,
    what: &'static str,
    from: impl Fn(u8) -> Option<T>,
) -> PyResult<Option<T>> {
    match u8::try_from(number) {
        Err(_) if number == -1 => Ok(None),
        Err(_) => Err(PyValueError::new_err(format!("{name} is -1 or the number of a {what}"))),
        Ok(number) => variant(from(number), what, number).map(Some),
    }
}

/// (account, market), order id (-1: not given), client order id, the cancel's own id, restriction (-1: none).
pub fn cancel_of(
    (account, market): (u32, u32),
    order_id: i64,
    client_order_id: ClientId,
    new_client_order_id: ClientId,
    restriction: i8,
) -> PyResult<CancelOrder> {
    Ok(CancelOrder {
        account: AccountId(account),
        market: MarketId(market),
        order_id: u64::try_from(order_id).ok().map(OrderId),
        client_order_id: client_order_id.0,
        new_client_order_id: new_client_order_id.0,
        restriction: optional(restriction, "restriction", "cancel restriction", CancelRestriction::from_u8)?,
    })
}
