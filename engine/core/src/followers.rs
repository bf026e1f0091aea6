//! Trailing orders of one side that follow the price.
//!
//! All that followed when the price last went further have the same extreme: they are one group, and a step of the price
//! costs what it merges and fires, not what waits. Orders are numbered as they begin. Who began earlier has seen more, so
//! its extreme is as far or further: a group is a run of numbers, and only the last groups can be passed by a price.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use crate::types::{BIPS_ONE, Price, Side};

/// A following order as it is found: its trailing delta and its id; and its place in the table of waiting orders.
type Orders = BTreeMap<(u32, u64), u32>;

#[derive(Clone, Debug)]
struct Group {
    extreme: Price,
    /// The most eager one first.
    orders: Orders,
}

#[derive(Clone, Debug)]
pub(crate) struct Followers {
    side: Side,
    /// By the lowest number of a group's run; each extreme less far than the one before.
    groups: BTreeMap<u64, Group>,
    /// At which price the first one of a group fires, and the group.
    eager: BTreeSet<(Price, u64)>,
}

/// The price at which a following order fires: the highest that does for SELL, the lowest that does for BUY.
fn trigger(side: Side, extreme: Price, delta: u32) -> Price {
    const ONE: u128 = BIPS_ONE as u128;
    let extreme = u128::from(extreme.0);
    let price = match side {
        Side::Buy => extreme.wrapping_mul(u128::from(BIPS_ONE.saturating_add(delta))).div_ceil(ONE),
        Side::Sell => extreme.wrapping_mul(u128::from(BIPS_ONE.saturating_sub(delta))) / ONE,
    };
    Price(u64::try_from(price).unwrap_or(u64::MAX))
}

/// Whether an order that follows fires at a price.
pub(crate) fn fires(side: Side, extreme: Price, delta: u32, price: Price) -> bool {
    match side {
        Side::Buy => price >= trigger(side, extreme, delta),
        Side::Sell => price <= trigger(side, extreme, delta),
    }
}

/// Whether a price is a new extreme.
pub(crate) fn is_further(side: Side, extreme: Price, price: Price) -> bool {
    match side {
        Side::Buy => price < extreme,
        Side::Sell => price > extreme,
    }
}

/// The fewer go to the more, so that nobody is moved often.
fn join(a: Orders, b: Orders) -> Orders {
    let (mut more, fewer) = if a.len() < b.len() { (b, a) } else { (a, b) };
    more.extend(fewer);
    more
}

impl Group {
    fn trigger(&self, side: Side) -> Option<Price> {
        self.orders.first_key_value().map(|((delta, _), _)| trigger(side, self.extreme, *delta))
    }
}

impl Followers {
    pub(crate) const fn new(side: Side) -> Self {
        Self { side, groups: BTreeMap::new(), eager: BTreeSet::new() }
    }

    /// Puts a group back after a change; an empty one is gone.
    fn put(&mut self, first: u64, group: Group) {
        if let Some(trigger) = group.trigger(self.side) {
            self.eager.insert((trigger, first));
            self.groups.insert(first, group);
        }
    }

    /// Takes a group out, to change it.
    fn take(&mut self, first: u64) -> Option<Group> {
        let group = self.groups.remove(&first)?;
        self.eager.remove(&(group.trigger(self.side)?, first));
        Some(group)
    }

    /// The group that an order with this number is in.
    fn find(&self, number: u64) -> Option<(u64, &Group)> {
        self.groups.range(..=number).next_back().map(|(first, group)| (*first, group))
    }

    /// An order begins to follow at a price that is the last one; its number is above all others.
    pub(crate) fn begin(&mut self, number: u64, price: Price, order: (u32, u64), at: u32) {
        let last = self.groups.last_key_value().filter(|(_, group)| group.extreme == price).map(|(first, _)| *first);
        let first = last.unwrap_or(number);
        let mut group = self.take(first).unwrap_or(Group { extreme: price, orders: Orders::new() });
        group.orders.insert(order, at);
        self.put(first, group);
    }

    pub(crate) fn remove(&mut self, number: u64, order: (u32, u64)) {
        if let Some((first, _)) = self.find(number)
            && let Some(mut group) = self.take(first)
        {
            group.orders.remove(&order);
            self.put(first, group);
        }
    }

    /// Every group that this price passes goes on from it.
    pub(crate) fn go_on(&mut self, price: Price) {
        let mut merged: Option<(u64, Orders)> = None;
        while let Some((first, group)) = self.groups.last_key_value() {
            let is_passed = is_further(self.side, group.extreme, price);
            if !is_passed && (merged.is_none() || group.extreme != price) {
                break;
            }
            let first = *first;
            let Some(group) = self.take(first) else { break };
            let orders = mem::take(&mut merged).map_or_else(Orders::new, |(_, orders)| orders);
            merged = Some((first, join(group.orders, orders)));
        }
        if let Some((first, orders)) = merged {
            self.put(first, Group { extreme: price, orders });
        }
    }

