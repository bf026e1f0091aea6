//! Assets, markets, accounts, rules, open orders and lists.

use pyo3::prelude::*;
use tandem_core::types::{
    AssetId, Discount, ExchangeRules as CoreExchangeRules, MarketRules as CoreRules, MinNotional, Notional,
    PercentPrice, Price, PriceRange, Qty, RateE8, ReferenceRule, SelfTradePrevention, TrailingDelta,
};
use tandem_core::{self as core, MarketView};

use crate::events::OrderAccepted;
use crate::numbers::{Big, ClientId, Rates, fees_of, or_minus_one, rates_of, variant};
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
        percent_price: Option<(u64, u64, u64, u64, bool)> = None,
        iceberg_parts: u16 = 100,
        max_num_algo_orders: u32 = 5,
        max_num_iceberg_orders: u32 = 0,
        max_num_order_lists: u32 = 20,
        max_num_order_amends: u16 = 10,
        max_position: Big = Big(0),
        trailing_delta: Option<(u32, u32, u32, u32)> = None,
        price_range: Option<(u64, u64, u64, u64)> = None,
        reference: Option<(u32, u32)> = None,
        kinds: u8 = 127,
        features: u16 = 511,
        permissions: u32 = 1,
        fees: Rates = (0, 0, 0, 0),
        special_fees: Rates = (0, 0, 0, 0),
        tax_fees: Rates = (0, 0, 0, 0),
        discount: bool = false,
        stp_default: u8 = 0,
        stp_allowed: u8 = 63,
    }
);
record!(
    /// What holds for the whole exchange.
    new struct ExchangeRules {
        max_num_orders: u32 = 0,
        max_num_algo_orders: u32 = 0,
        max_num_iceberg_orders: u32 = 0,
        max_num_order_lists: u32 = 0,
        discount: Option<(u32, u32)> = None,
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
        fees: Option<Rates>,
        trade_group: Option<u32>,
        permissions: u32,
        discount: bool,
    }
);
record!(
    /// An open order of any state.
    new struct OpenOrder {
        accepted: OrderAccepted,
        left: u64,
        prevented: u64 = 0,
        filled: u64 = 0,
        filled_quote: Big = Big(0),
        accepted_us: u64,
        working_us: i64 = -1,
        trailing_us: i64 = -1,
        updated_us: u64,
        amends: u16 = 0,
    }
);
record!(
    /// A list of which at least one order is open.
    new struct OpenOrderList {
        list_id: u64,
        account: u32,
        market: u32,
        kind: u8,
        client_list_id: ClientId,
        orders: Vec<u64>,
        accepted_us: u64,
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
            percent_price: self.percent_price.map(|(bid_up, bid_down, ask_up, ask_down, by_side)| PercentPrice {
                bid_up,
                bid_down,
                ask_up,
                ask_down,
                by_side,
            }),
            iceberg_parts: self.iceberg_parts,
            max_num_algo_orders: self.max_num_algo_orders,
            max_num_iceberg_orders: self.max_num_iceberg_orders,
            max_num_order_lists: self.max_num_order_lists,
            max_num_order_amends: self.max_num_order_amends,
            max_position: self.max_position.into(),
            trailing_delta: self.trailing_delta.map(|(above_min, above_max, below_min, below_max)| TrailingDelta {
                above_min,
                above_max,
                below_min,
                below_max,
            }),
            price_range: self.price_range.map(|(bid_up, bid_down, ask_up, ask_down)| PriceRange {
                bid_up,
                bid_down,
                ask_up,
                ask_down,
            }),
            reference: self.reference.map(|(count, width_ms)| ReferenceRule { count, width_ms }),
            kinds: self.kinds,
            features: self.features,
            permissions: self.permissions,
            fees: fees_of(self.fees),
            special_fees: fees_of(self.special_fees),
            tax_fees: fees_of(self.tax_fees),
            discount: self.discount,
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
            percent_price: rules.percent_price.map(|p| (p.bid_up, p.bid_down, p.ask_up, p.ask_down, p.by_side)),
            iceberg_parts: rules.iceberg_parts,
            max_num_algo_orders: rules.max_num_algo_orders,
            max_num_iceberg_orders: rules.max_num_iceberg_orders,
            max_num_order_lists: rules.max_num_order_lists,
            max_num_order_amends: rules.max_num_order_amends,
            max_position: rules.max_position.into(),
            trailing_delta: rules.trailing_delta.map(|t| (t.above_min, t.above_max, t.below_min, t.below_max)),
            price_range: rules.price_range.map(|r| (r.bid_up, r.bid_down, r.ask_up, r.ask_down)),
            reference: rules.reference.map(|rule| (rule.count, rule.width_ms)),
            kinds: rules.kinds,
            features: rules.features,
            permissions: rules.permissions,
            fees: rates_of(&rules.fees),
            special_fees: rates_of(&rules.special_fees),
            tax_fees: rates_of(&rules.tax_fees),
            discount: rules.discount,
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
            fees: account.fees.as_ref().map(rates_of),
            trade_group: account.trade_group,
            permissions: account.permissions,
            discount: account.discount,
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

impl ExchangeRules {
    /// Nothing to check.
    pub fn to_core(&self) -> CoreExchangeRules {
        CoreExchangeRules {
            max_num_orders: self.max_num_orders,
            max_num_algo_orders: self.max_num_algo_orders,
            max_num_iceberg_orders: self.max_num_iceberg_orders,
            max_num_order_lists: self.max_num_order_lists,
            discount: self.discount.map(|(asset, rate)| Discount { asset: AssetId(asset), rate: RateE8(rate) }),
        }
    }
}

impl From<&CoreExchangeRules> for ExchangeRules {
    fn from(rules: &CoreExchangeRules) -> Self {
        Self {
            max_num_orders: rules.max_num_orders,
            max_num_algo_orders: rules.max_num_algo_orders,
            max_num_iceberg_orders: rules.max_num_iceberg_orders,
            max_num_order_lists: rules.max_num_order_lists,
            discount: rules.discount.map(|discount| (discount.asset.0, discount.rate.0)),
        }
    }
}

impl From<&core::OpenOrder> for OpenOrder {
    fn from(order: &core::OpenOrder) -> Self {
        Self {
            accepted: OrderAccepted::from(&order.accepted),
            left: order.left.0,
            prevented: order.prevented.0,
            filled: order.filled.0,
            filled_quote: order.filled_quote.into(),
            accepted_us: order.accepted_at.0,
            working_us: or_minus_one(order.working_at.map(|at| at.0)),
            trailing_us: or_minus_one(order.trailing_at.map(|at| at.0)),
            updated_us: order.updated_at.0,
            amends: order.amends,
        }
    }
}

impl From<&core::OpenOrderList> for OpenOrderList {
    fn from(list: &core::OpenOrderList) -> Self {
        Self {
            list_id: list.list.0,
            account: list.account.0,
            market: list.market.0,
            kind: list.kind as u8,
            client_list_id: ClientId(list.client_list_id),
            orders: list.orders.iter().map(|order| order.0).collect(),
            accepted_us: list.accepted_at.0,
        }
    }
}
