//! What a seed is about: how many of what, how far apart, how often, and the rules of its markets.

use crate::random::Random;

/// How much time passes between two commands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    Burst,
    Steady,
    Slow,
    Jumps,
}

/// Who the commands say they come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sessions {
    None,
    Few(u64),
    Many(u64),
    /// In turn: about as many as are remembered.
    Cycle(u64),
}

/// The mix of one seed.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // knobs that speak for themselves
pub struct Profile {
    pub accounts: u64,
    pub assets: u64,
    pub markets: u64,
    /// Prices of 10^18 and more, quantities of the same size.
    pub is_huge: bool,
    /// Books of very many levels.
    pub is_deep: bool,
    /// Widest distance of a price from the middle, in ticks.
    pub spread: u64,
    /// Largest order, in lots.
    pub lots: u64,
    /// Size of a credit, in orders of the largest size.
    pub wealth: u64,
    /// Most open orders of a market.
    pub book_max: u64,
    /// Orders that are sent without a look at whether they make sense.
    pub careless_percent: u64,
    /// Orders that are spoilt on purpose.
    pub spoilt_percent: u64,
    /// Client order ids in use; 0: none.
    pub client_ids: u64,
    /// Orders that ask for a self-trade prevention mode.
    pub stp_percent: u64,
    /// Numbers that were used before.
    pub stale_percent: u64,
    /// More than plain orders: the filters, features and rates that only some markets have.
    pub has_extras: bool,
    /// Markets of one base asset that are routed to one another.
    pub is_routed: bool,
    /// Very many orders with one trigger, so that more fire at once than one command may release.
    pub is_stampede: bool,
    /// Commissions are paid in the discount asset.
    pub is_discounted: bool,
    /// Trade groups that accounts are put into.
    pub groups: u64,
    /// Of orders that could: an iceberg, a trailing delta, a peg, routing.
    pub iceberg_percent: u64,
    pub trailing_percent: u64,
    pub peg_percent: u64,
    pub sor_percent: u64,
    pub(super) kinds: [u64; 10],
    pub(super) actions: [u64; 21],
    pub(super) pace: Pace,
    pub(super) sessions: Sessions,
}

impl Profile {
    pub(super) fn draw(random: &mut Random) -> Self {
        let sessions = match random.below(8) {
            0 => Sessions::None,
            1 => Sessions::Many(5000),
            2 => Sessions::Cycle(random.between(4080, 4100)),
            _ => Sessions::Few(random.between(1, 20)),
        };
        let pace = random.pick(&[Pace::Burst, Pace::Steady, Pace::Slow, Pace::Jumps, Pace::Jumps]);
        let mut actions = [700, 140, 10, 6, 10, 8, 30, 15, 6, 15, 20, 8, 150, 20, 70, 60, 4, 5, 5, 8, 4];
        for weight in actions.iter_mut().skip(1) {
            *weight = *weight * random.below(5) / 2;
        }
        let mut kinds = [40, 10, 10, 15, 15, 15, 8, 12, 8, 12];
        for weight in &mut kinds {
            *weight = *weight * random.below(4) / 2;
        }
        // Something has to rest, or nothing ever trades.
        kinds[0] = kinds[0].max(20);
        let drawn = Self::draw_sizes(random, kinds, actions, pace, sessions);
        match random.below(20) {
            0 => drawn.deepened(),
            1 => drawn.stampeded(),
            2..=4 => drawn.plain(),
            5..=7 if !drawn.is_huge => drawn.routed(),
            8 | 9 => drawn.discounted(),
            _ => drawn,
        }
    }

    /// Nothing but plain orders, in markets that have nothing else.
    fn plain(self) -> Self {
        let (mut kinds, mut actions) = (self.kinds, self.actions);
        kinds[6..].fill(0);
        actions[12..].fill(0);
        let plain = Self { has_extras: false, groups: 0, kinds, actions, ..self };
        Self { iceberg_percent: 0, trailing_percent: 0, peg_percent: 0, sor_percent: 0, ..plain }
    }

