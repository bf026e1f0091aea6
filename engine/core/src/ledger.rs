//! Balances: what each account has free and locked of each asset, and what came in and went out of the exchange.
//!
//! Every sum is checked. A balance that would fall below zero is a broken invariant here: whether somebody may spend
//! something is decided before, by the checks of the command.

use crate::broken::Broken;
use crate::orders::Place;
use crate::types::{AccountId, Amount, AssetId, MarketId};

/// What an account has of one asset, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Not bound by open orders.
    pub free: Amount,
    /// Exactly what the account's open orders need.
    pub locked: Amount,
}

/// One asset over all accounts, in minor units: `credited - debited = free + locked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetFunds {
    /// Which.
    pub asset: AssetId,
    /// Everything that ever came in.
    pub credited: Amount,
    /// Everything that ever went out.
    pub debited: Amount,
    /// Sum over all accounts.
    pub free: Amount,
    /// Sum over all accounts.
    pub locked: Amount,
}

/// An account's open orders in one market, oldest first, linked through the market's order table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenList {
    pub(crate) market: u32,
    pub(crate) count: u32,
    pub(crate) head: u32,
    pub(crate) tail: u32,
    /// Contingent ones that do not work yet.
    pub(crate) algos: u32,
    /// Those with an iceberg quantity.
    pub(crate) icebergs: u32,
    /// Open order lists of the account in this market.
    pub(crate) lists: u32,
}

/// What an account has open, in one market or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) orders: u32,
    pub(crate) algos: u32,
    pub(crate) icebergs: u32,
    pub(crate) lists: u32,
}

/// End of a list of open orders.
pub(crate) const NO_ORDER: u32 = u32::MAX;

impl OpenList {
    pub(crate) const fn new(market: u32) -> Self {
        Self { market, count: 0, head: NO_ORDER, tail: NO_ORDER, algos: 0, icebergs: 0, lists: 0 }
    }

    pub(crate) const fn counts(&self) -> Counts {
        Counts { orders: self.count, algos: self.algos, icebergs: self.icebergs, lists: self.lists }
    }

    pub(crate) const fn first(&self) -> Option<Place> {
        Place::from_link(self.head)
    }

    /// Counts an order less.
    #[inline]
    pub(crate) fn uncount(&mut self, is_algo: bool, is_iceberg: bool) -> Option<()> {
        self.count = self.count.checked_sub(1)?;
        self.algos = self.algos.checked_sub(u32::from(is_algo))?;
        self.icebergs = self.icebergs.checked_sub(u32::from(is_iceberg))?;
        Some(())
    }
}

/// What belongs to one account. All vectors are short and sorted; they grow one by one to stay small.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wallet {
    balances: Vec<(AssetId, Balance)>,
    open: Vec<OpenList>,
    /// MAX_ASSET, which few accounts have: none takes one word and one look.
    #[expect(clippy::box_collection, reason = "a third vector would be two words more for each account")]
    limits: Option<Box<Vec<(AssetId, Amount)>>>,
}

/// Above this many entries a binary search beats looking at each.
const LINEAR_MAX: usize = 16;

#[inline(always)]
fn place<T>(entries: &[T], key: u32, key_of: impl Fn(&T) -> u32) -> Result<usize, usize> {
    let at = if entries.len() <= LINEAR_MAX {
        entries.iter().position(|e| key_of(e) >= key).unwrap_or(entries.len())
    } else {
        entries.partition_point(|e| key_of(e) < key)
    };
    match entries.get(at) {
        Some(e) if key_of(e) == key => Ok(at),
        _ => Err(at),
    }
}

fn insert_exact<T>(entries: &mut Vec<T>, at: usize, value: T) {
    entries.reserve_exact(1);
    entries.insert(at, value);
}

impl Wallet {
    pub(crate) fn reserve_exact(&mut self, more: usize) {
        self.balances.reserve_exact(more);
    }

    /// Where the balance of an asset is among the others.
    pub(crate) fn place_of(&self, asset: AssetId) -> Option<usize> {
        place(&self.balances, asset.0, |e| e.0.0).ok()
    }

    pub(crate) fn balances(&self) -> &[(AssetId, Balance)] {
        &self.balances
    }

    #[inline]
    pub(crate) fn balance(&self, asset: AssetId) -> Balance {
        let at = place(&self.balances, asset.0, |e| e.0.0);
        at.ok().and_then(|at| self.balances.get(at)).map(|e| e.1).unwrap_or_default()
    }

    /// The balance to change; made when it was not there.
    #[inline]
    pub(crate) fn entry(&mut self, asset: AssetId) -> Result<&mut Balance, Broken> {
        let at = match place(&self.balances, asset.0, |e| e.0.0) {
            Ok(at) => at,
            Err(at) => {
                insert_exact(&mut self.balances, at, (asset, Balance::default()));
                at
            }
        };
        self.balances.get_mut(at).map(|e| &mut e.1).ok_or(Broken::IdUnknown)
    }

    #[inline]
    pub(crate) fn open_list(&self, market: MarketId) -> Option<&OpenList> {
        place(&self.open, market.0, |e| e.market).ok().and_then(|at| self.open.get(at))
    }

