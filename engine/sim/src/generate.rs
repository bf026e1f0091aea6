//! Seeded command streams. Each seed draws its own mix of everything (a swarm), looks at a model of what came so far
//! so that most orders make sense, and spoils some on purpose.

mod admin;
mod lists;
mod nonsense;
mod orders;
mod profile;
mod rules;
mod terms;

use std::collections::{BTreeMap, VecDeque};

use tandem_core::command::{Command, Origin};
use tandem_core::types::{MarketId, MarketStatus, TimeUs};

use crate::model::Model;
use crate::random::Random;
pub use profile::Profile;
use profile::{Pace, Sessions};

/// One entry of a log, ready to be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Never falls from step to step.
    pub time: TimeUs,
    /// What the payload says.
    pub input: Input,
}

/// What a payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // a stream is short, and mostly commands
pub enum Input {
    /// A command of the core's format.
    Command(Origin, Command),
    /// Bytes that are most likely none.
    Garbage(Vec<u8>),
}

/// Draws the next step of a stream; endless.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
    profile: Profile,
    time: u64,
    /// Middle of the book in ticks, by market.
    mids: Vec<u64>,
    setup: VecDeque<Command>,
    sent: VecDeque<(Origin, Command)>,
    numbers: BTreeMap<u64, u64>,
    names: u64,
    sent_count: u64,
}

/// What a step may be about; indexes the profile's weights.
#[derive(Clone, Copy, Debug)]
enum Action {
    Order,
    Cancel,
    CancelAll,
    Status,
    Rules,
    Account,
    Credit,
    Debit,
    Create,
    BadAdmin,
    Retry,
    Garbage,
    List,
    CancelList,
    Amend,
    Replace,
    Releases,
    Exchange,
    Limit,
    Reference,
    Sor,
}

const ACTIONS: [Action; 21] = [
    Action::Order,
    Action::Cancel,
    Action::CancelAll,
    Action::Status,
    Action::Rules,
    Action::Account,
    Action::Credit,
    Action::Debit,
    Action::Create,
    Action::BadAdmin,
    Action::Retry,
    Action::Garbage,
    Action::List,
    Action::CancelList,
    Action::Amend,
    Action::Replace,
    Action::Releases,
    Action::Exchange,
    Action::Limit,
    Action::Reference,
    Action::Sor,
];

impl Generator {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let profile = Profile::draw(&mut random);
        let time = random.pick(&[0, 1, 59_999_999, 3_540_000_000, 1_700_000_000_000_000]);
        let mut generator = Self {
            random,
            profile,
            time,
            mids: Vec::new(),
            setup: VecDeque::new(),
            sent: VecDeque::new(),
            numbers: BTreeMap::new(),
            names: 0,
            sent_count: 0,
        };
        generator.plan_setup();
        generator
    }

    /// The mix of this seed.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The next step, given what the steps so far have led to.
    pub fn next(&mut self, model: &Model) -> Step {
        self.pass_time();
        let input = match self.setup.pop_front() {
            Some(command) => self.send(command),
            None => self.draw(model),
        };
        Step { time: TimeUs(self.time), input }
    }

    fn pass_time(&mut self) {
        self.time += match self.profile.pace {
            Pace::Burst => self.random.below(50),
            Pace::Steady => self.random.below(200_000),
            Pace::Slow => self.random.below(20_000_000),
            Pace::Jumps if self.random.one_in(400) => self.random.below(3 * 3_600_000_000),
            Pace::Jumps => self.random.below(2_000_000),
        };
    }

    fn draw(&mut self, model: &Model) -> Input {
        let command = match ACTIONS[self.random.weighted(&self.profile.actions)] {
            Action::Order => self.order_or_relief(model),
            Action::Cancel => self.cancel(model),
            Action::CancelAll => self.cancel_all(model),
            Action::Status => self.status(model),
            Action::Rules => self.new_rules(model),
            Action::Account => self.update_account(model),
            Action::Credit => self.credit(model),
            Action::Debit => self.debit(model),
            Action::Create => self.create(model),
            Action::BadAdmin => self.bad_admin(model),
            Action::Retry => match self.retry() {
                Some(input) => return input,
                None => self.credit(model),
            },
            Action::Garbage => return self.garbage(),
            Action::List => self.place_list(model),
            Action::CancelList => self.cancel_list(model),
            Action::Amend => self.amend(model),
            Action::Replace => self.replace(model),
            Action::Releases => Command::RunReleases,
            Action::Exchange => self.exchange(model),
            Action::Limit => self.asset_limit(model),
            Action::Reference => self.reference_price(model),
            Action::Sor => self.sor(model),
        };
        self.send(command)
    }

    /// An order; or what makes the next orders possible: an open market, a smaller book.
    fn order_or_relief(&mut self, model: &Model) -> Command {
        let market = self.market(model);
        let Some(record) = model.markets.get(market.0 as usize) else {
            return self.order(model, market);
        };
        if record.status != MarketStatus::Trading && self.random.percent(40) {
            return Command::SetMarketStatus { market, status: MarketStatus::Trading };
        }
        if record.orders.len() as u64 > self.profile.book_max {
            return self.cancel_in(model, market);
        }
        self.order(model, market)
    }

    fn market(&mut self, model: &Model) -> MarketId {
        MarketId(self.random.below(model.markets.len() as u64) as u32)
    }

    fn send(&mut self, command: Command) -> Input {
        let origin = self.origin();
        self.sent.push_back((origin, command.clone()));
        if self.sent.len() > 16 {
            self.sent.pop_front();
        }
        self.sent_count += 1;
        Input::Command(origin, command)
    }

    fn origin(&mut self) -> Origin {
        if self.random.one_in(500) {
            // A session that is seen once, with a number at the edge.
            let number = self.random.pick(&[0, 1, u64::MAX - 1, u64::MAX]);
            return Origin { session: self.random.next() | 1, number };
        }
        let session = match self.profile.sessions {
            Sessions::None => return Origin { session: 0, number: self.random.below(3) },
            Sessions::Few(count) => 1 + self.random.below(count),
            Sessions::Many(count) => u64::MAX - self.random.below(count),
            Sessions::Cycle(count) => 1 + self.sent_count % count,
        };
        let stale = match self.profile.sessions {
            Sessions::Cycle(_) => 20,
            // Without its setup a stream says little.
            _ if !self.setup.is_empty() => 0,
            _ => self.profile.stale_percent,
        };
        let number = self.numbers.entry(session).or_default();
        if !self.random.percent(stale) || *number == 0 {
            *number += 1 + self.random.below(3);
        }
        Origin { session, number: *number }
    }

    fn retry(&mut self) -> Option<Input> {
        let index = self.random.below(self.sent.len() as u64) as usize;
        self.sent.get(index).map(|(origin, command)| Input::Command(*origin, command.clone()))
    }

    fn garbage(&mut self) -> Input {
        let length = self.random.below(80);
        let first = self.random.below(4) as u8;
        let tail = (0..length).map(|_| self.random.next() as u8);
        Input::Garbage(std::iter::once(first).chain(tail).collect())
    }

    fn fresh_name(&mut self) -> String {
        self.names += 1;
        format!("N{}", self.names)
    }
}
