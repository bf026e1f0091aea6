//! `verify` and `inspect` as dicts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tandem_core::command::{AmendOrder, CancelList, CancelOrder, Command, PlaceList, PlaceOrder};
use tandem_node::offline::{self, FundsOf, Inspected, Problem, Verified};

use crate::engine::EngineError;
use crate::numbers::{Big, ClientId, rates_of};
use crate::orders::Terms;
use crate::reference::{ExchangeRules, MarketRules};

/// See the stub.
pub fn verify<'py>(py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyDict>> {
    let verified = py.detach(|| offline::verify(path)).map_err(|error| EngineError::new_err(error.to_string()))?;
    let Verified { is_ok, seq, digest, funds, records, segments, snapshots, findings } = verified;
    let dict = PyDict::new(py);
    dict.set_item("ok", is_ok)?;
    dict.set_item("seq", seq)?;
    dict.set_item("digest", format!("{digest:016x}"))?;
    dict.set_item("funds", list(py, funds, funds_dict)?)?;
    dict.set_item("records", records)?;
    dict.set_item("segments", segments)?;
    dict.set_item("snapshots", snapshots)?;
    dict.set_item("findings", list(py, findings, problem_dict)?)?;
    Ok(dict)
}

/// See the stub.
pub fn inspect<'py>(py: Python<'py>, path: &str, from_seq: u64, limit: usize) -> PyResult<Bound<'py, PyList>> {
    let records = py.detach(|| offline::inspect(path, from_seq, limit));
    list(py, records.map_err(|error| EngineError::new_err(error.to_string()))?, record_dict)
}

fn list<'py, T>(
    py: Python<'py>,
    items: Vec<T>,
    to_dict: impl Fn(Python<'py>, T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyList>> {
    let dicts = items.into_iter().map(|item| to_dict(py, item)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, dicts)
}

fn funds_dict<'py>(py: Python<'py>, funds: FundsOf) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("asset", funds.code)?;
    dict.set_item("decimals", funds.decimals)?;
    dict.set_item("credited", Big::from(funds.sums.credited))?;
    dict.set_item("debited", Big::from(funds.sums.debited))?;
    dict.set_item("free", Big::from(funds.sums.free))?;
    dict.set_item("locked", Big::from(funds.sums.locked))?;
    dict.set_item("fees", Big(funds.fees))?;
    Ok(dict)
}

fn problem_dict<'py>(py: Python<'py>, problem: Problem) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("file", problem.file)?;
    dict.set_item("offset", problem.offset)?;
    dict.set_item("seq", problem.seq)?;
    dict.set_item("problem", problem.problem)?;
    Ok(dict)
}

fn record_dict<'py>(py: Python<'py>, record: Inspected) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("seq", record.seq)?;
    dict.set_item("time_us", record.time_us)?;
    dict.set_item("offset", record.offset)?;
    dict.set_item("file", record.file)?;
    match record.command {
        Ok((origin, command)) => {
            let (name, fields) = command_fields(py, &command)?;
            dict.set_item("origin", (origin.session, origin.number))?;
            dict.set_item("command", name)?;
            dict.set_item("fields", fields)?;
        }
        Err(problem) => {
            dict.set_item("origin", py.None())?;
            dict.set_item("command", "not understood")?;
            dict.set_item("fields", PyDict::new(py))?;
            dict.set_item("problem", problem)?;
        }
    }
    Ok(dict)
}

/// Sets each `name: value` in a new dict.
macro_rules! fields {
    ($py:expr, $($name:literal: $value:expr),+ $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item($name, $value)?;)+
        dict
    }};
}

