//! Orders that are not in the book: contingent ones before they work, and pending ones of a list.

use crate::book::Lots;
use crate::types::{
    AccountId, ClientOrderId, ListId, OrderId, OrderKind, OrderState, Price, SelfTradePrevention, Side, Terms,
    TimeInForce,
};

/// What only some open orders have. An order in the book without it is as plain as `Extra::plain` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    /// As asked for.
    pub(crate) terms: Terms,
    pub(crate) strategy_id: Option<i64>,
    pub(crate) strategy_type: Option<i32>,
    pub(crate) list: Option<ListId>,
    /// As asked for: a pegged order's limit is another.
    pub(crate) price: Price,
    /// What its peg came to; 0: no peg, or not known yet.
    pub(crate) pegged_price: Price,
    /// In the book: what it does not show. Not counted among the book's lots.
    pub(crate) hidden: Lots,
    /// When it began to work; `None`: it does not yet.
    pub(crate) working_at: Option<u64>,
    /// When it began to follow the price, if it has.
    pub(crate) trailing_at: Option<u64>,
    pub(crate) amends: u16,
}

impl Extra {
    /// Of an order that was asked for at `price` and works since `working_at`.
    pub(crate) const fn plain(price: Price, working_at: u64) -> Self {
        Self {
            terms: Terms {
                stop_price: Price(0),
                trailing_delta: 0,
                iceberg_qty: crate::types::Qty(0),
                peg: None,
                use_sor: false,
            },
            strategy_id: None,
            strategy_type: None,
            list: None,
            price,
            pegged_price: Price(0),
            hidden: 0,
            working_at: Some(working_at),
            trailing_at: None,
            amends: 0,
        }
    }

    /// What an order in the book may pay or take at the worst.
    pub(crate) const fn limit(&self) -> Price {
        if self.pegged_price.0 > 0 { self.pegged_price } else { self.price }
    }
}

/// Where an order outside the book stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Contingent; its trigger has not fired.
    Waiting,
    /// Its trigger has fired, and its release is in the queue.
    Fired,
    /// In a list whose working order is not filled, or whose activation is in the queue.
    Pending,
    /// On its way through the book. Never at the end of a command.
    Working,
}

impl Stage {
    pub(crate) const fn state(self) -> OrderState {
        match self {
            Self::Waiting | Self::Fired => OrderState::Waiting,
            Self::Pending => OrderState::Pending,
            Self::Working => OrderState::Working,
        }
    }
}

/// An open order that is not in the book. Nothing of it is filled or prevented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: OrderId,
    pub(crate) owner: AccountId,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
    pub(crate) stp: SelfTradePrevention,
    pub(crate) stage: Stage,
    pub(crate) client_order_id: ClientOrderId,
    /// 0: pending in `Opo` or `Opoco`, not known before activation.
    pub(crate) lots: Lots,
    /// What a BUY's need is counted by; fixed when it is placed or activated. 0 for SELL, and without a need.
    pub(crate) need_price: Price,
    /// Of the quote asset (BUY) or the base asset (SELL).
    pub(crate) locked: u128,
    /// Best price when it began to follow, or when it fired; 0: it does not follow. In between the triggers know it.
    pub(crate) extreme: Price,
    /// By which the triggers find it while it follows; rises from one that begins to the next.
    pub(crate) number: u64,
    pub(crate) accepted_at: u64,
    pub(crate) updated_at: u64,
    /// Older open order of the account in this market.
    pub(crate) prev: u32,
    /// Newer open order of the account in this market.
    pub(crate) next: u32,
    pub(crate) extra: Extra,
}

impl Waiting {
    /// Whether MAX_NUM_ALGO_ORDERS counts it.
    pub(crate) const fn is_algo(&self) -> bool {
        self.kind.is_contingent() && !matches!(self.stage, Stage::Working)
    }

    /// Whether its trigger fires at or above its price.
    pub(crate) const fn triggers_above(&self) -> bool {
        self.kind.triggers_above(self.side)
    }
}
