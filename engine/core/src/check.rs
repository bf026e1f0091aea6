//! The full fold of all invariants: slow, complete, and the judge of every restored snapshot.

mod lists;
mod orders;

use crate::admin::CREDITED_MAX;
use crate::broken::Broken;
use crate::core::Core;
use crate::fees::rates_are_valid;
use crate::ledger::{Counts, OpenList, Wallet};
use crate::market::{Market, rules_are_valid};
use crate::types::{AssetId, MarketId};
use crate::view::SorView;

/// What the open orders and lists lock: one sum beside each balance, the wallets' one after the other.
struct Locks {
    /// Where each wallet's sums start.
    starts: Vec<usize>,
    sums: Vec<u128>,
}

impl Locks {
    fn new(wallets: &[Wallet]) -> Self {
        let mut len = 0_usize;
        let mut starts = Vec::with_capacity(wallets.len());
        for wallet in wallets {
            starts.push(len);
            len = len.saturating_add(wallet.balances().len());
        }
        Self { starts, sums: vec![0; len] }
    }

    fn add(&mut self, wallets: &[Wallet], owner: u32, asset: AssetId, amount: u128) -> Option<()> {
        if amount == 0 {
            return Some(());
        }
        let place = wallets.get(owner as usize)?.place_of(asset)?;
        let sum = self.sums.get_mut(self.starts.get(owner as usize)?.checked_add(place)?)?;
        *sum = sum.checked_add(amount)?;
        Some(())
    }
}

fn ensure(is_true: bool, broken: Broken) -> Result<(), Broken> {
    if is_true { Ok(()) } else { Err(broken) }
}

