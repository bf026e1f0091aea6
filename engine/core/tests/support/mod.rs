//! A seeded stream of random commands over a small exchange, for the tests that need much of everything.
#![allow(dead_code, reason = "each test uses its part")]

use tandem_core::command::{CancelOrder, Command, Origin, PlaceOrder};
use tandem_core::types::*;
use tandem_core::{Broken, Core};

/// xorshift64*, seeded: the same stream everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

pub const ACCOUNTS: u64 = 6;
pub const MARKETS: u64 = 2;
pub const ASSETS: u64 = 3;

pub fn rules(random: &mut Random) -> MarketRules {
    MarketRules {
        tick_size: Price(100),
        price_min: Price(100 * random.below(3)),
        price_max: Price(if random.one_in(2) { 0 } else { 2_000_000 }),
        lot_size: Qty(10),
        qty_min: Qty(10 * random.below(3)),
        qty_max: Qty(if random.one_in(2) { 0 } else { 9_000 }),
        market_lot_size: Qty(if random.one_in(3) { 20 } else { 0 }),
        market_qty_min: Qty(0),
        market_qty_max: Qty(if random.one_in(2) { 0 } else { 5_000 }),
        min_notional: random.one_in(2).then_some(MinNotional { min: Amount(30), apply_to_market: true }),
        notional: random.one_in(2).then_some(Notional {
            min: Amount(20),
            apply_min_to_market: true,
            max: Amount(5_000_000),
            apply_max_to_market: false,
        }),
        avg_price_mins: random.of(&[0, 1, 5, 60]),
        max_num_orders: random.of(&[0, 8, 20]),
        fees: Fees { maker: RateE8(10_000), taker: RateE8(random.of(&[0, 100_000, 33_333_333])) },
        stp_default: SelfTradePrevention::ExpireMaker,
        stp_allowed: 31,
    }
}

/// The commands that every stream starts with: assets, markets, accounts, funds.
pub fn opening(random: &mut Random) -> Vec<Command> {
    let mut all = Vec::new();
    for (code, decimals) in [("AAA", 3), ("BBB", 2), ("CCC", 8)] {
        all.push(Command::CreateAsset { code: code.into(), name: format!("Asset {code}"), decimals });
    }
    let ids = [(0, 1), (0, 2)];
    for (base, quote) in ids {
        all.push(Command::CreateMarket {
            symbol: format!("M{base}{quote}"),
            base: AssetId(base),
            quote: AssetId(quote),
            rules: rules(random),
        });
    }
    for account in 1..=ACCOUNTS {
        all.push(Command::CreateAccount { name: format!("account {account}") });
        for asset in 0..ASSETS {
            all.push(Command::Credit {
                account: AccountId(account as u32),
                asset: AssetId(asset as u32),
                amount: Amount(2_000_000_000),
            });
        }
    }
    all
}

fn client_id(random: &mut Random) -> ClientOrderId {
    if random.one_in(2) {
        return ClientOrderId::EMPTY;
    }
    let text = format!("id-{:_>width$}", random.below(12), width = random.below(30) as usize + 1);
    ClientOrderId::new(text.as_bytes()).unwrap()
}

fn place(random: &mut Random) -> Command {
    let kind = random.of(&[OrderKind::Limit, OrderKind::Limit, OrderKind::LimitMaker, OrderKind::Market]);
    let is_market = kind == OrderKind::Market;
    let by_amount = is_market && random.one_in(2);
    let tif = match kind {
        OrderKind::Limit => random.of(TimeInForce::ALL),
        _ => TimeInForce::Gtc,
    };
    let mut order = PlaceOrder {
        account: AccountId(random.below(ACCOUNTS) as u32 + 1),
        market: MarketId(random.below(MARKETS) as u32),
        side: random.of(Side::ALL),
        kind,
        tif: if random.one_in(3) { TimeInForce::Gtc } else { tif },
        price: Price(if is_market { 0 } else { 100_000 + 100 * random.below(24) }),
        qty: Qty(if by_amount { 0 } else { 20 * (1 + random.below(40)) }),
        quote_qty: Amount(if by_amount { u128::from(random.below(80_000)) } else { 0 }),
        client_order_id: client_id(random),
        stp: random.one_in(2).then(|| random.of(SelfTradePrevention::ALL)),
        strategy_id: random.one_in(5).then(|| random.next() as i64),
        strategy_type: random.one_in(5).then(|| random.next() as i32),
    };
    match random.below(60) {
        0 => order.price.0 += 1,
        1 => order.qty.0 += 1,
        2 => order.account.0 += 9,
        3 => order.qty = Qty(u64::MAX >> random.below(40)),
        4 => order.price = Price(u64::MAX >> random.below(40)),
        _ => {}
    }
    Command::PlaceOrder(order)
}

