//! A scenario's world: a core, the names used in the story, and a second core that gets everything as bytes.

pub mod orders;
pub mod parse;
pub mod show;

use std::collections::BTreeMap;

use parse::{Words, number};
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_core::types::*;
use tandem_core::{Core, codec};

/// Microseconds at which every story starts: a whole minute.
const START_US: u64 = 1_700_000_040_000_000;

/// Stands for whatever name the story has not introduced.
pub const NOBODY: u32 = 4_000_000_000;

pub struct World {
    pub core: Core,
    /// Fed with payloads, to compare digests at the end.
    twin: Core,
    time: TimeUs,
    /// Reject codes that were produced.
    pub rejects: BTreeMap<&'static str, usize>,
}

impl World {
    pub fn new() -> Self {
        Self { core: Core::new(), twin: Core::new(), time: TimeUs(START_US), rejects: BTreeMap::new() }
    }

    /// Runs one line of a story that is not indented; returns what is to be said about it.
    pub fn run(&mut self, line: &str) -> Result<Vec<String>, String> {
        let mut words = Words::new(line);
        match words.peek() {
            "standard" => {
                words.next()?;
                self.standard(&mut words)?;
                Ok(Vec::new())
            }
            "time" => {
                words.next()?;
                let word = words.next()?;
                let seconds = word.strip_prefix('+').and_then(|s| s.strip_suffix('s'));
                let seconds: u64 = seconds.and_then(|s| s.parse().ok()).ok_or("time +<seconds>s")?;
                self.time.0 += seconds * 1_000_000;
                Ok(Vec::new())
            }
            "payload" => {
                words.next()?;
                let bytes: Result<Vec<u8>, _> = words.rest().iter().map(|byte| u8::from_str_radix(byte, 16)).collect();
                self.apply_payload(&bytes.map_err(|e| e.to_string())?)
            }
            "balance" | "book" | "order" | "average" | "held" | "open" | "reference-price" | "lists" => {
                self.ask(&mut words)
            }
            "check" => {
                words.next()?;
                self.check_order(&mut words)
            }
            _ => {
                let (origin, command) = parse::command(&self.core, &mut words)?;
                self.apply(origin, &command)
            }
        }
    }

    fn standard(&mut self, words: &mut Words) -> Result<(), String> {
        let rules = words.rest().join(" ");
        let mut lines = vec![
            "asset BTC Bitcoin 8".to_owned(),
            "asset USDT Tether 8".to_owned(),
            format!("market BTCUSDT BTC USDT {rules}"),
        ];
        for name in ["alice", "bob", "carol"] {
            lines.push(format!("account {name}"));
            lines.push(format!("credit {name} BTC 100"));
            lines.push(format!("credit {name} USDT 1000000"));
        }
        for line in lines {
            let said = self.run(&line)?;
            if said.iter().any(|event| event.starts_with("rejected")) {
                return Err(format!("{line}: {said:?}"));
            }
        }
        Ok(())
    }

    fn apply(&mut self, origin: Origin, command: &Command) -> Result<Vec<String>, String> {
        let mut payload = Vec::new();
        codec::encode(origin, command, &mut payload);
        let decoded = codec::decode(&payload).map_err(|e| e.to_string())?;
        if decoded != (origin, command.clone()) {
            return Err("the command does not survive its encoding".to_owned());
        }
        self.apply_payload(&payload)
    }

    fn apply_payload(&mut self, payload: &[u8]) -> Result<Vec<String>, String> {
        let seq = Seq(self.core.seq().0 + 1);
        let mut events = Vec::new();
        let before = self.snapshot_without_clock();
        self.core.apply(seq, self.time, payload, &mut events).map_err(|b| b.to_string())?;
        self.core.check().map_err(|b| b.to_string())?;
        if let [Event::Rejected { code }] = events[..] {
            *self.rejects.entry(code.name()).or_default() += 1;
            if self.snapshot_without_clock() != before {
                return Err("a reject changed the state".to_owned());
            }
        }
        let mut twin_events = Vec::new();
        self.twin.apply(seq, self.time, payload, &mut twin_events).map_err(|b| b.to_string())?;
        if twin_events != events || self.twin.digest() != self.core.digest() {
            return Err("the twin says something else".to_owned());
        }
        Ok(events.iter().map(|event| show::event(&self.core, event)).collect())
    }