fn command_fields<'py>(py: Python<'py>, command: &Command) -> PyResult<(&'static str, Bound<'py, PyDict>)> {
    Ok(match command {
        Command::CreateAsset { code, name, decimals } => {
            ("CreateAsset", fields!(py, "code": code, "name": name, "decimals": decimals))
        }
        Command::UpdateAsset { asset, name } => ("UpdateAsset", fields!(py, "asset": asset.0, "name": name)),
        Command::CreateMarket { symbol, base, quote, rules } => {
            let rules = MarketRules::from(&**rules);
            ("CreateMarket", fields!(py, "symbol": symbol, "base": base.0, "quote": quote.0, "rules": rules))
        }
        Command::UpdateMarket { market, rules } => {
            ("UpdateMarket", fields!(py, "market": market.0, "rules": MarketRules::from(&**rules)))
        }
        Command::SetMarketStatus { market, status } => {
            ("SetMarketStatus", fields!(py, "market": market.0, "status": *status as u8))
        }
        Command::CreateAccount { name } => ("CreateAccount", fields!(py, "name": name)),
        Command::UpdateAccount { account, can_trade, fees, trade_group, permissions, discount } => {
            let rights = fields!(
                py, "account": account.0, "can_trade": can_trade, "fees": fees.as_ref().map(rates_of),
                "trade_group": trade_group, "permissions": permissions, "discount": discount,
            );
            ("UpdateAccount", rights)
        }
        Command::Credit { account, asset, amount } => {
            ("Credit", fields!(py, "account": account.0, "asset": asset.0, "amount": Big::from(*amount)))
        }
        Command::Debit { account, asset, amount } => {
            ("Debit", fields!(py, "account": account.0, "asset": asset.0, "amount": Big::from(*amount)))
        }
        Command::UpdateExchange { rules } => ("UpdateExchange", fields!(py, "rules": ExchangeRules::from(rules))),
        Command::SetAssetLimit { account, asset, limit } => {
            ("SetAssetLimit", fields!(py, "account": account.0, "asset": asset.0, "limit": Big::from(*limit)))
        }
        Command::SetReferencePrice { market, price } => {
            ("SetReferencePrice", fields!(py, "market": market.0, "price": price.map(|price| price.0)))
        }
        Command::SetSor { base, markets, account } => {
            let markets: Vec<u32> = markets.iter().map(|market| market.0).collect();
            ("SetSor", fields!(py, "base": base.0, "markets": markets, "account": account.0))
        }
        Command::PlaceOrder(order) => ("PlaceOrder", place_fields(py, order)?),
        Command::CancelOrder(cancel) => ("CancelOrder", cancel_fields(py, cancel)?),
        Command::CancelAll { account, market, by_exchange } => {
            ("CancelAll", fields!(py, "account": account.0, "market": market.0, "by_exchange": by_exchange))
        }
        Command::PlaceList(list) => ("PlaceList", list_fields(py, list)?),
        Command::CancelList(cancel) => ("CancelList", cancel_list_fields(py, cancel)?),
        Command::AmendOrder(amend) => ("AmendOrder", amend_fields(py, amend)?),
        Command::CancelReplace(both) => {
            let (cancel, order) = (cancel_fields(py, &both.cancel)?, place_fields(py, &both.order)?);
            ("CancelReplace", fields!(py, "cancel": cancel, "mode": both.mode as u8, "order": order))
        }
        Command::RunReleases => ("RunReleases", PyDict::new(py)),
    })
}

fn place_fields<'py>(py: Python<'py>, order: &PlaceOrder) -> PyResult<Bound<'py, PyDict>> {
    Ok(fields!(
        py,
        "account": order.account.0,
        "market": order.market.0,
        "side": order.side as u8,
        "kind": order.kind as u8,
        "tif": order.tif as u8,
        "price": order.price.0,
        "qty": order.qty.0,
        "quote_qty": Big::from(order.quote_qty),
        "client_order_id": ClientId(order.client_order_id),
        "stp": order.stp.map_or(-1, |mode| mode as i8),
        "strategy_id": order.strategy_id,
        "strategy_type": order.strategy_type,
        "terms": order.terms.as_deref().map(Terms::from),
    ))
}

fn cancel_fields<'py>(py: Python<'py>, cancel: &CancelOrder) -> PyResult<Bound<'py, PyDict>> {
    Ok(fields!(
        py,
        "account": cancel.account.0,
        "market": cancel.market.0,
        "order_id": cancel.order_id.map(|id| id.0),
        "client_order_id": ClientId(cancel.client_order_id),
        "new_client_order_id": ClientId(cancel.new_client_order_id),
        "restriction": cancel.restriction.map_or(-1, |restriction| restriction as i8),
    ))
}

fn list_fields<'py>(py: Python<'py>, list: &PlaceList) -> PyResult<Bound<'py, PyDict>> {
    let orders = list.orders.iter().map(|order| place_fields(py, order)).collect::<PyResult<Vec<_>>>()?;
    Ok(fields!(
        py,
        "account": list.account.0,
        "market": list.market.0,
        "kind": list.kind as u8,
        "client_list_id": ClientId(list.client_list_id),
        "orders": orders,
    ))
}

fn cancel_list_fields<'py>(py: Python<'py>, cancel: &CancelList) -> PyResult<Bound<'py, PyDict>> {
    Ok(fields!(
        py,
        "account": cancel.account.0,
        "market": cancel.market.0,
        "list_id": cancel.list_id.map(|id| id.0),
        "client_list_id": ClientId(cancel.client_list_id),
        "new_client_order_id": ClientId(cancel.new_client_order_id),
    ))
}

fn amend_fields<'py>(py: Python<'py>, amend: &AmendOrder) -> PyResult<Bound<'py, PyDict>> {
    Ok(fields!(
        py,
        "account": amend.account.0,
        "market": amend.market.0,
        "order_id": amend.order_id.map(|id| id.0),
        "client_order_id": ClientId(amend.client_order_id),
        "new_qty": amend.new_qty.0,
        "new_client_order_id": ClientId(amend.new_client_order_id),
    ))
}
