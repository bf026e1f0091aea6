//! Assets, markets, accounts and open orders.

use pyo3::prelude::*;
use tandem_core::types::{MarketRules as CoreRules, MinNotional, Notional, Price, Qty, SelfTradePrevention};
use tandem_core::{self as core, MarketView};

use crate::numbers::{Big, ClientId, fees_of, variant};
use crate::records::record;

record!(
    /// The filters and rates of a market.
    new struct MarketRules {
        tick_size: u64,
        lot_size: u64,
        price_min: u64 = 0,
        price_max: u64 = 0,
        qty_min: u64 = 0,
        qty_max: u64 = 0,
        market_lot_size: u64 = 0,
        market_qty_min: u64 = 0,
        market_qty_max: u64 = 0,
        min_notional: Option<(Big, bool)> = None,
        notional: Option<(Big, bool, Big, bool)> = None,
        avg_price_mins: u8 = 5,
        max_num_orders: u32 = 200,
        maker_rate_e8: u32 = 0,
        taker_rate_e8: u32 = 0,
        stp_default: u8 = 0,
        stp_allowed: u8 = 31,
    }
);
record!(
    /// An asset.
    struct Asset {
        id: u32,
        code: String,
        name: String,
        decimals: u8,
    }
);
record!(
    /// A market and its state.
    struct Market {
        id: u32,
        symbol: String,
        base: u32,
        quote: u32,
        rules: MarketRules,
        status: u8,
        last_price: Option<u64>,
        book_version: u64,
        open_orders: u64,
    }
);
record!(
    /// An account.
    struct Account {
        id: u32,
        name: String,
        can_trade: bool,
        fees: Option<(u32, u32)>,
    }
);
record!(
    /// An order that rests.
    struct OpenOrder {
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
        strategy_id: Option<i64>,
        strategy_type: Option<i32>,
        left: u64,
        prevented: u64,
        filled: u64,
        filled_quote: Big,
        accepted_us: u64,
        updated_us: u64,
    }
);

impl MarketRules {
    /// Checks what the types do not.
    pub fn to_core(&self) -> PyResult<CoreRules> {
        let min_notional =
            self.min_notional.map(|(min, apply_to_market)| MinNotional { min: min.into(), apply_to_market });
        let notional = self.notional.map(|(min, apply_min_to_market, max, apply_max_to_market)| Notional {
            min: min.into(),
            apply_min_to_market,
            max: max.into(),
            apply_max_to_market,
        });
        let stp_default = SelfTradePrevention::from_u8(self.stp_default);
        Ok(CoreRules {
            tick_size: Price(self.tick_size),
            price_min: Price(self.price_min),
            price_max: Price(self.price_max),
            lot_size: Qty(self.lot_size),
            qty_min: Qty(self.qty_min),
            qty_max: Qty(self.qty_max),
            market_lot_size: Qty(self.market_lot_size),
            market_qty_min: Qty(self.market_qty_min),
            market_qty_max: Qty(self.market_qty_max),
            min_notional,
            notional,
            avg_price_mins: self.avg_price_mins,
            max_num_orders: self.max_num_orders,
            fees: fees_of((self.maker_rate_e8, self.taker_rate_e8)),
            stp_default: variant(stp_default, "self-trade prevention", self.stp_default)?,
            stp_allowed: self.stp_allowed,
        })
    }
}

impl From<&CoreRules> for MarketRules {
    fn from(rules: &CoreRules) -> Self {
        let notional = |n: Notional| (n.min.into(), n.apply_min_to_market, n.max.into(), n.apply_max_to_market);
        Self {
            tick_size: rules.tick_size.0,
            lot_size: rules.lot_size.0,
            price_min: rules.price_min.0,
            price_max: rules.price_max.0,
            qty_min: rules.qty_min.0,
            qty_max: rules.qty_max.0,
            market_lot_size: rules.market_lot_size.0,
            market_qty_min: rules.market_qty_min.0,
            market_qty_max: rules.market_qty_max.0,
            min_notional: rules.min_notional.map(|n| (n.min.into(), n.apply_to_market)),
            notional: rules.notional.map(notional),
            avg_price_mins: rules.avg_price_mins,
            max_num_orders: rules.max_num_orders,
            maker_rate_e8: rules.fees.maker.0,
            taker_rate_e8: rules.fees.taker.0,
            stp_default: rules.stp_default as u8,
            stp_allowed: rules.stp_allowed,
        }
    }
}

impl From<&core::Asset> for Asset {
    fn from(asset: &core::Asset) -> Self {
        Self { id: asset.id.0, code: asset.code.clone(), name: asset.name.clone(), decimals: asset.decimals }
    }
}

impl From<&core::Account> for Account {
    fn from(account: &core::Account) -> Self {
        Self {
            id: account.id.0,
            name: account.name.clone(),
            can_trade: account.can_trade,
            fees: account.fees.map(|fees| (fees.maker.0, fees.taker.0)),
        }
    }
}

impl From<MarketView<'_>> for Market {
    fn from(market: MarketView<'_>) -> Self {
        Self {
            id: market.id.0,
            symbol: market.symbol.to_owned(),
            base: market.base.0,
            quote: market.quote.0,
            rules: market.rules.into(),
            status: market.status as u8,
            last_price: market.last_price.map(|price| price.0),
            book_version: market.book_version,
            open_orders: market.open_orders,
        }
    }
}

impl From<&core::OpenOrder> for OpenOrder {
    fn from(order: &core::OpenOrder) -> Self {
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
            left: order.left.0,
            prevented: order.prevented.0,
            filled: order.filled.0,
            filled_quote: order.filled_quote.into(),
            accepted_us: order.accepted_at.0,
            updated_us: order.updated_at.0,
        }
    }
}
