//! The full fold of all invariants: slow, complete, and the judge of every restored snapshot.

use crate::admin::CREDITED_MAX;
use crate::book::Maker;
use crate::broken::Broken;
use crate::core::Core;
use crate::ledger::{OpenList, Wallet};
use crate::market::{Market, NUMBER_MAX, rates_are_valid, rules_are_valid};
use crate::types::{AccountId, AssetId, OrderId, OrderKind, Side};

/// What the open orders lock: one sum beside each balance, the wallets' one after the other.
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
        let mut locks = Locks::new(&self.ledger.wallets);
        for market in &self.markets {
            self.check_market(market, &mut locks)?;
        }
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
        }
        let sizes = (self.names.len(), self.asset_codes.len(), self.symbols.len());
        ensure(sizes == (self.accounts.len(), self.assets.len(), self.markets.len()), Broken::NameIndex)?;
        ensure(self.ledger.wallets.len() == self.accounts.len(), Broken::IdUnknown)?;
        ensure(self.ledger.totals.len() == self.assets.len(), Broken::IdUnknown)
    }

    fn check_market(&self, market: &Market, locks: &mut Locks) -> Result<(), Broken> {
        ensure(rules_are_valid(&market.rules, market.one), Broken::RulesInvalid)?;
        ensure(rates_are_valid(&market.rules.fees), Broken::RulesInvalid)?;
        ensure(market.last_price.is_some() == (market.next_trade > 0), Broken::CounterExhausted)?;
        let book = &market.orders.book;
        book.check()?;
        if let (Some(bid), Some(ask)) = (book.best_ticks(Side::Buy), book.best_ticks(Side::Sell)) {
            ensure(bid < ask, Broken::BookCrossed)?;
        }
        let mut with_client_id = 0_usize;
        for side in [Side::Buy, Side::Sell] {
            let mut last: Option<Maker> = None;
            for maker in book.makers(side) {
                let is_later = last.is_none_or(|l| l.ticks != maker.ticks || l.id < maker.id);
                ensure(is_later, Broken::PriorityLost)?;
                self.check_order_of(market, &maker, locks, &mut with_client_id)?;
                last = Some(maker);
            }
        }
        ensure(market.orders.index_sizes() == (book.len(), with_client_id), Broken::OrderIndex)
    }

    fn check_order_of(
        &self,
        market: &Market,
        maker: &Maker,
        locks: &mut Locks,
        with_client_id: &mut usize,
    ) -> Result<(), Broken> {
        let orders = &market.orders;
        let resting = orders.get(maker.handle).ok_or(Broken::OrderIndex)?;
        ensure(maker.id > 0 && maker.id < self.next_order, Broken::OrderIndex)?;
        ensure(orders.find(OrderId(maker.id)) == Some(maker.handle), Broken::OrderIndex)?;
        let owner = AccountId(maker.owner);
        if !resting.client_order_id.is_empty() {
            let found = orders.find_client(owner, &resting.client_order_id);
            ensure(found == Some(maker.handle), Broken::OrderIndex)?;
            *with_client_id = with_client_id.saturating_add(1);
        }
        let spent = resting.lots.checked_sub(maker.lots).and_then(|rest| rest.checked_sub(resting.prevented));
        let filled = spent.ok_or(Broken::OrderQuantity)?;
        // A price of at least one tick: something filled has cost something.
        ensure((filled == 0) == (resting.filled_quote == 0), Broken::OrderQuantity)?;
        ensure(maker.ticks > 0 && maker.lots > 0, Broken::OrderQuantity)?;
        let bound = |value: u64, step: u64| value.checked_mul(step).is_some_and(|n| n <= NUMBER_MAX);
        ensure(bound(maker.ticks, market.rules.tick_size.0), Broken::OrderQuantity)?;
        ensure(bound(resting.lots, market.rules.lot_size.0), Broken::OrderQuantity)?;
        ensure(resting.kind != OrderKind::Market, Broken::OrderQuantity)?;
        ensure(resting.accepted_at <= resting.updated_at, Broken::TimeFell)?;
        ensure(resting.updated_at <= self.time.0, Broken::TimeFell)?;
        let (asset, amount) = match maker.side {
            Side::Buy => (market.quote, market.quote_amount(maker.ticks, maker.lots)),
            Side::Sell => (market.base, u128::from(market.qty(maker.lots).0)),
        };
        locks.add(&self.ledger.wallets, maker.owner, asset, amount).ok_or(Broken::LocksNotOrders)
    }

    /// Every open order is in exactly one list, its owner's, oldest first.
    fn check_open_lists(&self) -> Result<(), Broken> {
        let mut listed = 0_usize;
        for (account, wallet) in self.ledger.wallets.iter().enumerate() {
            for list in wallet.open_lists() {
                let market = self.markets.get(list.market as usize).ok_or(Broken::OpenList)?;
                listed = listed.saturating_add(check_list(market, list, account)?);
            }
        }
        let open = self.markets.iter().fold(0_usize, |sum, m| sum.saturating_add(m.orders.book.len()));
        ensure(listed == open, Broken::OpenList)
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

fn check_list(market: &Market, list: &OpenList, account: usize) -> Result<usize, Broken> {
    let mut next = list.first();
    let mut count = 0_u32;
    let mut last = None;
    while let Some(handle) = next {
        let maker = market.orders.book.get(handle).ok_or(Broken::OpenList)?;
        ensure(maker.owner as usize == account && last < Some(maker.id), Broken::OpenList)?;
        ensure(count < list.count, Broken::OpenList)?;
        last = Some(maker.id);
        count = count.saturating_add(1);
        next = market.orders.next_of_account(handle);
        ensure(next.is_some() || list.tail == handle.index(), Broken::OpenList)?;
    }
    ensure(count == list.count, Broken::OpenList)?;
    Ok(count as usize)
}

fn check_wallet(wallet: &Wallet, assets: usize) -> Result<(), Broken> {
    let mut last: Option<AssetId> = None;
    for (asset, _) in wallet.balances() {
        ensure(last < Some(*asset) && (asset.0 as usize) < assets, Broken::IdUnknown)?;
        last = Some(*asset);
    }
    Ok(())
}
