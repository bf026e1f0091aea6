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
number!(/// Counter per shard, from 0: an order list.
    ListId(u64));
number!(/// Counter per market, from 0: one fill of a routed order in another market's book.
    AllocationId(u64));
number!(/// A commission rate in units of 10^-8 (100 = one hundredth of a basis point).
    RateE8(u32));

/// The account that collects commissions; created with the core itself.
pub const FEE_ACCOUNT: AccountId = AccountId(0);
/// One whole in [`RateE8`] units.
pub const RATE_ONE: u32 = 100_000_000;
/// Most levels a peg may be away from the best.
pub const PEG_OFFSET_MAX: u8 = 100;
/// One whole in basis points.
pub const BIPS_ONE: u32 = 10_000;
/// Most triggered orders and activated lists that one command carries out; the rest waits for the next.
pub const RELEASES_MAX: usize = 256;
/// Permission bit 0: "SPOT".
pub const PERMISSION_SPOT: u32 = 1;
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
    /// What an order does when it works. The kinds from 3 up wait for their trigger first.
    OrderKind {
        /// Takes what crosses; the rest follows its time in force.
        Limit = 0,
        /// Rests or is rejected; never takes.
        LimitMaker = 1,
        /// Takes until filled or the book is empty; never rests.
        Market = 2,
        /// Becomes MARKET when the price moves against the position.
        StopLoss = 3,
        /// Becomes LIMIT when the price moves against the position.
        StopLossLimit = 4,
        /// Becomes MARKET when the price moves in favour of the position.
        TakeProfit = 5,
        /// Becomes LIMIT when the price moves in favour of the position.
        TakeProfitLimit = 6,
    }
);
impl OrderKind {
    /// Whether it waits for a trigger before it works.
    pub const fn is_contingent(self) -> bool {
        matches!(self, Self::StopLoss | Self::StopLossLimit | Self::TakeProfit | Self::TakeProfitLimit)
    }

    /// What it is once it works: `Limit`, `LimitMaker` or `Market`.
    pub const fn works_as(self) -> Self {
        match self {
            Self::Limit | Self::StopLossLimit | Self::TakeProfitLimit => Self::Limit,
            Self::LimitMaker => Self::LimitMaker,
            Self::Market | Self::StopLoss | Self::TakeProfit => Self::Market,
        }
    }

    /// Whether its trigger is above the market: it fires at a last price at or above its stop price. Only contingent
    /// kinds have one.
    pub const fn triggers_above(self, side: Side) -> bool {
        match self {
            Self::StopLoss | Self::StopLossLimit => matches!(side, Side::Buy),
            _ => matches!(side, Side::Sell),
        }
    }
}
closed_enum!(
    /// How long a limit order lives.
    TimeInForce { Gtc = 0, Ioc = 1, Fok = 2 }
);
closed_enum!(
    /// What happens when both sides of a match belong to one account or to one trade group; the taker's mode decides.
    /// `Transfer` moves the overlap between two accounts of a group when both orders ask for it, else it is `Decrement`.
    SelfTradePrevention { None = 0, ExpireTaker = 1, ExpireMaker = 2, ExpireBoth = 3, Decrement = 4, Transfer = 5 }
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
        /// Cancels and amends only, by intention: positions are being wound down.
        CancelOnly = 3,
        /// Cancels only; the market is listed and nothing else.
        EndOfDay = 4,
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
        /// It was triggered or activated and then failed a check.
        Rejected = 5,
        /// The other leg of its pair was touched or fired.
        OcoTrigger = 6,
        /// The working order of its list ended without being filled.
        PhaseOneExpired = 7,
        /// The next fill would have been outside the market's price range.
        PriceRangeExceeded = 8,
        /// The exchange ended it.
        Exchange = 9,
        /// An amend left nothing of it.
        Amended = 10,
    }
);
closed_enum!(
    /// Where an open order is.
    OrderState {
        /// It works: it is in the book or on its way through it.
        Working = 0,
        /// It waits for its trigger.
        Waiting = 1,
        /// It waits for the working order of its list.
        Pending = 2,
    }
);
closed_enum!(
    /// Why an order that waited goes on.
    ReleaseCause {
        /// Its trigger fired.
        Triggered = 0,
        /// The working order of its list was filled.
        Activated = 1,
    }
);
closed_enum!(
    /// Which best price a pegged order takes as its own.
    PegPrice {
        /// Of its own side.
        Primary = 0,
        /// Of the opposite side.
        Market = 1,
    }
);
closed_enum!(
    /// What a list is made of. The orders come in this order.
    ListKind {
        /// A stop-loss leg and a limit or take-profit leg; one ends the other.
        Oco = 0,
        /// A working order and one pending order.
        Oto = 1,
        /// A working order and a pending pair.
        Otoco = 2,
        /// `Oto` whose pending order sells what the working order bought.
        Opo = 3,
        /// `Otoco` whose pending pair sells what the working order bought.
        Opoco = 4,
    }
);
impl ListKind {
    /// Whether it starts with a working order that the others wait for.
    pub const fn has_working(self) -> bool {
        !matches!(self, Self::Oco)
    }

