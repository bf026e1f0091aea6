//! One class for each event.

use std::fmt;

use pyo3::prelude::*;
use pyo3::{IntoPyObjectExt, PyClass};
use tandem_core::event::{self, Event, Half};

use crate::numbers::{Big, ClientId, or_minus_one};
use crate::orders::peg_numbers;
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
        extra: Extra = Extra(None),
    }
);
record!(
    /// What an accepted order has beyond the plain ones.
    new struct OrderExtra {
        stop_price: u64 = 0,
        trailing_delta: u32 = 0,
        iceberg_qty: u64 = 0,
        peg_price: i8 = -1,
        peg_offset: i16 = -1,
        use_sor: bool = false,
        list_id: i64 = -1,
        pegged_price: u64 = 0,
        state: u8 = 0,
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
        taker_fee_asset: u32,
        taker_left: u64,
        maker_order: u64,
        maker_account: u32,
        maker_fee: Big,
        maker_fee_asset: u32,
        maker_left: u64,
        is_routed: bool = false,
    }
);
record!(
    /// A match inside one account or trade group that was prevented.
    new struct SelfTradePrevented {
        market: u32,
        prevented_match_id: u64,
        maker_market: u32,
        taker_account: u32,
        maker_account: u32,
        mode: u8,
        price: u64,
        taker_order: u64,
        maker_order: u64,
        taker_prevented: u64,
        maker_prevented: u64,
        taker_left: u64,
        maker_left: u64,
        transferred: Big = Big(0),
        trade_group: Option<u32> = None,
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
    /// A list passed every check.
    new struct ListAccepted {
        list_id: u64,
        account: u32,
        market: u32,
        kind: u8,
        client_list_id: ClientId,
        orders: Vec<u64>,
    }
);
record!(
    /// All orders of a list have ended.
    new struct ListClosed { list_id: u64, account: u32, market: u32 }
);
record!(
    /// An order that waited goes on.
    new struct OrderReleased {
        order_id: u64,
        account: u32,
        market: u32,
        cause: u8,
        state: u8,
        qty: u64,
        pegged_price: u64 = 0,
    }
);
record!(
    /// A trailing order has begun to follow the price.
    new struct TrailingStarted { order_id: u64, account: u32, market: u32 }
);
record!(
    /// An order has a lower quantity.
    new struct OrderAmended {
        order_id: u64,
        account: u32,
        market: u32,
        old_qty: u64,
        qty: u64,
        left: u64,
        old_client_order_id: ClientId,
        client_order_id: ClientId,
    }
);
record!(
    /// What became of the halves of a cancel-replace.
    new struct CancelReplaced { cancel: i16, order: i16 }
);
record!(
    /// A fill of a routed order in another market's book.
    new struct Allocated {
        market: u32,
        allocation_id: u64,
        order_id: u64,
        account: u32,
        side: u8,
        price: u64,
        qty: u64,
        quote_amount: Big,
        fee: Big,
        fee_asset: u32,
        left: u64,
        maker_market: u32,
        trade_id: u64,
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
    /// Something that queries tell was made or changed.
    new struct ReferenceChanged { kind: String, id: u32 }
);

/// `OrderAccepted.extra`: boxed, since hardly any order has one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Extra(pub Option<Box<OrderExtra>>);

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("None"),
            Some(extra) => extra.fmt(f),
        }
    }
}

impl<'py> IntoPyObject<'py> for Extra {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        self.0.map(|extra| *extra).into_bound_py_any(py)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Extra {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let extra: Option<OrderExtra> = object.extract()?;
        Ok(Self(extra.map(Box::new)))
    }
}

/// The Python object of an event.
pub fn event_to_python(py: Python<'_>, event: &Event) -> PyResult<Py<PyAny>> {
    match event {
        Event::OrderAccepted(order) => object(py, OrderAccepted::from(order)),
        Event::Traded(trade) => object(py, Traded::from(trade)),
        Event::SelfTradePrevented(prevented) => object(py, SelfTradePrevented::from(prevented)),
        Event::OrderClosed(closed) => object(py, OrderClosed::from(closed)),
        Event::OrderReleased(released) => object(py, OrderReleased::from(released)),
        Event::OrderAmended(amended) => object(py, OrderAmended::from(amended)),
        Event::Allocated(fill) => object(py, Allocated::from(fill)),
        Event::ListAccepted(list) => object(py, ListAccepted::from(list)),
        Event::ListClosed { list, account, market } => {
            object(py, ListClosed { list_id: list.0, account: account.0, market: market.0 })
        }
        Event::TrailingStarted { order_id, account, market } => {
            object(py, TrailingStarted { order_id: order_id.0, account: account.0, market: market.0 })
        }
        Event::CancelReplaced { cancel, order } => {
            object(py, CancelReplaced { cancel: half(*cancel), order: half(*order) })
        }
        Event::Credited { account, asset, amount } => {
            object(py, Credited { account: account.0, asset: asset.0, amount: (*amount).into() })
        }
        Event::Debited { account, asset, amount } => {
            object(py, Debited { account: account.0, asset: asset.0, amount: (*amount).into() })
        }
        // Only ever the whole outcome of a command, where it is the code.
        Event::Rejected { code } => object(py, ReferenceChanged { kind: code.name().to_owned(), id: *code as u32 }),
        rare => {
            let (kind, id) = reference_of(rare).unwrap_or(("", 0));
            object(py, ReferenceChanged { kind: kind.to_owned(), id })
        }
    }
}

