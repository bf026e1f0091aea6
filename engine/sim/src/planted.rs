//! Planted bugs: ways to break the model on purpose, to prove that the comparison would see the same bug in the core.

macro_rules! planted {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// One bug. [`crate::model::Model`] behaves wrongly in this one way when built with it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Planted { $($(#[$doc])* $name),+ }

        impl Planted {
            /// Every bug there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

planted!(
    /// A fill happens at the taker's limit.
    TradeAtTakerPrice,
    /// A maker that fills in part goes to the end of its level.
    PriorityLostOnPartialFill,
    /// The newest order of a level fills first.
    NewestFirst,
    /// The oldest order that crosses fills first, whatever its price.
    StaleBest,
    /// A price that only touches does not cross.
    TouchDoesNotCross,
    /// What an IOC could not fill rests.
    IocRests,
    /// FOK looks at the best level only.
    FokLooksAtOneLevel,
    /// FOK counts what decrementing would prevent as filled.
    FokCountsDecrement,
    /// FOK passes over own makers, whatever the mode.
    FokPassesOverOwn,
    /// LIMIT_MAKER may take.
    LimitMakerTakes,
    /// Fees are rounded down.
    FeeRoundedDown,
    /// Maker and taker pay each other's rate.
    FeeRatesSwapped,
    /// An account's own rates are not looked at.
    OwnRatesIgnored,
    /// Nobody receives the taker's fee.
    FeeLost,
    /// A buyer pays its limit, not the maker's price.
    ImprovementKept,
    /// A cancel leaves the lock.
    LockNotReleased,
    /// What rests is locked as if nothing had filled.
    WholeOrderLocked,
    /// An expired maker keeps its lock.
    ExpiredMakerKeepsLock,
    /// Locked funds may leave.
    DebitTakesLocked,
    /// A sell is judged by locked funds too.
    SellCountsLocked,
    /// The bound of an asset forgets what was credited and has left.
    CreditBoundIsNet,
    /// A retry is applied again.
    DedupeIgnored,
    /// A rejected command's number is not remembered.
    RejectForgetsNumber,
    /// One session less is remembered.
    SessionForgottenEarly,
    /// A repeated number keeps its session alive.
    RepeatRefreshesSession,
    /// A reject uses up an order id.
    RejectTakesOrderId,
    /// A cancel of an order that is gone is acknowledged.
    CancelAckForDeadOrder,
    /// Anybody may cancel by order id.
    ForeignCancel,
    /// No cancels unless the market trades.
    CancelNeedsOpenMarket,
    /// CancelAll goes from the newest to the oldest.
    CancelAllBackwards,
    /// A halted market takes orders.
    HaltTakesOrders,
    /// A client order id stays in use when its order is gone.
    ClientIdNeverFree,
    /// MAX_NUM_ORDERS allows one more.
    MaxOrdersOffByOne,
    /// The upper bound of LOT_SIZE is exclusive.
    QtyMaxExclusive,
    /// NOTIONAL is applied to MARKET orders by the last price.
    NotionalByLastPrice,
    /// The window of the average price is a minute too long.
    WindowTooLong,
    /// MARKET by quote amount ignores the bound on its quantity.
    QuoteCapIgnored,
    /// MARKET by quote amount buys the lot that it can not afford in full.
    QuoteRoundsUp,
    /// The maker's mode decides.
    MakersModeDecides,
    /// DECREMENT leaves the maker as it is.
    DecrementSparesMaker,
    /// EXPIRE_BOTH closes the taker first.
    TakerClosedFirst,
    /// A partial fill does not change the book's version.
    PartialFillKeepsVersion,
    /// An update of the rules does not reach the fees.
    FeesNeverUpdated,
);
