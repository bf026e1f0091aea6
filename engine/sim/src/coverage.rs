//! What a run has seen: events, rejects, kinds of orders and how they ended, self-trade prevention by mode and outcome.

use std::collections::BTreeMap;
use std::fmt;

use tandem_core::command::Command;
use tandem_core::event::{Event, Half, OrderAccepted};
use tandem_core::reject::RejectCode;
use tandem_core::types::{
    CloseReason, CloseStatus, ListKind, OrderKind, OrderState, SelfTradePrevention, Side, TimeInForce,
};

use crate::generate::{Input, Step};
use crate::model::Model;

const EVENTS: [&str; 27] = [
    "Rejected",
    "AssetCreated",
    "AssetUpdated",
    "MarketCreated",
    "MarketUpdated",
    "MarketStatusChanged",
    "AccountCreated",
    "AccountUpdated",
    "Credited",
    "Debited",
    "OrderAccepted",
    "Traded",
    "SelfTradePrevented",
    "OrderClosed",
    "OrderRested",
    "ExchangeUpdated",
    "AssetLimitSet",
    "ReferencePriceSet",
    "SorSet",
    "ListAccepted",
    "ListClosed",
    "OrderReleased",
    "TrailingStarted",
    "OrderAmended",
    "CancelReplaced",
    "Allocated",
    "ReleasesLeft",
];
/// A book that is certain to leave whatever holds a few hundred levels.
const LEVELS_LEAST: usize = 600;
const KINDS: [&str; 6] = ["limit gtc", "limit ioc", "limit fok", "limit maker", "market qty", "market quote"];
const WAITS: &str = "contingent";

/// Counters by what was seen.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<(&'static str, String), u64>,
    events: BTreeMap<&'static str, u64>,
    rejects: BTreeMap<RejectCode, u64>,
    /// All commands.
    pub commands: u64,
    /// Orders sent.
    pub orders: u64,
    /// Of them accepted.
    pub accepted: u64,
    /// Most price levels that one side of a book has had.
    pub levels: usize,
}

impl Coverage {
    /// Counts a step and what came of it.
    pub fn observe(&mut self, step: &Step, events: &[Event]) {
        self.commands += 1;
        for event in events {
            *self.events.entry(name(event)).or_default() += 1;
            self.observe_event(event);
            if let Event::Rejected { code } = event {
                *self.rejects.entry(*code).or_default() += 1;
            }
        }
        if let Input::Command(_, Command::PlaceOrder(_)) = step.input {
            self.orders += 1;
            if let Some(Event::OrderAccepted(order)) = events.first() {
                self.accepted += 1;
                let own = events.iter().take_while(|event| !matches!(event, Event::OrderReleased(_)));
                self.observe_order(order, &own.cloned().collect::<Vec<_>>());
            }
        }
    }

    fn observe_order(&mut self, order: &OrderAccepted, events: &[Event]) {
        let kind = kind(order);
        let (mut left, mut fills) = (order.qty.0, 0);
        let mut end = None;
        for event in events {
            match event {
                Event::Traded(trade) => {
                    (left, fills) = (trade.taker_left.0, fills + 1);
                    if trade.maker_account == trade.taker_account && !trade.is_routed {
                        self.count("stp", format!("None, {kind}: traded"));
                    }
                }
                Event::SelfTradePrevented(prevented) => {
                    left = prevented.taker_left.0;
                    let loser = match (prevented.taker_left.0, prevented.maker_left.0) {
                        (0, 0) => "both end",
                        (0, _) => "taker ends",
                        (_, 0) => "maker ends",
                        _ => "nobody ends",
                    };
                    self.count("stp", format!("{:?}, {kind}: {loser}", prevented.mode));
                }
                Event::OrderClosed(closed) if closed.order_id == order.order_id => end = Some(closed.reason),
                _ => {}
            }
        }
        let filled = match fills {
            0 => "no fill",
            1 => "one fill",
            _ => "fills",
        };
        let end = match end {
            Some(reason) => format!("{reason:?}"),
            None if left == 0 => "filled".into(),
            None => {
                *self.events.entry("OrderRested").or_default() += 1;
                "rests".into()
            }
        };
        self.count("order", format!("{kind}: {filled}, {end}"));
    }