    /// Whether it ends in a pair of which one order ends the other.
    pub const fn has_pair(self) -> bool {
        matches!(self, Self::Oco | Self::Otoco | Self::Opoco)
    }

    /// Whether the pending orders sell what the working order bought.
    pub const fn pays_pending(self) -> bool {
        matches!(self, Self::Opo | Self::Opoco)
    }
}
closed_enum!(
    /// What must hold for an order to be canceled.
    CancelRestriction { OnlyNew = 0, OnlyPartiallyFilled = 1 }
);
closed_enum!(
    /// Whether a new order is placed although the cancel before it failed.
    ReplaceMode { StopOnFailure = 0, AllowFailure = 1 }
);
closed_enum!(
    /// What a market has beyond plain orders; bit `1 << number` of `MarketRules::features`.
    Feature {
        Iceberg = 0, Oco = 1, Oto = 2, Opo = 3, Trailing = 4, CancelReplace = 5, Amend = 6, Peg = 7,
        /// MARKET orders by quote amount.
        QuoteQtyMarket = 8,
    }
);

/// A price that is taken from the book once, when the order starts to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peg {
    /// Which side's best price.
    pub price: PegPrice,
    /// So many existing levels deeper into that side; `None` as 0.
    pub offset: Option<u8>,
}

/// What only some orders have. The default is an order that has none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Contingent kinds only; 0: none (then there is a trailing delta).
    pub stop_price: Price,
    /// Contingent kinds only, in basis points; 0: not trailing.
    pub trailing_delta: u32,
    /// What is shown of it at a time; 0: all.
    pub iceberg_qty: Qty,
    /// Takes its price from the book.
    pub peg: Option<Peg>,
    /// Takes from the books of its smart order routing group too.
    pub use_sor: bool,
}

/// A client order id: 0 to 36 bytes of `[a-zA-Z0-9-_]`, held inline. Empty means none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientOrderId {
    bytes: [u8; CLIENT_ORDER_ID_MAX],
    len: u8,
}

/// Which bytes a client order id may have: a look instead of compares, since every id is read byte by byte.
#[expect(clippy::indexing_slicing, reason = "done by the compiler, which would say so")]
const IS_ID_BYTE: [bool; 256] = {
    let mut is_legal = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        is_legal[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        byte += 1;
    }
    is_legal
};

impl ClientOrderId {
    /// No id.
    pub const EMPTY: Self = Self { bytes: [0; CLIENT_ORDER_ID_MAX], len: 0 };