impl Core {
    /// Checks every invariant over the whole state. Reads everything.
    ///
    /// Errors: the first invariant found broken.
    pub fn check(&self) -> Result<(), Broken> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        self.check_names()?;
        self.check_exchange()?;
        let mut locks = Locks::new(&self.ledger.wallets);
        for market in &self.markets {
            self.check_market(market, &mut locks)?;
        }
        self.check_lists(&mut locks)?;
        self.check_releases()?;
        self.check_open_lists()?;
        self.check_locks(&locks)?;
        self.check_funds()
    }

    fn check_names(&self) -> Result<(), Broken> {
        for account in &self.accounts {
            ensure(self.find_name(&account.name) == Some(account.id), Broken::NameIndex)?;
        }
        for asset in &self.assets {
            ensure(self.asset_codes.get(&asset.code) == Some(&asset.id.0), Broken::NameIndex)?;
        }
        for market in &self.markets {
            ensure(self.symbols.get(&market.symbol) == Some(&market.id.0), Broken::NameIndex)?;
            let is_between = self.exchange.markets_between(market.base, market.quote).contains(&market.id);
            ensure(is_between, Broken::NameIndex)?;
        }
        let sizes = (self.names.len(), self.asset_codes.len(), self.symbols.len());
        ensure(sizes == (self.accounts.len(), self.assets.len(), self.markets.len()), Broken::NameIndex)?;
        ensure(self.ledger.wallets.len() == self.accounts.len(), Broken::IdUnknown)?;
        ensure(self.ledger.totals.len() == self.assets.len(), Broken::IdUnknown)
    }

    fn check_exchange(&self) -> Result<(), Broken> {
        ensure(self.judge_exchange(&self.exchange.rules).is_ok(), Broken::RulesInvalid)?;
        let mut in_groups: Vec<MarketId> = Vec::new();
        for (base, sor) in &self.exchange.sors {
            let view = SorView { base: *base, markets: &sor.markets, account: sor.account };
            ensure(!sor.markets.is_empty() && self.judge_sor(&view).is_ok(), Broken::RulesInvalid)?;
            in_groups.extend(&sor.markets);
        }
        in_groups.sort_unstable();
        let marked = self.markets.iter().filter(|market| market.is_in_sor).map(|market| market.id);
        ensure(in_groups.into_iter().eq(marked), Broken::RulesInvalid)?;
        for wallet in &self.ledger.wallets {
            let is_known = |(asset, _): &(AssetId, _)| self.known_asset(*asset).is_ok();
            ensure(wallet.limits().iter().all(is_known), Broken::IdUnknown)?;
        }
        Ok(())
    }

    fn check_market(&self, market: &Market, locks: &mut Locks) -> Result<(), Broken> {
        let rules = &market.rules;
        ensure(rules_are_valid(rules, market.one), Broken::RulesInvalid)?;
        ensure(rates_are_valid(&[rules.fees, rules.special_fees, rules.tax_fees]), Broken::RulesInvalid)?;
        ensure(market.last_price.is_some() == (market.next_trade > 0), Broken::CounterExhausted)?;
        let reference = &market.reference;
        let is_one_kind =
            if rules.reference.is_some() { reference.given.is_none() } else { reference.buckets().len() == 0 };
        ensure(is_one_kind, Broken::RulesInvalid)?;
        ensure(reference.changed_at <= self.time, Broken::TimeFell)?;
        self.check_orders(market, locks)
    }

    /// Every open order is in exactly one list, its owner's, oldest first; and the lists count what is in them.
    fn check_open_lists(&self) -> Result<(), Broken> {
        let (mut listed, mut lists) = (0_usize, 0_usize);
        for (account, wallet) in self.ledger.wallets.iter().enumerate() {
            for list in wallet.open_lists() {
                let market = self.markets.get(list.market as usize).ok_or(Broken::OpenList)?;
                let counts = count_list(market, list, account)?;
                ensure(counts == Counts { lists: 0, ..list.counts() }, Broken::OpenList)?;
                listed = listed.saturating_add(counts.orders as usize);
                lists = lists.saturating_add(list.lists as usize);
            }
        }
        let open = self.markets.iter().fold(0_usize, |sum, m| sum.saturating_add(m.orders.len()));
        ensure(listed == open && lists == self.lists.by_id.len(), Broken::OpenList)
    }

    fn check_locks(&self, locks: &Locks) -> Result<(), Broken> {
        let mut sums = locks.sums.iter();
        for wallet in &self.ledger.wallets {
            check_wallet(wallet, self.assets.len())?;
            for (_, balance) in wallet.balances() {
                ensure(sums.next() == Some(&balance.locked.0), Broken::LocksNotOrders)?;
            }
        }
        Ok(())
    }

    fn check_funds(&self) -> Result<(), Broken> {
        for sum in self.ledger.funds()? {
            let held = sum.free.0.checked_add(sum.locked.0).ok_or(Broken::BalanceOverflow)?;
            ensure(sum.credited.0 <= CREDITED_MAX, Broken::BalanceOverflow)?;
            ensure(sum.credited.0.checked_sub(sum.debited.0) == Some(held), Broken::FundsNotConserved)?;
        }
        Ok(())
    }
}

/// Walks an account's open orders in a market.
fn count_list(market: &Market, list: &OpenList, account: usize) -> Result<Counts, Broken> {
    let mut next = list.first();
    let mut counts = Counts::default();
    let mut last = None;
    while let Some(place) = next {
        let (id, owner, _) = market.orders.names(place).ok_or(Broken::OpenList)?;
        ensure(owner.0 as usize == account && last < Some(id), Broken::OpenList)?;
        ensure(counts.orders < list.count, Broken::OpenList)?;
        last = Some(id);
        let (is_algo, is_iceberg) = market.orders.counts_as(place).ok_or(Broken::OpenList)?;
        counts.orders = counts.orders.saturating_add(1);
        counts.algos = counts.algos.saturating_add(u32::from(is_algo));
        counts.icebergs = counts.icebergs.saturating_add(u32::from(is_iceberg));
        next = market.orders.next_of_account(place);
        ensure(next.is_some() || list.tail == place.index(), Broken::OpenList)?;
    }
    Ok(counts)
}

fn check_wallet(wallet: &Wallet, assets: usize) -> Result<(), Broken> {
    let mut last: Option<AssetId> = None;
    for (asset, _) in wallet.balances() {
        ensure(last < Some(*asset) && (asset.0 as usize) < assets, Broken::IdUnknown)?;
        last = Some(*asset);
    }
    Ok(())
}