    /// Adds the orders that fire at this price, ids and places.
    pub(crate) fn add_fired(&self, price: Price, fired: &mut Vec<(u64, u32)>) {
        let eager = match self.side {
            Side::Buy => self.eager.range(..=(price, u64::MAX)),
            Side::Sell => self.eager.range((price, 0)..),
        };
        for group in eager.filter_map(|(_, first)| self.groups.get(first)) {
            let those =
                group.orders.iter().take_while(|((delta, _), _)| fires(self.side, group.extreme, *delta, price));
            fired.extend(those.map(|((_, id), at)| (*id, *at)));
        }
    }

    /// Prices above the first and below the second neither fire nor pass anything.
    pub(crate) fn range(&self) -> (Price, Price) {
        let last = self.groups.last_key_value().map(|(_, group)| group.extreme);
        match (self.side, last) {
            (_, None) => (Price(0), Price(u64::MAX)),
            (Side::Buy, Some(last)) => {
                let first = self.eager.first().map_or(Price(u64::MAX), |(trigger, _)| *trigger);
                (Price(last.0.saturating_sub(1)), first)
            }
            (Side::Sell, Some(last)) => {
                let first = self.eager.last().map_or(Price(0), |(trigger, _)| *trigger);
                (first, Price(last.0.saturating_add(1)))
            }
        }
    }

    /// The extreme of an order with this number.
    pub(crate) fn extreme(&self, number: u64) -> Price {
        self.find(number).map_or(Price(0), |(_, group)| group.extreme)
    }

    /// Where an order is, if it is known.
    pub(crate) fn place(&self, number: u64, order: (u32, u64)) -> Option<u32> {
        self.find(number)?.1.orders.get(&order).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.values().fold(0, |sum, group| sum.saturating_add(group.orders.len()))
    }

    /// Whether extremes fall as numbers rise, and every group is known by its most eager order.
    pub(crate) fn is_sound(&self) -> bool {
        let extremes: Vec<Price> = self.groups.values().map(|group| group.extreme).collect();
        let is_eager = |(first, group): (&u64, &Group)| {
            group.trigger(self.side).is_some_and(|trigger| self.eager.contains(&(trigger, *first)))
        };
        extremes.is_sorted_by(|a, b| is_further(self.side, *b, *a))
            && self.groups.iter().all(is_eager)
            && self.eager.len() == self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Followers, fires, is_further};
    use crate::types::{Price, Side};

    /// Each order for itself, by the words of the rules.
    #[derive(Default)]
    struct Naive(Vec<(u64, Price, u32)>);

    impl Naive {
        fn fired(&self, side: Side, price: Price) -> Vec<(u64, u32)> {
            let those = self.0.iter().filter(|(_, extreme, delta)| fires(side, *extreme, *delta, price));
            those.map(|(id, ..)| (*id, *id as u32)).collect()
        }
    }

    #[test]
    fn groups_are_as_each_order_for_itself() {
        let mut state = 5_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        for side in [Side::Buy, Side::Sell] {
            let (mut followers, mut naive, mut last, mut fired_at_all) =
                (Followers::new(side), Naive::default(), 5_000, 0);
            for id in 1..=20_000_u64 {
                if below(2) == 0 {
                    // Small deltas fire, great ones stay and are passed again and again.
                    let delta = [1, 5, 20, 9_000][below(4) as usize];
                    followers.begin(id, Price(last), (delta, id), id as u32);
                    naive.0.push((id, Price(last), delta));
                }
                last = last + below(41) - 20;
                let (low, high) = followers.range();
                let mut fired = Vec::new();
                followers.add_fired(Price(last), &mut fired);
                fired.sort_unstable();
                assert_eq!(fired, naive.fired(side, Price(last)));
                let is_passed = naive.0.iter().any(|(_, extreme, _)| is_further(side, *extreme, Price(last)));
                assert_eq!(Price(last) > low && Price(last) < high, fired.is_empty() && !is_passed);
                fired_at_all += fired.len();
                naive.0.retain(|(id, extreme, delta)| {
                    let stays = !fired.contains(&(*id, *id as u32)) && below(500) > 0;
                    if !stays {
                        followers.remove(*id, (*delta, *id));
                    }
                    assert!(extreme.0 > 0);
                    stays
                });
                followers.go_on(Price(last));
                for (id, extreme, delta) in &mut naive.0 {
                    if is_further(side, *extreme, Price(last)) {
                        *extreme = Price(last);
                    }
                    assert_eq!(followers.extreme(*id), *extreme);
                    assert_eq!(followers.place(*id, (*delta, *id)), Some(*id as u32));
                }
                assert_eq!(followers.len(), naive.0.len());
                assert!(followers.is_sound());
                last = last.clamp(1_000, 9_000);
            }
            assert!(fired_at_all > 1_000, "{fired_at_all}");
        }
    }
}
