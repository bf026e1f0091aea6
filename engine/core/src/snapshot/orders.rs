//! The part of a snapshot that holds open orders: in the books, outside of them, in lists, and what is to be released.

use super::SnapshotError;
use crate::broken::Broken;
use crate::core::Core;
use crate::ledger::NO_ORDER;
use crate::lists::{OrderList, Release};
use crate::market::Market;
use crate::orders::{NO_EXTRA, Place, Resting, Wide};
use crate::types::{
    AccountId, ClientOrderId, ListId, ListKind, MarketId, OrderId, OrderKind, Price, SelfTradePrevention, Side, Terms,
    TimeInForce,
};
use crate::waiting::{Extra, Stage, Waiting};
use crate::wire::{Reader, WireError, Writer};

/// The least bytes that one of each takes.
const RESTING_SIZE_MIN: usize = 80;
const WAITING_SIZE_MIN: usize = 80;
const LIST_SIZE_MIN: usize = 51;
const RELEASE_SIZE_MIN: usize = 9;

/// The orders of one side of the book, in the order in which they would be taken.
pub(super) fn write_side(market: &Market, side: Side, w: &mut Writer<'_>) {
    let orders = &market.orders;
    w.len(orders.book.makers(side).count());
    for maker in orders.book.makers(side) {
        // `check` proves that there is one for each order.
        let Some(resting) = orders.get(maker.handle) else { return };
        w.u64(maker.id);
        w.u32(maker.owner);
        w.u64(maker.ticks);
        w.u64(maker.lots);
        w.u64(resting.lots);
        w.u64(resting.prevented);
        w.u128(resting.filled_quote.get());
        w.u64(resting.accepted_at);
        w.u64(resting.updated_at);
        w.u8(resting.kind as u8);
        w.u8(resting.stp as u8);
        w.client_order_id(&resting.client_order_id);
        let extra = orders.extra(maker.handle);
        w.flag(extra.is_some());
        if let Some(extra) = extra {
            write_extra(extra, w);
        }
    }
}

fn write_extra(extra: &Extra, w: &mut Writer<'_>) {
    let is_plain = extra.terms == Terms::default();
    w.flag(!is_plain);
    if !is_plain {
        w.terms(&extra.terms);
    }
    w.optional_u64(extra.strategy_id.map(i64::cast_unsigned));
    w.optional_u32(extra.strategy_type.map(i32::cast_unsigned));
    w.optional_u64(extra.list.map(|list| list.0));
    w.u64(extra.price.0);
    w.u64(extra.pegged_price.0);
    w.u64(extra.hidden);
    w.optional_u64(extra.working_at);
    w.optional_u64(extra.trailing_at);
    w.u16(extra.amends);
}

fn read_extra(r: &mut Reader<'_>) -> Result<Extra, WireError> {
    Ok(Extra {
        terms: if r.flag()? { r.terms()? } else { Terms::default() },
        strategy_id: r.optional_u64()?.map(u64::cast_signed),
        strategy_type: r.optional_u32()?.map(u32::cast_signed),
        list: r.optional_u64()?.map(ListId),
        price: Price(r.u64()?),
        pegged_price: Price(r.u64()?),
        hidden: r.u64()?,
        working_at: r.optional_u64()?,
        trailing_at: r.optional_u64()?,
        amends: r.u16()?,
    })
}

const fn stage_number(stage: Stage) -> u8 {
    match stage {
        Stage::Waiting => 0,
        Stage::Fired => 1,
        Stage::Pending => 2,
        Stage::Working => 3,
    }
}

/// An order that is on its way through the book is never written.
const fn stage_of(number: u8) -> Option<Stage> {
    match number {
        0 => Some(Stage::Waiting),
        1 => Some(Stage::Fired),
        2 => Some(Stage::Pending),
        _ => None,
    }
}

