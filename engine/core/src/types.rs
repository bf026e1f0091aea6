//! The core's words: ids, amounts and the small closed enums that commands and events are made of.
//!
//! Money is integers. An amount counts minor units of its asset (`10^-decimals`); a price counts minor
//! units of the quote asset per whole unit of the base asset; a quantity counts minor units of the base asset.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(/// Place of a command in its shard's log; dense, starts at 1.
    Seq(u64));
number!(/// Microseconds since the Unix epoch, stamped by the log; never falls.
    TimeUs(u64));
number!(/// Dense from 0 in order of creation; 32 bits: four billion assets.
    AssetId(u32));
number!(/// Dense from 0 in order of creation.
    MarketId(u32));
number!(/// Dense in order of creation; 0 is the fee account, which exists from the start.
    AccountId(u32));
number!(/// Counter per shard, from 1, so that an id is never seen twice.
    OrderId(u64));
number!(/// Counter per market, from 0.
    TradeId(u64));
number!(/// Counter per market, from 0: one self-trade that was prevented.
    PreventedMatchId(u64));
number!(/// Minor quote units per whole base unit. 64 bits: the API's own bound is 2^63 - 1.
    Price(u64));
number!(/// Minor base units of one order or fill. 64 bits: the API's own bound is 2^63 - 1.
    Qty(u64));
number!(/// Minor units of one asset. 128 bits: 10^15 units at 8 decimals need 77.
    Amount(u128));
number!(/// A commission rate in units of 10^-8 (100 = one hundredth of a basis point).
    RateE8(u32));

/// The account that collects commissions; created with the core itself.
pub const FEE_ACCOUNT: AccountId = AccountId(0);
/// One whole in [`RateE8`] units.
pub const RATE_ONE: u32 = 100_000_000;
/// Longest client order id the API allows.
pub const CLIENT_ORDER_ID_MAX: usize = 36;
/// Longest asset code, market symbol, and name, in bytes of UTF-8.
pub const CODE_MAX: usize = 32;
/// See [`CODE_MAX`].
pub const NAME_MAX: usize = 64;
/// More decimals than any asset may have (10^18 still fits 64 bits).
pub const DECIMALS_MAX: u8 = 18;

macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)] // the short ones speak for themselves
        pub enum $name { $($(#[$vdoc])* $variant = $value),+ }

        impl $name {
            /// Every variant, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The variant with this number on the wire and in the log, if there is one.
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value { $($value => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use closed_enum;

closed_enum!(
    /// Which side of the book an order belongs to.
    Side { Buy = 0, Sell = 1 }
);
impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}
closed_enum!(
    /// What an order does when it arrives. Numbers 3 and up are kept for stops.
    OrderKind {
        /// Takes what crosses; the rest follows its time in force.
        Limit = 0,
        /// Rests or is rejected; never takes.
        LimitMaker = 1,
        /// Takes until filled or the book is empty; never rests.
        Market = 2,
    }
);
closed_enum!(
    /// How long a limit order lives.
    TimeInForce { Gtc = 0, Ioc = 1, Fok = 2 }
);
closed_enum!(
    /// What happens when both sides of a match belong to one account; the taker's mode decides.
    SelfTradePrevention { None = 0, ExpireTaker = 1, ExpireMaker = 2, ExpireBoth = 3, Decrement = 4 }
);
closed_enum!(
    /// What a market accepts at the moment.
    MarketStatus {
        /// Everything.
        Trading = 0,
        /// Cancels only; market data goes on.
        Halt = 1,
        /// Cancels only; no market data.
        Break = 2,
        /// Cancels only, by intention: positions are being wound down.
        CancelOnly = 3,
    }
);
closed_enum!(
    /// The state an order ended in, when it did not end by being filled.
    CloseStatus { Canceled = 0, Expired = 1, ExpiredInMatch = 2 }
);
closed_enum!(
    /// Why an order ended without being filled.
    CloseReason {
        /// The user asked for it.
        User = 0,
        /// IOC: what did not fill at once.
        UnfilledIoc = 1,
        /// FOK: not all of it could fill at once.
        UnfilledFok = 2,
        /// MARKET: the book ran out.
        InsufficientLiquidity = 3,
        /// Self-trade prevention ended it.
        SelfTrade = 4,
    }
);

/// A client order id: 0 to 36 bytes of `[a-zA-Z0-9-_]`, held inline. Empty means none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientOrderId {
    bytes: [u8; CLIENT_ORDER_ID_MAX],
    len: u8,
}

impl ClientOrderId {
    /// No id.
    pub const EMPTY: Self = Self { bytes: [0; CLIENT_ORDER_ID_MAX], len: 0 };

    /// Checks length and characters; `None` when either is wrong.
    pub fn new(text: &[u8]) -> Option<Self> {
        let legal = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
        if !text.iter().all(legal) {
            return None;
        }
        let mut bytes = [0; CLIENT_ORDER_ID_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, len: u8::try_from(text.len()).ok()? })
    }

    /// The id as text; empty when there is none.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Same as [`Self::as_bytes`]; the bytes are ASCII by construction.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// Whether there is no id.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its length in bytes.
    #[inline]
    pub(crate) const fn len(&self) -> u8 {
        self.len
    }

    /// The id as five words, for hashing: its bytes with zeros behind them, then its length.
    #[inline]
    pub(crate) fn words(&self) -> [u64; 5] {
        let (words, tail) = self.bytes.as_chunks::<8>();
        let word = |at: usize| words.get(at).map_or(0, |w| u64::from_le_bytes(*w));
        let last = tail.first_chunk::<4>().map_or(0, |t| u64::from(u32::from_le_bytes(*t)));
        [word(0), word(1), word(2), word(3), last | u64::from(self.len) << 32]
    }
}

impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Maker and taker commission rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Paid by the order that rested.
    pub maker: RateE8,
    /// Paid by the order that came.
    pub taker: RateE8,
}

/// MIN_NOTIONAL: the least an order may be worth, in minor quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinNotional {
    /// The bound, inclusive.
    pub min: Amount,
    /// Whether MARKET orders are judged too, by the average price.
    pub apply_to_market: bool,
}

/// NOTIONAL: the least and the most an order may be worth, in minor quote units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notional {
    /// Lower bound, inclusive.
    pub min: Amount,
    /// Whether MARKET orders are judged by the lower bound.
    pub apply_min_to_market: bool,
    /// Upper bound, inclusive.
    pub max: Amount,
    /// Whether MARKET orders are judged by the upper bound.
    pub apply_max_to_market: bool,
}

/// The rules of a market. A bound of 0 is off, as in the API.
///
/// Invariant: `tick_size * lot_size` is a whole number of minor quote units once divided by
/// `10^base_decimals`, so that every notional is exact and no fill is ever rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketRules {
    /// PRICE_FILTER tickSize; never 0. Only changes while the market has no open order.
    pub tick_size: Price,
    /// PRICE_FILTER minPrice.
    pub price_min: Price,
    /// PRICE_FILTER maxPrice.
    pub price_max: Price,
    /// LOT_SIZE stepSize; never 0. Only changes while the market has no open order.
    pub lot_size: Qty,
    /// LOT_SIZE minQty.
    pub qty_min: Qty,
    /// LOT_SIZE maxQty.
    pub qty_max: Qty,
    /// MARKET_LOT_SIZE stepSize (0: LOT_SIZE alone decides).
    pub market_lot_size: Qty,
    /// MARKET_LOT_SIZE minQty.
    pub market_qty_min: Qty,
    /// MARKET_LOT_SIZE maxQty.
    pub market_qty_max: Qty,
    /// MIN_NOTIONAL, if the market has it.
    pub min_notional: Option<MinNotional>,
    /// NOTIONAL, if the market has it.
    pub notional: Option<Notional>,
    /// Window of the average price that MARKET orders are judged by, 0 to 60 minutes (0: the last price).
    pub avg_price_mins: u8,
    /// MAX_NUM_ORDERS per account in this market (0: no bound).
    pub max_num_orders: u32,
    /// Rates for accounts that have none of their own.
    pub fees: Fees,
    /// Used when an order does not say.
    pub stp_default: SelfTradePrevention,
    /// Bit `1 << mode` is set for each mode an order may ask for.
    pub stp_allowed: u8,
}
