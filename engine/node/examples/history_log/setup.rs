//! Assets, markets and accounts with funds that never run out.

use tandem_core::command::Command;
use tandem_core::types::{
    AccountId, Amount, AssetId, Fees, MarketId, MarketRules, Price, Qty, RateE8, SelfTradePrevention, TrailingDelta,
};

/// Traders have the ids from 1 up. After them the account between the books, and `maker` and `taker`, which only a
/// load generator uses, as it does the last market.
pub const ACCOUNTS: u32 = 1000;
/// Markets that are traded in. The first two share their base asset and are one routing group.
pub const MARKETS: u32 = 8;
pub const TICK: u64 = 1_000_000;
pub const LOT: u64 = 1000;
const FUNDS: Amount = Amount(1 << 58);
const USDT: AssetId = AssetId(0);
const USDC: AssetId = AssetId(1);

/// In the order in which they are sent.
pub fn commands() -> Vec<Command> {
    let mut commands = vec![asset("USDT"), asset("USDC")];
    let mut bases = Vec::new();
    for (symbol, base, quote) in markets() {
        if !bases.contains(&base) {
            bases.push(base);
            commands.push(asset(base));
        }
        let base = AssetId(2 + bases.iter().position(|known| *known == base).unwrap_or(0) as u32);
        commands.push(Command::CreateMarket { symbol: symbol.into(), base, quote, rules: Box::new(rules()) });
    }
    let assets = 2 + bases.len() as u32;
    for account in 1..=ACCOUNTS + 3 {
        let name = match account - 1 {
            ACCOUNTS => "router".into(),
            n if n == ACCOUNTS + 1 => "maker".into(),
            n if n == ACCOUNTS + 2 => "taker".into(),
            _ => format!("trader {account}"),
        };
        commands.push(Command::CreateAccount { name });
        let funds = |asset| Command::Credit { account: AccountId(account), asset: AssetId(asset), amount: FUNDS };
        commands.extend((0..assets).map(funds));
    }
    let markets = vec![MarketId(0), MarketId(1)];
    commands.push(Command::SetSor { base: AssetId(2), markets, account: AccountId(ACCOUNTS + 1) });
    commands
}

/// (symbol, base, quote)
fn markets() -> [(&'static str, &'static str, AssetId); MARKETS as usize + 1] {
    [
        ("BTCUSDT", "BTC", USDT),
        ("BTCUSDC", "BTC", USDC),
        ("ETHUSDT", "ETH", USDT),
        ("SOLUSDT", "SOL", USDT),
        ("XRPUSDT", "XRP", USDT),
        ("ADAUSDT", "ADA", USDT),
        ("DOTUSDT", "DOT", USDT),
        ("LTCUSDT", "LTC", USDT),
        ("XYZUSDT", "XYZ", USDT),
    ]
}

fn asset(code: &str) -> Command {
    Command::CreateAsset { name: code.into(), code: code.into(), decimals: 8 }
}

fn rules() -> MarketRules {
    MarketRules {
        tick_size: Price(TICK),
        price_min: Price(0),
        price_max: Price(0),
        lot_size: Qty(LOT),
        qty_min: Qty(0),
        qty_max: Qty(0),
        market_lot_size: Qty(0),
        market_qty_min: Qty(0),
        market_qty_max: Qty(0),
        min_notional: None,
        notional: None,
        avg_price_mins: 5,
        max_num_orders: 0,
        percent_price: None,
        iceberg_parts: 100,
        max_num_algo_orders: 0,
        max_num_iceberg_orders: 0,
        max_num_order_lists: 0,
        max_num_order_amends: 10,
        max_position: Amount(0),
        trailing_delta: Some(TrailingDelta { above_min: 1, above_max: 2000, below_min: 1, below_max: 2000 }),
        price_range: None,
        reference: None,
        kinds: 127,
        features: 511,
        permissions: 1,
        fees: Fees { maker: RateE8(100_000), taker: RateE8(100_000), ..Fees::default() },
        special_fees: Fees::default(),
        tax_fees: Fees::default(),
        discount: false,
        stp_default: SelfTradePrevention::ExpireTaker,
        stp_allowed: 63,
    }
}