/// One random command; `orders` is about how many orders there were so far.
pub fn command(random: &mut Random, orders: u64) -> Command {
    let account = AccountId(random.below(ACCOUNTS + 1) as u32);
    let market = MarketId(random.below(MARKETS) as u32);
    let asset = AssetId(random.below(ASSETS) as u32);
    match random.below(100) {
        0 => Command::SetMarketStatus {
            market,
            status: if random.one_in(8) { random.of(MarketStatus::ALL) } else { MarketStatus::Trading },
        },
        1 => Command::UpdateMarket { market, rules: rules(random) },
        2 => Command::UpdateAccount {
            account,
            can_trade: !random.one_in(12),
            fees: random.one_in(2).then_some(Fees { maker: RateE8(0), taker: RateE8(77_777) }),
        },
        3 => Command::Credit { account, asset, amount: Amount(u128::from(random.below(1 << 30))) },
        4 => Command::Debit { account, asset, amount: Amount(u128::from(random.below(1 << 30))) },
        5 => Command::CancelAll { account, market },
        6 => Command::CreateAccount { name: format!("account {}", random.below(20)) },
        7 => Command::UpdateAsset { asset, name: format!("name {}", random.below(9)) },
        8..30 => {
            let back = random.below(30);
            Command::CancelOrder(CancelOrder {
                account,
                market,
                order_id: (!random.one_in(3)).then(|| OrderId(orders.saturating_sub(back))),
                client_order_id: client_id(random),
                new_client_order_id: client_id(random),
            })
        }
        _ => place(random),
    }
}

/// A whole stream with origins and times, encoded.
pub fn stream(seed: u64, len: usize) -> Vec<(TimeUs, Vec<u8>)> {
    let mut random = Random::new(seed);
    let mut commands = opening(&mut random);
    while commands.len() < len {
        // About as many orders were accepted so far.
        let orders = commands.len() as u64 / 2;
        commands.push(command(&mut random, orders));
    }
    let mut time = 1_700_000_000_000_000;
    let mut encoded = Vec::with_capacity(len);
    for (at, command) in commands.iter().enumerate() {
        time += random.below(3_000_000);
        // A repeat now and then; never among the first, which everything else needs.
        let back = if at > 100 && random.one_in(20) { 2 } else { 0 };
        let (session, number) = (random.below(4), at as u64 + 1 - back);
        let mut payload = Vec::new();
        tandem_core::codec::encode(Origin { session, number }, command, &mut payload);
        if at > 100 && random.one_in(200) {
            payload.pop();
        }
        encoded.push((TimeUs(time), payload));
    }
    encoded
}

/// Applies a part of a stream, starting behind the core's seq.
pub fn apply_all(core: &mut Core, stream: &[(TimeUs, Vec<u8>)]) -> Result<(), Broken> {
    let mut events = Vec::new();
    for (time, payload) in stream {
        events.clear();
        let seq = Seq(core.seq().0 + 1);
        core.apply(seq, *time, payload, &mut events)?;
        assert!(!events.is_empty(), "a command without events");
    }
    Ok(())
}

pub fn snapshot(core: &Core) -> Vec<u8> {
    let mut bytes = Vec::new();
    core.snapshot(&mut bytes);
    bytes
}
