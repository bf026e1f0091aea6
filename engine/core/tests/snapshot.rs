//! Snapshots: damage is always found, and a forged one never panics and never brings an impossible state.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod support;

use support::{Random, apply_all, opening, snapshot, stream};
use tandem_core::command::{Command, Origin, PlaceOrder};
use tandem_core::event::Event;
use tandem_core::types::*;
use tandem_core::{Core, SnapshotError};

fn a_core(seed: u64, len: usize) -> Core {
    let mut core = Core::new();
    apply_all(&mut core, &stream(seed, len)).unwrap();
    core
}

#[test]
fn an_empty_core_survives() {
    let core = Core::new();
    let bytes = snapshot(&core);
    let restored = Core::restore(&bytes).unwrap();
    assert_eq!(snapshot(&restored), bytes);
    assert_eq!(restored.digest(), core.digest());
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    let bytes = snapshot(&a_core(3, 400));
    assert!(bytes.len() > 1_000);
    for len in 0..bytes.len() {
        assert!(Core::restore(&bytes[..len]).is_err(), "cut to {len}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = Core::restore(&damaged).err();
        assert!(
            matches!(error, Some(SnapshotError::ChecksumWrong | SnapshotError::VersionUnknown)),
            "bit {bit}: {error:?}"
        );
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Core::restore(&longer).is_err());
}

/// The checksum at the end made right again: what a forger or a faulty writer could leave.
fn forged(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = bytes.len() - 8;
    let checksum = Core::snapshot_checksum(&bytes[..len]);
    bytes[len..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn a_forged_snapshot_is_refused_or_describes_a_possible_state() {
    let core = a_core(4, 600);
    let bytes = snapshot(&core);
    // Behind the numbers that its sessions have seen.
    let tail = stream(5, 900).split_off(610);
    let (mut refused, mut accepted, mut trades) = (0, 0, 0);
    let mut random = Random::new(1);
    for bit in 64..(bytes.len() - 8) * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match Core::restore(&forged(damaged)) {
            Err(_) => refused += 1,
            Ok(mut restored) => {
                accepted += 1;
                // What was believed must be able to go on.
                if restored.time().0 < u64::MAX / 2 && random.one_in(40) {
                    trades += go_on(&mut restored, &tail);
                }
            }
        }
    }
    assert!(refused > 5_000 && accepted > 100, "{refused} refused, {accepted} accepted");
    assert!(trades > 1_000, "{trades} trades afterwards");
}

/// Applies a stream from the core's own time on; how many trades came of it.
fn go_on(core: &mut Core, stream: &[(TimeUs, Vec<u8>)]) -> u64 {
    let trades = |core: &Core| core.markets().fold(0_u64, |sum, market| sum.wrapping_add(market.trades));
    let (start, before) = (core.time(), trades(core));
    let later = |(time, payload): &(TimeUs, Vec<u8>)| (TimeUs(start.0 + time.0 - stream[0].0.0), payload.clone());
    let later: Vec<_> = stream.iter().map(later).collect();
    apply_all(core, &later).unwrap();
    core.check().unwrap();
    trades(core).wrapping_sub(before)
}

#[test]
fn forged_lengths_and_garbage_never_panic() {
    let bytes = snapshot(&a_core(6, 300));
    let mut random = Random::new(2);
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(3) {
            let at = 8 + random.below(damaged.len() as u64 - 16) as usize;
            damaged[at] = random.of(&[0, 1, 255, 127, 128]);
        }
        if random.one_in(2) {
            damaged.truncate(16 + random.below(damaged.len() as u64 - 16) as usize);
        }
        let _ = Core::restore(&forged(damaged));
    }
}

/// One trade fires more stop orders than one command carries out.
fn with_releases_left() -> Core {
    let mut random = Random::new(1);
    let mut core = Core::new();
    let mut events = Vec::new();
    let mut apply = |command: &Command| {
        events.clear();
        let (seq, time) = (Seq(core.seq().0 + 1), TimeUs(core.time().0 + 1));
        core.apply_command(seq, time, Origin::default(), command, &mut events).unwrap();
        assert!(!matches!(events[0], Event::Rejected { .. }), "{command:?}: {events:?}");
    };
    for mut command in opening(&mut random) {
        if let Command::CreateMarket { rules, .. } = &mut command {
            let (tick_size, lot_size, qty) = (rules.tick_size, rules.lot_size, Qty(0));
            **rules = support::rules(&mut random);
            (rules.tick_size, rules.lot_size, rules.qty_min, rules.qty_max) = (tick_size, lot_size, qty, qty);
            (rules.min_notional, rules.notional, rules.percent_price, rules.price_range) = (None, None, None, None);
            (rules.max_num_orders, rules.max_num_algo_orders, rules.max_position) = (0, 0, Amount(0));
            (rules.market_qty_max, rules.market_lot_size) = (qty, qty);
            (rules.kinds, rules.features, rules.permissions) = (127, 511, PERMISSION_SPOT);
        }
        apply(&command);
    }
    let place = |account, side, kind, price, stop_price| {
        let terms = Terms { stop_price: Price(stop_price), ..Terms::default() };
        Command::PlaceOrder(PlaceOrder {
            account: AccountId(account),
            market: MarketId(0),
            side,
            kind,
            tif: TimeInForce::Gtc,
            price: Price(price),
            qty: Qty(20),
            quote_qty: Amount(0),
            client_order_id: ClientOrderId::EMPTY,
            stp: None,
            strategy_id: None,
            strategy_type: None,
            terms: (stop_price > 0).then(|| Box::new(terms)),
        })
    };
    for _ in 0..2 * RELEASES_MAX + 50 {
        apply(&place(1, Side::Sell, OrderKind::StopLossLimit, 101_000, 101_500));
    }
    apply(&place(2, Side::Buy, OrderKind::Limit, 101_400, 0));
    apply(&place(3, Side::Sell, OrderKind::Limit, 101_400, 0));
    core
}

#[test]
fn what_is_left_to_release_survives() {
    let mut core = with_releases_left();
    assert_eq!(core.releases(), RELEASES_MAX + 50);
    let bytes = snapshot(&core);
    let mut restored = Core::restore(&bytes).unwrap();
    assert_eq!(snapshot(&restored), bytes);
    let mut events = Vec::new();
    for core in [&mut core, &mut restored] {
        for left in [50, 0] {
            let (seq, time) = (Seq(core.seq().0 + 1), core.time());
            core.apply_command(seq, time, Origin::default(), &Command::RunReleases, &mut events).unwrap();
            assert_eq!(core.releases(), left);
            core.check().unwrap();
        }
    }
    assert_eq!(core.digest(), restored.digest());
    assert_eq!(snapshot(&core), snapshot(&restored));
}