    /// What of events other than those of a plain order has to be told apart.
    fn observe_event(&mut self, event: &Event) {
        match event {
            Event::OrderClosed(closed) => self.count("closed", format!("{:?} {:?}", closed.status, closed.reason)),
            // The sides receive different assets, so one of them pays in the discount asset.
            Event::Traded(trade) if trade.taker_fee_asset == trade.maker_fee_asset && !trade.is_routed => {
                self.count("fee", "both in one asset".into());
            }
            Event::OrderReleased(released) => {
                self.count("released", format!("{:?} {:?}", released.cause, released.state));
            }
            Event::ListAccepted(list) => self.count("list", format!("{:?}", list.kind)),
            Event::CancelReplaced { cancel, order } => {
                self.count("replace", format!("{} {}", half(cancel), half(order)));
            }
            Event::SelfTradePrevented(prevented) => {
                let (moves, routed) = (prevented.transferred.0 > 0, prevented.maker_market != prevented.market);
                self.count("prevented", format!("{:?} transferred {moves} routed {routed}", prevented.mode));
            }
            Event::OrderAccepted(order) => {
                if let Some(extra) = &order.extra {
                    self.count("state", format!("{:?} {:?}", order.kind, extra.state));
                    let list = if extra.list.is_some() { "in a list" } else { "alone" };
                    for (has, term) in [
                        (extra.terms.iceberg_qty.0 > 0, "iceberg"),
                        (extra.terms.trailing_delta > 0, "trailing"),
                        (extra.terms.peg.is_some(), "peg"),
                    ] {
                        if has {
                            self.count("terms", format!("{term} {:?} {list}", extra.state));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, group: &'static str, what: String) {
        *self.counts.entry((group, what)).or_default() += 1;
    }

    /// Notes how deep the books are.
    pub fn observe_books(&mut self, model: &Model) {
        if model.releases_left() > 0 {
            *self.events.entry("ReleasesLeft").or_default() += 1;
        }
        for market in model.market_ids() {
            let sides = Side::ALL.iter().map(|side| model.depth(market, *side).len());
            self.levels = sides.max().unwrap_or(0).max(self.levels);
        }
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.orders += other.orders;
        self.accepted += other.accepted;
        self.levels = self.levels.max(other.levels);
        for (key, count) in &other.counts {
            *self.counts.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &other.events {
            *self.events.entry(key).or_default() += count;
        }
        for (key, count) in &other.rejects {
            *self.rejects.entry(*key).or_default() += count;
        }
    }

    /// Accepted orders in percent.
    pub const fn accepted_percent(&self) -> u64 {
        match (self.accepted * 100).checked_div(self.orders) {
            Some(percent) => percent,
            None => 100,
        }
    }

    /// What has to be seen and was not.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        missing.extend(
            EVENTS.iter().filter(|event| !self.events.contains_key(*event)).map(|event| format!("event {event}")),
        );
        let rejects = RejectCode::ALL.iter().filter(|code| !self.rejects.contains_key(code));
        missing.extend(rejects.map(|code| format!("reject {}", code.name())));
        if self.levels < LEVELS_LEAST {
            missing.push(format!("a book of {LEVELS_LEAST} levels, only {}", self.levels));
        }
        for (group, what) in required() {
            if !self.counts.contains_key(&(group, what.clone())) {
                missing.push(format!("{group} {what}"));
            }
        }
        missing
    }
}

/// Every outcome that the rules allow.
fn required() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for kind in KINDS.into_iter().filter(|kind| *kind != "limit maker") {
        all.push(("stp", format!("{:?}, {kind}: traded", SelfTradePrevention::None)));
        all.push(("stp", format!("{:?}, {kind}: maker ends", SelfTradePrevention::ExpireMaker)));
        // The walk of a FOK ends before what any other mode would prevent.
        if kind != "limit fok" {
            all.push(("stp", format!("{:?}, {kind}: taker ends", SelfTradePrevention::ExpireTaker)));
            all.push(("stp", format!("{:?}, {kind}: both end", SelfTradePrevention::ExpireBoth)));
            for end in ["taker ends", "maker ends", "both end"] {
                all.push(("stp", format!("{:?}, {kind}: {end}", SelfTradePrevention::Decrement)));
            }
        }
        for fills in ["one fill", "fills"] {
            all.push(("order", format!("{kind}: {fills}, filled")));
        }
    }
    for fills in ["no fill", "one fill", "fills"] {
        all.push(("order", format!("limit gtc: {fills}, rests")));
        all.push(("order", format!("limit ioc: {fills}, {:?}", CloseReason::UnfilledIoc)));
        all.push(("order", format!("market qty: {fills}, {:?}", CloseReason::InsufficientLiquidity)));
    }
    all.push(("order", "limit maker: no fill, rests".into()));
    all.push(("order", format!("limit fok: no fill, {:?}", CloseReason::UnfilledFok)));
    all.extend(required_of_lists_and_terms());
    all
}

fn required_of_lists_and_terms() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    all.extend(ListKind::ALL.iter().map(|kind| ("list", format!("{kind:?}"))));
    for reason in CloseReason::ALL {
        let status = match reason {
            CloseReason::User => CloseStatus::Canceled,
            CloseReason::SelfTrade => CloseStatus::ExpiredInMatch,
            _ => CloseStatus::Expired,
        };
        all.push(("closed", format!("{status:?} {reason:?}")));
    }
    for way in ["Triggered Working", "Activated Working", "Activated Waiting"] {
        all.push(("released", way.into()));
    }
    for halves in ["Done Done", "Done Failed", "Failed Done", "Failed Failed", "Failed NotAttempted"] {
        all.push(("replace", halves.into()));
    }
    all.push(("fee", "both in one asset".into()));
    all.push(("prevented", format!("{:?} transferred true routed false", SelfTradePrevention::Transfer)));
    for mode in SelfTradePrevention::ALL.iter().filter(|mode| **mode != SelfTradePrevention::None) {
        all.push(("prevented", format!("{mode:?} transferred false routed true")));
    }
    for kind in OrderKind::ALL {
        all.push(("state", format!("{kind:?} {:?}", OrderState::Pending)));
        if kind.is_contingent() {
            all.push(("state", format!("{kind:?} {:?}", OrderState::Waiting)));
        }
    }
    for list in ["in a list", "alone"] {
        for (term, state) in [
            ("iceberg", OrderState::Working),
            ("iceberg", OrderState::Waiting),
            ("peg", OrderState::Working),
            ("peg", OrderState::Waiting),
            ("trailing", OrderState::Waiting),
        ] {
            all.push(("terms", format!("{term} {state:?} {list}")));
        }
    }
    all
}

const fn half(half: &Half) -> &'static str {
    match half {
        Half::Done => "Done",
        Half::Failed(_) => "Failed",
        Half::NotAttempted => "NotAttempted",
    }
}

const fn kind(order: &OrderAccepted) -> &'static str {
    match (order.kind, order.tif) {
        (OrderKind::Limit, TimeInForce::Gtc) => KINDS[0],
        (OrderKind::Limit, TimeInForce::Ioc) => KINDS[1],
        (OrderKind::Limit, TimeInForce::Fok) => KINDS[2],
        (OrderKind::LimitMaker, _) => KINDS[3],
        (OrderKind::Market, _) if order.quote_qty.0 == 0 => KINDS[4],
        (OrderKind::Market, _) => KINDS[5],
        _ => WAITS,
    }
}