    /// Checks length and characters; `None` when either is wrong.
    #[inline(always)]
    pub fn new(text: &[u8]) -> Option<Self> {
        if !text.iter().all(|byte| IS_ID_BYTE.get(usize::from(*byte)).copied().unwrap_or(false)) {
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

/// Commission rates. A fill pays the maker's or the taker's rate, plus the buyer's or the seller's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Paid by the order that rested.
    pub maker: RateE8,
    /// Paid by the order that came.
    pub taker: RateE8,
    /// Paid by the order that buys.
    pub buyer: RateE8,
    /// Paid by the order that sells.
    pub seller: RateE8,
}

/// PERCENT_PRICE and PERCENT_PRICE_BY_SIDE: a price's bounds as multiples of the average price, in 10^-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentPrice {
    /// Highest for BUY.
    pub bid_up: u64,
    /// Lowest for BUY.
    pub bid_down: u64,
    /// Highest for SELL.
    pub ask_up: u64,
    /// Lowest for SELL.
    pub ask_down: u64,
    /// PERCENT_PRICE_BY_SIDE; if not, both sides are equal and it is PERCENT_PRICE.
    pub by_side: bool,
}

/// TRAILING_DELTA: bounds of a trailing delta in basis points, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailingDelta {
    /// Where the trigger is above the market.
    pub above_min: u32,
    /// See `above_min`.
    pub above_max: u32,
    /// Where the trigger is below the market.
    pub below_min: u32,
    /// See `below_min`.
    pub below_max: u32,
}

/// PRICE_RANGE: how far from the reference price an incoming order may trade, as multiples in 10^-8; 0: no such bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceRange {
    /// Highest for BUY.
    pub bid_up: u64,
    /// Lowest for BUY.
    pub bid_down: u64,
    /// Highest for SELL.
    pub ask_up: u64,
    /// Lowest for SELL.
    pub ask_down: u64,
}

/// The reference price as the mean of the trades of the last `count` buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceRule {
    /// 1 to 1000.
    pub count: u32,
    /// Of one bucket, 1 to 3,600,000.
    pub width_ms: u32,
}

/// Commissions may be paid in this asset, at a lower standard rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discount {
    /// "BNB"
    pub asset: AssetId,
    /// What is left of the standard rate: 75,000,000 is a quarter less.
    pub rate: RateE8,
}

/// What holds for the whole exchange. A bound of 0 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeRules {
    /// EXCHANGE_MAX_NUM_ORDERS, per account.
    pub max_num_orders: u32,
    /// EXCHANGE_MAX_NUM_ALGO_ORDERS, per account.
    pub max_num_algo_orders: u32,
    /// EXCHANGE_MAX_NUM_ICEBERG_ORDERS, per account.
    pub max_num_iceberg_orders: u32,
    /// EXCHANGE_MAX_NUM_ORDER_LISTS, per account.
    pub max_num_order_lists: u32,
    /// If commissions can be paid in another asset.
    pub discount: Option<Discount>,
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
    /// PERCENT_PRICE or PERCENT_PRICE_BY_SIDE, if the market has one.
    pub percent_price: Option<PercentPrice>,
    /// ICEBERG_PARTS (0: no bound but 1000).
    pub iceberg_parts: u16,
    /// MAX_NUM_ALGO_ORDERS per account in this market (0: no bound).
    pub max_num_algo_orders: u32,
    /// MAX_NUM_ICEBERG_ORDERS per account in this market (0: no bound).
    pub max_num_iceberg_orders: u32,
    /// MAX_NUM_ORDER_LISTS per account in this market (0: no bound).
    pub max_num_order_lists: u32,
    /// MAX_NUM_ORDER_AMENDS per order (0: no bound).
    pub max_num_order_amends: u16,
    /// MAX_POSITION of the base asset per account (0: no bound).
    pub max_position: Amount,
    /// TRAILING_DELTA, if the market has it.
    pub trailing_delta: Option<TrailingDelta>,
    /// PRICE_RANGE, if the market has it.
    pub price_range: Option<PriceRange>,
    /// How the reference price is computed; `None`: it is set from outside, or there is none.
    pub reference: Option<ReferenceRule>,
    /// Bit `1 << kind` is set for each order kind the market takes.
    pub kinds: u8,
    /// Bit `1 << feature` is set for each [`Feature`] the market has.
    pub features: u16,
    /// An account needs one of these permission bits to place orders.
    pub permissions: u32,
    /// Rates for accounts that have none of their own.
    pub fees: Fees,
    /// On top, the same for every account.
    pub special_fees: Fees,
    /// On top, the same for every account.
    pub tax_fees: Fees,
    /// Whether commissions here can be paid in the discount asset.
    pub discount: bool,
    /// Used when an order does not say.
    pub stp_default: SelfTradePrevention,
    /// Bit `1 << mode` is set for each mode an order may ask for.
    pub stp_allowed: u8,
}