/// What an event that is announced as `ReferenceChanged` is called, and what it is about.
pub fn reference_of(event: &Event) -> Option<(&'static str, u32)> {
    Some(match event {
        Event::AssetCreated { asset, .. } => ("AssetCreated", asset.0),
        Event::AssetUpdated { asset, .. } => ("AssetUpdated", asset.0),
        Event::MarketCreated { market, .. } => ("MarketCreated", market.0),
        Event::MarketUpdated { market, .. } => ("MarketUpdated", market.0),
        Event::MarketStatusChanged { market, .. } => ("MarketStatusChanged", market.0),
        Event::AccountCreated { account, .. } => ("AccountCreated", account.0),
        Event::AccountUpdated { account, .. } => ("AccountUpdated", account.0),
        Event::ExchangeUpdated { .. } => ("ExchangeUpdated", 0),
        Event::AssetLimitSet { account, .. } => ("AssetLimitSet", account.0),
        Event::ReferencePriceSet { market, .. } => ("ReferencePriceSet", market.0),
        Event::SorSet { base, .. } => ("SorSet", base.0),
        _ => return None,
    })
}

/// -1: done, -2: not tried, or the reject code.
fn half(half: Half) -> i16 {
    match half {
        Half::Done => -1,
        Half::NotAttempted => -2,
        Half::Failed(code) => code as i16,
    }
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
            extra: Extra(order.extra.as_deref().map(|extra| Box::new(OrderExtra::from(extra)))),
        }
    }
}

impl From<&event::AcceptedExtra> for OrderExtra {
    fn from(extra: &event::AcceptedExtra) -> Self {
        let terms = &extra.terms;
        let (peg_price, peg_offset) = peg_numbers(terms.peg);
        Self {
            stop_price: terms.stop_price.0,
            trailing_delta: terms.trailing_delta,
            iceberg_qty: terms.iceberg_qty.0,
            peg_price,
            peg_offset,
            use_sor: terms.use_sor,
            list_id: or_minus_one(extra.list.map(|list| list.0)),
            pegged_price: extra.pegged_price.0,
            state: extra.state as u8,
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
            taker_fee_asset: trade.taker_fee_asset.0,
            taker_left: trade.taker_left.0,
            maker_order: trade.maker_order.0,
            maker_account: trade.maker_account.0,
            maker_fee: trade.maker_fee.into(),
            maker_fee_asset: trade.maker_fee_asset.0,
            maker_left: trade.maker_left.0,
            is_routed: trade.is_routed,
        }
    }
}

impl From<&event::SelfTradePrevented> for SelfTradePrevented {
    fn from(prevented: &event::SelfTradePrevented) -> Self {
        Self {
            market: prevented.market.0,
            prevented_match_id: prevented.prevented_match_id.0,
            maker_market: prevented.maker_market.0,
            taker_account: prevented.taker_account.0,
            maker_account: prevented.maker_account.0,
            mode: prevented.mode as u8,
            price: prevented.price.0,
            taker_order: prevented.taker_order.0,
            maker_order: prevented.maker_order.0,
            taker_prevented: prevented.taker_prevented.0,
            maker_prevented: prevented.maker_prevented.0,
            taker_left: prevented.taker_left.0,
            maker_left: prevented.maker_left.0,
            transferred: prevented.transferred.into(),
            trade_group: prevented.trade_group,
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

impl From<&event::ListAccepted> for ListAccepted {
    fn from(list: &event::ListAccepted) -> Self {
        Self {
            list_id: list.list.0,
            account: list.account.0,
            market: list.market.0,
            kind: list.kind as u8,
            client_list_id: ClientId(list.client_list_id),
            orders: list.orders.iter().map(|order| order.0).collect(),
        }
    }
}

impl From<&event::OrderReleased> for OrderReleased {
    fn from(released: &event::OrderReleased) -> Self {
        Self {
            order_id: released.order_id.0,
            account: released.account.0,
            market: released.market.0,
            cause: released.cause as u8,
            state: released.state as u8,
            qty: released.qty.0,
            pegged_price: released.pegged_price.0,
        }
    }
}

impl From<&event::OrderAmended> for OrderAmended {
    fn from(amended: &event::OrderAmended) -> Self {
        Self {
            order_id: amended.order_id.0,
            account: amended.account.0,
            market: amended.market.0,
            old_qty: amended.old_qty.0,
            qty: amended.qty.0,
            left: amended.left.0,
            old_client_order_id: ClientId(amended.old_client_order_id),
            client_order_id: ClientId(amended.client_order_id),
        }
    }
}

impl From<&event::Allocated> for Allocated {
    fn from(fill: &event::Allocated) -> Self {
        Self {
            market: fill.market.0,
            allocation_id: fill.allocation_id.0,
            order_id: fill.order_id.0,
            account: fill.account.0,
            side: fill.side as u8,
            price: fill.price.0,
            qty: fill.qty.0,
            quote_amount: fill.quote_amount.into(),
            fee: fill.fee.into(),
            fee_asset: fill.fee_asset.0,
            left: fill.left.0,
            maker_market: fill.maker_market.0,
            trade_id: fill.trade_id.0,
        }
    }
}
