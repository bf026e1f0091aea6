//! Random streams: invariants after every command, and replay against snapshot plus tail.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod support;

use std::collections::BTreeMap;

use support::{apply_all, snapshot, stream};
use tandem_core::Core;
use tandem_core::event::Event;
use tandem_core::types::Seq;

#[test]
fn every_invariant_holds_after_every_command() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=12 {
        let mut core = Core::new();
        let mut events = Vec::new();
        for (time, payload) in stream(seed, 2_500) {
            events.clear();
            core.apply(Seq(core.seq().0 + 1), time, &payload, &mut events).unwrap();
            core.check().unwrap();
            for event in &events {
                *kinds.entry(kind_of(event)).or_default() += 1;
            }
        }
    }
    // The stream is only worth something when it reaches everything.
    for kind in ["Traded", "SelfTradePrevented", "OrderClosed", "OrderAccepted"] {
        assert!(kinds.get(kind).is_some_and(|n| *n > 300), "{kind} in {kinds:?}");
    }
    println!("{kinds:#?}");
}

fn kind_of(event: &Event) -> String {
    match event {
        Event::Rejected { code } => code.name().to_owned(),
        other => format!("{other:?}").split([' ', '(']).next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn snapshot_plus_tail_equals_full_replay() {
    for seed in 21..=26 {
        let stream = stream(seed, 4_000);
        let mut full = Core::new();
        apply_all(&mut full, &stream).unwrap();
        for cut in [0, 1, 30, 500, 1_234, 3_999, 4_000] {
            let mut head = Core::new();
            apply_all(&mut head, &stream[..cut]).unwrap();
            let bytes = snapshot(&head);
            let mut restored = Core::restore(&bytes).unwrap();
            assert_eq!(snapshot(&restored), bytes, "a snapshot of the restored core, seed {seed}, cut {cut}");
            apply_all(&mut restored, &stream[cut..]).unwrap();
            assert_eq!(restored.digest(), full.digest(), "seed {seed}, cut {cut}");
            assert_eq!(snapshot(&restored), snapshot(&full), "seed {seed}, cut {cut}");
        }
    }
}

#[test]
fn checking_an_order_says_what_placing_it_would_say() {
    let mut core = Core::new();
    let mut events = Vec::new();
    let mut agreed = 0;
    for (time, payload) in stream(31, 6_000) {
        // Moves the clock first, since the average price depends on it.
        events.clear();
        core.apply(Seq(core.seq().0 + 1), time, b"", &mut events).unwrap();
        let checked = match tandem_core::codec::decode(&payload) {
            Ok((_, tandem_core::command::Command::PlaceOrder(order))) => Some(core.check_order(&order)),
            _ => None,
        };
        let before = snapshot(&core);
        events.clear();
        core.apply(Seq(core.seq().0 + 1), time, &payload, &mut events).unwrap();
        let is_rejected = matches!(events[0], Event::Rejected { .. });
        if is_rejected {
            let after = snapshot(&core);
            assert_eq!(before.len(), after.len(), "a reject changed the size of the state");
        }
        if let Some(checked) = checked {
            let placed = match &events[0] {
                Event::Rejected { code } if *code == tandem_core::reject::RejectCode::CommandRepeated => continue,
                Event::Rejected { code } => Err(*code),
                _ => Ok(()),
            };
            assert_eq!(checked, placed);
            agreed += 1;
        }
    }
    assert!(agreed > 3_000);
}