    /// Everything that a reject may not change: all but seq, time, digest, sessions and checksum.
    fn snapshot_without_clock(&self) -> String {
        let orders: Vec<_> = self.core.open_orders().collect();
        let balances: Vec<_> =
            self.core.accounts().iter().map(|a| self.core.balances(a.id).collect::<Vec<_>>()).collect();
        let markets: Vec<_> = self.core.markets().collect();
        let lists: Vec<_> = self.core.open_lists().collect();
        let sors: Vec<_> = self.core.sors().collect();
        let limits: Vec<_> = self.core.accounts().iter().map(|a| self.core.asset_limits(a.id)).collect();
        let reference: Vec<_> = self.core.markets().map(|m| self.core.reference_price(m.id)).collect();
        format!(
            "{:?}{:?}{:?}{:?}{}{orders:?}{balances:?}{markets:?}{lists:?}{sors:?}{limits:?}{reference:?}",
            self.core.assets(),
            self.core.accounts(),
            self.core.funds(),
            self.core.exchange_rules(),
            self.core.releases(),
        )
    }

    fn check_order(&self, words: &mut Words) -> Result<Vec<String>, String> {
        let (_, command) = parse::command(&self.core, words)?;
        let Command::PlaceOrder(order) = command else { return Err("check place ...".to_owned()) };
        Ok(vec![match self.core.check_order(&order) {
            Ok(()) => "would be accepted".to_owned(),
            Err(code) => format!("would be rejected {}", code.name()),
        }])
    }

    fn ask(&self, words: &mut Words) -> Result<Vec<String>, String> {
        let what = words.next()?;
        let name = words.next()?;
        let market = || self.core.market_by_symbol(&name).ok_or(format!("no market {name}"));
        let line = match what.as_str() {
            "balance" => {
                let account = parse::account(&self.core, &name);
                let asset = self.core.asset_by_code(&words.next()?).ok_or("no such asset")?;
                let balance = self.core.balance(account, asset.id);
                format!(
                    "free {} locked {}",
                    show::decimal(balance.free.0, asset.decimals),
                    show::decimal(balance.locked.0, asset.decimals)
                )
            }
            "held" => {
                let asset = self.core.asset_by_code(&name).ok_or("no such asset")?;
                let sums = self.core.funds()[asset.id.0 as usize];
                let shown = |amount: Amount| show::decimal(amount.0, asset.decimals);
                format!(
                    "credited {} debited {} free {} locked {}",
                    shown(sums.credited),
                    shown(sums.debited),
                    shown(sums.free),
                    shown(sums.locked)
                )
            }
            "book" => return Ok(show::book(&self.core, &market()?)),
            "average" => match self.core.average_price_at(market()?.id, self.time) {
                Some(price) => show::price(&self.core, &market()?, price),
                None => "none".to_owned(),
            },
            "reference-price" => show::reference(&self.core, &market()?, self.time),
            "lists" => {
                let account = parse::account(&self.core, &name);
                let lists = self.core.open_lists().filter(|list| list.account == account);
                let lines: Vec<String> = lists.map(|list| show::open_list(&list)).collect();
                return Ok(if lines.is_empty() { vec!["none".to_owned()] } else { lines });
            }
            "open" => {
                let account = parse::account(&self.core, &name);
                let symbol = words.next()?;
                let market = self.core.market_by_symbol(&symbol).ok_or("no such market")?;
                let ids: Vec<String> =
                    self.core.open_orders_of(account, market.id).map(|o| format!("#{}", o.accepted.order_id)).collect();
                if ids.is_empty() { "none".to_owned() } else { ids.join(" ") }
            }
            _ => {
                let id: u64 = name.trim_start_matches('#').parse().map_err(|_| "order #<id>")?;
                match self.core.open_orders().find(|order| order.accepted.order_id == OrderId(id)) {
                    Some(order) => show::open_order(&self.core, &order),
                    None => "none".to_owned(),
                }
            }
        };
        Ok(vec![line])
    }

    /// The end of every story: the state survives a snapshot, and both cores agree to the byte.
    pub fn end(&self) -> Result<(), String> {
        let (mut one, mut two, mut three) = (Vec::new(), Vec::new(), Vec::new());
        self.core.snapshot(&mut one);
        self.twin.snapshot(&mut two);
        let restored = Core::restore(&one).map_err(|e| e.to_string())?;
        restored.snapshot(&mut three);
        if one == two && one == three { Ok(()) } else { Err("snapshots differ".to_owned()) }
    }
}

pub fn amount_of(core: &Core, asset: AssetId, text: &str) -> Result<u128, String> {
    let decimals = core.assets().get(asset.0 as usize).map_or(8, |asset| asset.decimals);
    number(text, decimals)
}
