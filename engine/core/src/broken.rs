//! Broken invariants: what must never be, named. The shard stops on one; nothing is clamped or guessed.

use std::fmt;

/// An assertion that failed, kept on in production. Whoever sees one stops the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A command's seq is not the last one plus one.
    SeqNotNext,
    /// A command is stamped before the one in front of it.
    TimeFell,
    /// The links of the order book do not hold together.
    BookLinks,
    /// A level's total is not the sum of its orders.
    LevelTotal,
    /// Levels are not sorted, or an empty one was kept.
    LevelOrder,
    /// The best bid is not below the best ask.
    BookCrossed,
    /// A later order stands in front of an earlier one of its level.
    PriorityLost,
    /// An order in the book is missing in an index, or an index names an order that is not in the book.
    OrderIndex,
    /// The sessions' links or index do not hold together.
    SessionIndex,
    /// An order's quantities do not add up, or are off the market's steps.
    OrderQuantity,
    /// The list of an account's open orders does not match the book.
    OpenList,
    /// A list is not known, or does not match its orders.
    ListIndex,
    /// A balance would have fallen below zero.
    BalanceNegative,
    /// A balance would not fit its integer.
    BalanceOverflow,
    /// Locked funds are not what the open orders need.
    LocksNotOrders,
    /// Free plus locked over all accounts is not credits minus debits.
    FundsNotConserved,
    /// An id refers to nothing.
    IdUnknown,
    /// A counter or a sum of history is used up.
    CounterExhausted,
    /// A name is held twice or by nobody.
    NameIndex,
    /// A market's rules are not valid, or those of the exchange.
    RulesInvalid,
    /// An order list and its orders do not fit together.
    OrderList,
    /// An order waits, is pending or is to be released, and should not be.
    OrderState,
    /// The waiting orders are not where a trade's price looks for them.
    TriggerIndex,
}

impl Broken {
    /// The name used in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeqNotNext => "seq_not_next",
            Self::TimeFell => "time_fell",
            Self::BookLinks => "book_links",
            Self::LevelTotal => "level_total",
            Self::LevelOrder => "level_order",
            Self::BookCrossed => "book_crossed",
            Self::PriorityLost => "priority_lost",
            Self::OrderIndex => "order_index",
            Self::SessionIndex => "session_index",
            Self::OrderQuantity => "order_quantity",
            Self::OpenList => "open_list",
            Self::ListIndex => "list_index",
            Self::BalanceNegative => "balance_negative",
            Self::BalanceOverflow => "balance_overflow",
            Self::LocksNotOrders => "locks_not_orders",
            Self::FundsNotConserved => "funds_not_conserved",
            Self::IdUnknown => "id_unknown",
            Self::CounterExhausted => "counter_exhausted",
            Self::NameIndex => "name_index",
            Self::RulesInvalid => "rules_invalid",
            Self::OrderList => "order_list",
            Self::OrderState => "order_state",
            Self::TriggerIndex => "trigger_index",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken invariant: {}", self.name())
    }
}

impl std::error::Error for Broken {}
