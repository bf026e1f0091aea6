//! One class for each event.

use pyo3::PyClass;
use pyo3::prelude::*;
use tandem_core::event::{self, Event};

use crate::numbers::{Big, ClientId};
use crate::records::record;

record!(
    /// An order passed every check.
    new struct OrderAccepted {
        order_id: u64,
        account: u32,
        market: u32,
        side: u8,
        kind: u8,
        tif: u8,
        price: u64,
        qty: u64,
        quote_qty: Big,
        client_order_id: ClientId,
        stp: u8,
        strategy_id: Option<i64> = None,
        strategy_type: Option<i32> = None,
    }
);
record!(
    /// A fill.
    new struct Traded {
        market: u32,
        trade_id: u64,
        price: u64,
        qty: u64,
        quote_amount: Big,
        taker_side: u8,
        taker_order: u64,
        taker_account: u32,
        taker_fee: Big,
        taker_left: u64,
        maker_order: u64,
        maker_account: u32,
        maker_fee: Big,
        maker_left: u64,
    }
);
record!(
    /// A match inside one account that was prevented.
    new struct SelfTradePrevented {
        market: u32,
        prevented_match_id: u64,
        account: u32,
        mode: u8,
        price: u64,
        taker_order: u64,
        maker_order: u64,
        taker_prevented: u64,
        maker_prevented: u64,
        taker_left: u64,
        maker_left: u64,
    }
);
record!(
    /// An order's end without being filled.
    new struct OrderClosed {
        order_id: u64,
        account: u32,
        market: u32,
        status: u8,
        reason: u8,
        left: u64,
        client_order_id: ClientId,
        cancel_id: ClientId,
    }
);
record!(
    /// Funds came in.
    new struct Credited { account: u32, asset: u32, amount: Big }
);
record!(
    /// Funds went out.
    new struct Debited { account: u32, asset: u32, amount: Big }
);
record!(
    /// An asset, market or account was made or changed.
    new struct ReferenceChanged { kind: String, id: u32 }
);

/// The Python object of an event.
pub fn event_to_python(py: Python<'_>, event: &Event) -> PyResult<Py<PyAny>> {
    let (kind, id) = match event {
        Event::OrderAccepted(order) => return object(py, OrderAccepted::from(order)),
        Event::Traded(trade) => return object(py, Traded::from(trade)),
        Event::SelfTradePrevented(prevented) => return object(py, SelfTradePrevented::from(prevented)),
        Event::OrderClosed(closed) => return object(py, OrderClosed::from(closed)),
        Event::Credited { account, asset, amount } => {
            return object(py, Credited { account: account.0, asset: asset.0, amount: (*amount).into() });
        }
        Event::Debited { account, asset, amount } => {
            return object(py, Debited { account: account.0, asset: asset.0, amount: (*amount).into() });
        }
        // Only ever the whole outcome of a command, where it is the code.
        Event::Rejected { code } => (code.name(), *code as u32),
        Event::AssetCreated { asset, .. } => ("AssetCreated", asset.0),
        Event::AssetUpdated { asset, .. } => ("AssetUpdated", asset.0),
        Event::MarketCreated { market, .. } => ("MarketCreated", market.0),
        Event::MarketUpdated { market, .. } => ("MarketUpdated", market.0),
        Event::MarketStatusChanged { market, .. } => ("MarketStatusChanged", market.0),
        Event::AccountCreated { account, .. } => ("AccountCreated", account.0),
        Event::AccountUpdated { account, .. } => ("AccountUpdated", account.0),
    };
    object(py, ReferenceChanged { kind: kind.to_owned(), id })
}

fn object<T: PyClass>(py: Python<'_>, value: impl Into<PyClassInitializer<T>>) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, value)?.into_any())
}

impl From<&event::OrderAccepted> for OrderAccepted {
    fn from(order: &event::OrderAccepted) -> Self {
        Self {
            order_id: order.order_id.0,
            account: order.account.0,
            market: order.market.0,
            side: order.side as u8,
            kind: order.kind as u8,
            tif: order.tif as u8,
            price: order.price.0,
            qty: order.qty.0,
            quote_qty: order.quote_qty.into(),
            client_order_id: ClientId(order.client_order_id),
            stp: order.stp as u8,
            strategy_id: order.strategy_id,
            strategy_type: order.strategy_type,
        }
    }
}

impl From<&event::Traded> for Traded {
    fn from(trade: &event::Traded) -> Self {
        Self {
            market: trade.market.0,
            trade_id: trade.trade_id.0,
            price: trade.price.0,
            qty: trade.qty.0,
            quote_amount: trade.quote_amount.into(),
            taker_side: trade.taker_side as u8,
            taker_order: trade.taker_order.0,
            taker_account: trade.taker_account.0,
            taker_fee: trade.taker_fee.into(),
            taker_left: trade.taker_left.0,
            maker_order: trade.maker_order.0,
            maker_account: trade.maker_account.0,
            maker_fee: trade.maker_fee.into(),
            maker_left: trade.maker_left.0,
        }
    }
}

impl From<&event::SelfTradePrevented> for SelfTradePrevented {
    fn from(prevented: &event::SelfTradePrevented) -> Self {
        Self {
            market: prevented.market.0,
            prevented_match_id: prevented.prevented_match_id.0,
            account: prevented.account.0,
            mode: prevented.mode as u8,
            price: prevented.price.0,
            taker_order: prevented.taker_order.0,
            maker_order: prevented.maker_order.0,
            taker_prevented: prevented.taker_prevented.0,
            maker_prevented: prevented.maker_prevented.0,
            taker_left: prevented.taker_left.0,
            maker_left: prevented.maker_left.0,
        }
    }
}

impl From<&event::OrderClosed> for OrderClosed {
    fn from(closed: &event::OrderClosed) -> Self {
        Self {
            order_id: closed.order_id.0,
            account: closed.account.0,
            market: closed.market.0,
            status: closed.status as u8,
            reason: closed.reason as u8,
            left: closed.left.0,
            client_order_id: ClientId(closed.client_order_id),
            cancel_id: ClientId(closed.cancel_id),
        }
    }
}
