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
    /// The next part of an iceberg stays where the one before was.
    IcebergKeepsPlace,
    /// An iceberg shows twice its part.
    IcebergShowsTwice,
    /// A trigger fires only when the price has passed it.
    TriggerNeedsPassing,
    /// A following order keeps the first price it saw.
    ExtremeNeverMoves,
    /// A trailing order fires at its stop price.
    TrailingFiresAtOnce,
    /// Of orders that fire together the newest is released first.
    NewestTriggerFirst,
    /// One command releases all there is.
    ReleasesHaveNoBound,
    /// The other leg of a fired order stays open.
    FiredKeepsOtherLeg,
    /// A leg ends when the other one is filled in full, not before.
    LegSurvivesPartialFill,
    /// A leg does not end when the other one is decremented.
    LegSurvivesPrevention,
    /// Pending orders stay when their working order ends.
    PendingSurvives,
    /// Both legs of a pair lock what they need.
    PairLocksBoth,
    /// What an OPO list bought is not rounded to whole lots.
    ProceedsInDust,
    /// The fee is always taken off the proceeds.
    ProceedsLessFee,
    /// What an OPO list bought stays free.
    ProceedsForgotten,
    /// A pair has to be covered twice.
    PairFundsTwice,
    /// The prices of a pair may be anywhere.
    PairPricesUnordered,
    /// An amended order goes to the end of its level.
    AmendLosesPlace,
    /// Amends have no bound.
    AmendIsNotCounted,
    /// An amend leaves the other leg of a pair as it is.
    AmendLeavesOtherLeg,
    /// An amended order keeps its lock.
    AmendKeepsLock,
    /// A cancel leaves the other orders of the list.
    CancelLeavesList,
    /// A cancel does not ask what state the order is in.
    RestrictionIgnored,
    /// What the exchange ends is said to be ended by the user.
    ExchangeCancelsAsUser,
    /// A cancel-replace stops when its cancel fails, whatever the mode.
    ReplaceStopsAlways,
    /// The new order of a cancel-replace is not judged again after the cancel.
    ReplaceIsJudgedOnce,
    /// Accounts of one trade group trade with each other.
    GroupIgnored,
    /// A transfer does not ask for the maker's mode.
    TransferUnasked,
    /// Buyers pay the sellers' rate.
    BuyerAndSellerSwapped,
    /// Nobody pays the special rates.
    SpecialFeesForgotten,
    /// The discount takes off special and tax rates too.
    DiscountOnEverything,
    /// A fee in the discount asset is rounded down when it is converted.
    DiscountConvertsDown,
    /// Accounts pay in the discount asset without having asked for it.
    DiscountUnasked,
    /// PERCENT_PRICE is judged by the last price.
    PercentPriceByLast,
    /// PERCENT_PRICE_BY_SIDE takes the other side's multiples.
    PercentSidesSwapped,
    /// MAX_POSITION does not count what open orders would buy.
    PositionForgetsOrders,
    /// MAX_ASSET is asked for the base asset only.
    AssetLimitOfBaseOnly,
    /// ICEBERG_PARTS does not count the last, smaller part.
    IcebergPartsRoundedDown,
    /// TRAILING_DELTA takes the other direction's bounds.
    TrailingBoundsSwapped,
    /// MAX_NUM_ALGO_ORDERS counts contingent orders that work already.
    WorkingCountsAsAlgo,
    /// The exchange's bounds are asked per market.
    ExchangeBoundsPerMarket,
    /// A contingent order may be at its trigger already.
    WouldTriggerIgnored,
    /// A peg counts one level too many.
    PegOneDeeper,
    /// An order goes on where the price range ends.
    RangeEndsNothing,
    /// A bucket that is partly out counts in full.
    ReferenceWholeBuckets,
    /// Another rule keeps the buckets of the one before.
    ReferenceOutlivesRule,
    /// The price range takes the other side's multiples.
    RangeOfOtherSide,
    /// A released order is not judged by group A again.
    ReleaseIsNotJudged,
    /// At equal prices the order's own book comes last.
    RoutingOwnBookLast,
    /// Nobody asks whether the account between the books can pay.
    RoutingPaysWithoutFunds,
    /// A routed fill fires the triggers of the order's own market.
    RoutingTriggersAtHome,
    /// No book but the own one is looked at.
    RoutingStaysAtHome,
    /// A maker of the taker's account pays in the discount asset.
    OwnMakerMayDiscount,
    /// A maker of the taker's account keeps all proceeds and pays its fee from free funds.
    OwnMakerKeepsAll,
    /// Self-trade prevention comes before the price range.
    RangeAfterPrevention,
    /// What a BUY without a price locks follows the last price.
    NeedFollowsLastPrice,
    /// What an OPO list bought is not rounded to the lots of MARKET orders.
    MarketLotForgotten,
    /// An amend is not judged by the filters.
    AmendIsNotJudged,
    /// MAX_POSITION counts a released order twice.
    ReleasedCountsTwice,
    /// The bounds on open orders are asked after the cancel of a cancel-replace.
    ReplaceIsCountedLate,
);