/// The orders outside the book, by id.
pub(super) fn write_waiting(market: &Market, w: &mut Writer<'_>) {
    let mut orders: Vec<&Waiting> = market.orders.waiting.iter().map(|(_, order)| order).collect();
    orders.sort_unstable_by_key(|order| order.id);
    w.len(orders.len());
    for order in orders {
        w.u64(order.id.0);
        w.u32(order.owner.0);
        w.u8(order.side as u8);
        w.u8(order.kind as u8);
        w.u8(order.tif as u8);
        w.u8(order.stp as u8);
        w.u8(stage_number(order.stage));
        w.client_order_id(&order.client_order_id);
        w.u64(order.lots);
        w.u64(order.need_price.0);
        w.u128(order.locked);
        w.u64(market.orders.triggers.extreme(order).0);
        w.u64(order.accepted_at);
        w.u64(order.updated_at);
        write_extra(&order.extra, w);
    }
}

fn read_order_outside(r: &mut Reader<'_>) -> Result<Waiting, WireError> {
    Ok(Waiting {
        id: OrderId(r.u64()?),
        owner: AccountId(r.u32()?),
        side: r.one_of(Side::from_u8)?,
        kind: r.one_of(OrderKind::from_u8)?,
        tif: r.one_of(TimeInForce::from_u8)?,
        stp: r.one_of(SelfTradePrevention::from_u8)?,
        stage: r.one_of(stage_of)?,
        client_order_id: r.client_order_id()?,
        lots: r.u64()?,
        need_price: Price(r.u64()?),
        locked: r.u128()?,
        extreme: Price(r.u64()?),
        number: 0,
        accepted_at: r.u64()?,
        updated_at: r.u64()?,
        prev: NO_ORDER,
        next: NO_ORDER,
        extra: read_extra(r)?,
    })
}

fn read_resting(r: &mut Reader<'_>) -> Result<(Resting, Option<Extra>), WireError> {
    let (lots, prevented, filled_quote) = (r.u64()?, r.u64()?, Wide::new(r.u128()?));
    let (accepted_at, updated_at) = (r.u64()?, r.u64()?);
    let resting = Resting {
        filled_quote,
        updated_at,
        prevented,
        lots,
        accepted_at,
        extra: NO_EXTRA,
        prev: NO_ORDER,
        next: NO_ORDER,
        kind: r.one_of(OrderKind::from_u8)?,
        stp: r.one_of(SelfTradePrevention::from_u8)?,
        client_order_id: r.client_order_id()?,
    };
    Ok((resting, if r.flag()? { Some(read_extra(r)?) } else { None }))
}

impl Core {
    /// Whether an order with these names can be added to the market's.
    fn is_new(&self, market: &Market, id: OrderId, owner: AccountId, client: &ClientOrderId) -> bool {
        self.known_account(owner).is_ok()
            && market.orders.find(id).is_none()
            && (client.is_empty() || market.orders.find_client(owner, client).is_none())
    }

    pub(super) fn read_side(&self, market: &mut Market, side: Side, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let mut best = None;
        let count = r.len(RESTING_SIZE_MIN)?;
        market.orders.reserve(count).ok_or(SnapshotError::FieldInvalid)?;
        for _ in 0..count {
            let (id, owner) = (OrderId(r.u64()?), AccountId(r.u32()?));
            let (ticks, lots) = (r.u64()?, r.u64()?);
            let (mut resting, extra) = read_resting(r)?;
            // Best first is how they were written; the book itself would sort them.
            let is_sorted = best.is_none_or(|best| match side {
                Side::Buy => ticks <= best,
                Side::Sell => ticks >= best,
            });
            if !is_sorted || !self.is_new(market, id, owner, &resting.client_order_id) {
                return Err(SnapshotError::FieldInvalid);
            }
            best = Some(ticks);
            if let Some(extra) = extra {
                resting.extra = market.orders.extras.insert(extra).ok_or(Broken::OrderIndex)?;
            }
            let handle = market.orders.book.insert(side, ticks, lots, id.0, owner.0);
            let handle = handle.ok_or(SnapshotError::FieldInvalid)?;
            market.orders.add_unlisted(handle, id, owner, resting).ok_or(Broken::OrderIndex)?;
        }
        Ok(())
    }

    pub(super) fn read_waiting(&self, market: &mut Market, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let mut last = None;
        let mut following = Vec::new();
        for _ in 0..r.len(WAITING_SIZE_MIN)? {
            let order = read_order_outside(r)?;
            if last >= Some(order.id) {
                return Err(SnapshotError::FieldInvalid);
            }
            last = Some(order.id);
            if order.extreme.0 > 0 {
                following.push(order);
            } else {
                self.read_into(market, order)?;
            }
        }
        // As they began: who has seen more comes first.
        following.sort_by_key(|order| match order.side {
            Side::Buy => order.extreme.0,
            Side::Sell => u64::MAX.saturating_sub(order.extreme.0),
        });
        for mut order in following {
            order.number = market.orders.triggers.take_number();
            self.read_into(market, order)?;
        }
        Ok(())
    }