const fn name(event: &Event) -> &'static str {
    match event {
        Event::Rejected { .. } => "Rejected",
        Event::AssetCreated { .. } => "AssetCreated",
        Event::AssetUpdated { .. } => "AssetUpdated",
        Event::MarketCreated { .. } => "MarketCreated",
        Event::MarketUpdated { .. } => "MarketUpdated",
        Event::MarketStatusChanged { .. } => "MarketStatusChanged",
        Event::AccountCreated { .. } => "AccountCreated",
        Event::AccountUpdated { .. } => "AccountUpdated",
        Event::Credited { .. } => "Credited",
        Event::Debited { .. } => "Debited",
        Event::OrderAccepted(_) => "OrderAccepted",
        Event::Traded(_) => "Traded",
        Event::SelfTradePrevented(_) => "SelfTradePrevented",
        Event::OrderClosed(_) => "OrderClosed",
        Event::ExchangeUpdated { .. } => "ExchangeUpdated",
        Event::AssetLimitSet { .. } => "AssetLimitSet",
        Event::ReferencePriceSet { .. } => "ReferencePriceSet",
        Event::SorSet { .. } => "SorSet",
        Event::ListAccepted(_) => "ListAccepted",
        Event::ListClosed { .. } => "ListClosed",
        Event::OrderReleased(_) => "OrderReleased",
        Event::TrailingStarted { .. } => "TrailingStarted",
        Event::OrderAmended(_) => "OrderAmended",
        Event::CancelReplaced { .. } => "CancelReplaced",
        Event::Allocated(_) => "Allocated",
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} commands, {} orders, {} % accepted", self.commands, self.orders, self.accepted_percent())?;
        writeln!(f, "{:>10}  levels of one side at most", self.levels)?;
        for (event, count) in &self.events {
            writeln!(f, "{count:>10}  event {event}")?;
        }
        for (code, count) in &self.rejects {
            writeln!(f, "{count:>10}  reject {}", code.name())?;
        }
        for ((group, what), count) in &self.counts {
            writeln!(f, "{count:>10}  {group} {what}")?;
        }
        Ok(())
    }
}