    /// The list to change; made when it was not there.
    #[inline]
    pub(crate) fn open_entry(&mut self, market: MarketId) -> Result<&mut OpenList, Broken> {
        let at = match place(&self.open, market.0, |e| e.market) {
            Ok(at) => at,
            Err(at) => {
                insert_exact(&mut self.open, at, OpenList::new(market.0));
                at
            }
        };
        self.open.get_mut(at).ok_or(Broken::OpenList)
    }

    /// What is open in a market.
    #[inline]
    pub(crate) fn counts(&self, market: MarketId) -> Counts {
        self.open_list(market).map(OpenList::counts).unwrap_or_default()
    }

    /// What is open in all markets.
    pub(crate) fn counts_of_all(&self) -> Counts {
        self.open.iter().fold(Counts::default(), |sum, list| Counts {
            orders: sum.orders.saturating_add(list.count),
            algos: sum.algos.saturating_add(list.algos),
            icebergs: sum.icebergs.saturating_add(list.icebergs),
            lists: sum.lists.saturating_add(list.lists),
        })
    }

    /// Whether one order may only be about so much of some asset.
    #[inline(always)]
    pub(crate) const fn has_limits(&self) -> bool {
        self.limits.is_some()
    }

    /// The most of an asset that one order may be about; 0: no bound.
    pub(crate) fn limit(&self, asset: AssetId) -> Amount {
        let limits = self.limits();
        let at = place(limits, asset.0, |e| e.0.0);
        at.ok().and_then(|at| limits.get(at)).map_or(Amount(0), |e| e.1)
    }

    /// By asset id; none is 0.
    pub(crate) fn limits(&self) -> &[(AssetId, Amount)] {
        self.limits.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    /// Sets the bound of an asset; 0 takes it away.
    pub(crate) fn set_limit(&mut self, asset: AssetId, limit: Amount) {
        let limits = self.limits.get_or_insert_default();
        match place(limits, asset.0, |e| e.0.0) {
            Ok(at) => {
                limits.remove(at);
                if limit.0 > 0 {
                    limits.insert(at, (asset, limit));
                }
            }
            Err(at) if limit.0 > 0 => insert_exact(limits, at, (asset, limit)),
            Err(_) => {}
        }
        if limits.is_empty() {
            self.limits = None;
        }
    }

    /// Lists that are not empty.
    pub(crate) fn open_lists(&self) -> impl Iterator<Item = &OpenList> {
        self.open.iter().filter(|list| list.count > 0)
    }
}

impl Balance {
    #[inline(always)]
    pub(crate) fn receive(&mut self, amount: u128) -> Result<(), Broken> {
        self.free = Amount(self.free.0.checked_add(amount).ok_or(Broken::BalanceOverflow)?);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn spend(&mut self, amount: u128) -> Result<(), Broken> {
        self.free = Amount(self.free.0.checked_sub(amount).ok_or(Broken::BalanceNegative)?);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn spend_locked(&mut self, amount: u128) -> Result<(), Broken> {
        self.locked = Amount(self.locked.0.checked_sub(amount).ok_or(Broken::BalanceNegative)?);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn lock(&mut self, amount: u128) -> Result<(), Broken> {
        self.spend(amount)?;
        self.locked = Amount(self.locked.0.checked_add(amount).ok_or(Broken::BalanceOverflow)?);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn unlock(&mut self, amount: u128) -> Result<(), Broken> {
        self.spend_locked(amount)?;
        self.receive(amount)
    }
}

/// What ever came in and went out of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) credited: u128,
    pub(crate) debited: u128,
}

/// All wallets by account id, and totals by asset id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) totals: Vec<Totals>,
}

impl Ledger {
    #[inline(always)]
    pub(crate) fn wallet(&self, account: AccountId) -> Option<&Wallet> {
        self.wallets.get(account.0 as usize)
    }

    #[inline(always)]
    pub(crate) fn wallet_mut(&mut self, account: AccountId) -> Result<&mut Wallet, Broken> {
        self.wallets.get_mut(account.0 as usize).ok_or(Broken::IdUnknown)
    }

    pub(crate) fn totals_mut(&mut self, asset: AssetId) -> Result<&mut Totals, Broken> {
        self.totals.get_mut(asset.0 as usize).ok_or(Broken::IdUnknown)
    }

    pub(crate) fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        self.wallet(account).map(|wallet| wallet.balance(asset)).unwrap_or_default()
    }

    /// Sums per asset, in order of asset id.
    pub(crate) fn funds(&self) -> Result<Vec<AssetFunds>, Broken> {
        let mut funds: Vec<AssetFunds> = Vec::with_capacity(self.totals.len());
        for (at, totals) in self.totals.iter().enumerate() {
            funds.push(AssetFunds {
                asset: AssetId(u32::try_from(at).map_err(|_| Broken::IdUnknown)?),
                credited: Amount(totals.credited),
                debited: Amount(totals.debited),
                free: Amount(0),
                locked: Amount(0),
            });
        }
        for (asset, balance) in self.wallets.iter().flat_map(|wallet| &wallet.balances) {
            let sum = funds.get_mut(asset.0 as usize).ok_or(Broken::IdUnknown)?;
            sum.free.0 = sum.free.0.checked_add(balance.free.0).ok_or(Broken::BalanceOverflow)?;
            sum.locked.0 = sum.locked.0.checked_add(balance.locked.0).ok_or(Broken::BalanceOverflow)?;
        }
        Ok(funds)
    }
}