    /// Several markets of one base asset.
    fn routed(self) -> Self {
        let markets = self.markets.clamp(2, 4);
        let (accounts, mut actions) = (self.accounts.clamp(3, 6), self.actions);
        actions[6] = actions[6].max(60);
        Self {
            accounts,
            actions,
            is_routed: true,
            markets,
            assets: self.assets.max(markets + 1),
            sor_percent: 60,
            ..self
        }
    }

    /// Everybody pays in one asset, and every pair of assets has a market.
    fn discounted(self) -> Self {
        Self { is_discounted: true, assets: 3, markets: 4, ..self }
    }

    /// Hundreds of orders wait for the same price.
    fn stampeded(self) -> Self {
        // Few cancels, or they never get that many.
        let mut actions = [0; 21];
        (actions[0], actions[1], actions[10], actions[16]) = (700, 10, 10, 20);
        let kinds = [60, 2, 2, 10, 4, 4, 60, 30, 30, 30];
        let many = Self { is_stampede: true, is_huge: false, markets: 1, accounts: 20, kinds, actions, ..self };
        Self { spread: 10, book_max: 1200, wealth: 50_000, lots: 3, trailing_percent: 2, has_extras: false, ..many }
    }

    /// Thousands of orders at hundreds of prices.
    fn deepened(self) -> Self {
        let kinds = [60, 1, 1, 30, 3, 3, 1, 1, 1, 1];
        let mut actions = self.actions;
        // Few cancels, or the book never grows.
        (actions[1], actions[2]) = (40, 1);
        actions[12..].fill(1);
        actions[17] = 0;
        let deep = Self { is_deep: true, has_extras: false, accounts: 20, markets: 1, kinds, actions, ..self };
        Self { spread: 4000, book_max: 4000, wealth: 5000, lots: 3, iceberg_percent: 5, peg_percent: 0, ..deep }
    }

    fn draw_sizes(random: &mut Random, kinds: [u64; 10], actions: [u64; 21], pace: Pace, sessions: Sessions) -> Self {
        Self {
            has_extras: true,
            is_routed: false,
            is_stampede: false,
            is_discounted: false,
            groups: random.pick(&[0, 0, 1, 2]),
            iceberg_percent: random.pick(&[0, 10, 50]),
            trailing_percent: random.pick(&[0, 30, 70]),
            peg_percent: random.pick(&[0, 5, 20]),
            sor_percent: 2,
            is_deep: false,
            accounts: random.pick(&[2, 3, 4, 8, 20]),
            assets: random.between(2, 5),
            markets: random.between(1, 4),
            is_huge: random.one_in(6),
            spread: random.pick(&[1, 2, 5, 20, 100]),
            lots: random.pick(&[1, 3, 10, 40]),
            wealth: random.pick(&[3, 20, 200, 5000]),
            book_max: random.pick(&[5, 20, 60, 200]),
            careless_percent: random.pick(&[0, 3, 10, 20]),
            spoilt_percent: random.pick(&[0, 2, 5, 10]),
            client_ids: random.pick(&[0, 4, 50, 5000]),
            stp_percent: random.pick(&[0, 30, 90]),
            stale_percent: random.pick(&[0, 1, 5]),
            kinds,
            actions,
            pace,
            sessions,
        }
    }

    /// How many commands it takes to see what is special about this seed.
    pub const fn length(&self) -> u64 {
        match self.sessions {
            Sessions::Many(_) | Sessions::Cycle(_) if !self.is_deep => 20_000,
            _ if self.is_deep => 12_000,
            _ => 5_000,
        }
    }

    pub(super) fn decimals(&self, random: &mut Random) -> u8 {
        if self.is_huge { 18 } else { random.pick(&[0, 0, 1, 2, 3, 6, 8, 8, 18]) }
    }

    /// Middle of a new market's book, in ticks.
    pub(super) fn mid(&self, random: &mut Random) -> u64 {
        if self.is_huge {
            random.pick(&[1, 3, 4_000_000_000_000_000, 9_000_000_000_000_000])
        } else {
            let least = if self.is_deep || self.is_stampede { 6_000 } else { 1 };
            random.pick(&[1, 4, 30, 200, 20_000]).max(least)
        }
    }
}