    fn read_into(&self, market: &mut Market, order: Waiting) -> Result<(), SnapshotError> {
        if !self.is_new(market, order.id, order.owner, &order.client_order_id) {
            return Err(SnapshotError::FieldInvalid);
        }
        market.orders.add_waiting_unlisted(order).ok_or(Broken::OrderIndex)?;
        Ok(())
    }

    pub(super) fn write_lists(&self, w: &mut Writer<'_>) {
        w.u64(self.lists.next);
        w.len(self.lists.by_id.len());
        for list in self.lists.by_id.values() {
            w.u64(list.id.0);
            w.u32(list.account.0);
            w.u32(list.market.0);
            w.u8(list.kind as u8);
            w.client_order_id(&list.client_list_id);
            w.u64(list.first.0);
            w.u8(list.open);
            w.u128(list.proceeds);
            w.u64(list.accepted_at);
        }
        let open: Vec<Release> = self.open_releases().collect();
        w.len(open.len());
        for release in open {
            match release {
                Release::Order(market, order) => {
                    w.u8(0);
                    w.u32(market.0);
                    w.u64(order.0);
                }
                Release::List(list) => {
                    w.u8(1);
                    w.u64(list.0);
                }
            }
        }
    }

    /// The releases that are still to be carried out, in their order.
    pub(crate) fn open_releases(&self) -> impl Iterator<Item = Release> {
        self.lists.releases.iter().copied().filter(|release| match *release {
            Release::Order(market, order) => {
                self.known_market(market).is_ok_and(|market| market.orders.find(order).is_some())
            }
            Release::List(list) => self.lists.get(list).is_some(),
        })
    }

    pub(super) fn read_lists(&mut self, r: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.lists.next = r.u64()?;
        let mut last = None;
        for _ in 0..r.len(LIST_SIZE_MIN)? {
            let list = read_list(r)?;
            if last >= Some(list.id) {
                return Err(SnapshotError::FieldInvalid);
            }
            last = Some(list.id);
            self.lists.insert(list).ok_or(SnapshotError::FieldInvalid)?;
        }
        for _ in 0..r.len(RELEASE_SIZE_MIN)? {
            let release = match r.u8()? {
                0 => Release::Order(MarketId(r.u32()?), OrderId(r.u64()?)),
                1 => Release::List(ListId(r.u64()?)),
                _ => return Err(SnapshotError::FieldInvalid),
            };
            self.lists.releases.push_back(release);
        }
        Ok(())
    }

    /// Builds the accounts' lists of open orders, oldest first, and counts their order lists.
    pub(super) fn link_open_lists(&mut self) -> Result<(), Broken> {
        for market in &mut self.markets {
            let mut places: Vec<(OrderId, Place)> = market.orders.places().collect();
            places.sort_unstable_by_key(|(id, _)| *id);
            for (_, place) in places {
                let (_, owner, _) = market.orders.names(place).ok_or(Broken::OrderIndex)?;
                let list = self.ledger.wallet_mut(owner)?.open_entry(market.id)?;
                market.orders.enlist(place, list).ok_or(Broken::OpenList)?;
            }
        }
        for list in self.lists.by_id.values() {
            // Of a market that is not there: found by the check.
            let open = self.ledger.wallet_mut(list.account)?.open_entry(list.market)?;
            open.lists = open.lists.checked_add(1).ok_or(Broken::OpenList)?;
        }
        Ok(())
    }
}

fn read_list(r: &mut Reader<'_>) -> Result<OrderList, WireError> {
    Ok(OrderList {
        id: ListId(r.u64()?),
        account: AccountId(r.u32()?),
        market: MarketId(r.u32()?),
        kind: r.one_of(ListKind::from_u8)?,
        client_list_id: r.client_order_id()?,
        first: OrderId(r.u64()?),
        open: r.u8()?,
        proceeds: r.u128()?,
        accepted_at: r.u64()?,
    })
}
