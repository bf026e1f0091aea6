//! Random streams: invariants after every command, and replay against snapshot plus tail.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod support;

use std::collections::BTreeMap;

use support::{apply_all, snapshot, stream};
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{Seq, TimeUs};
use tandem_core::{Broken, Core};

#[test]
fn every_invariant_holds_after_every_command() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=12 {
        let mut core = Core::new();
        let mut events = Vec::new();
        for (time, payload) in stream(seed, 2_500) {
            events.clear();
            let applied = core.apply(Seq(core.seq().0 + 1), time, &payload, &mut events);
            applied.and_then(|()| core.check()).unwrap_or_else(|broken| {
                let command = tandem_core::codec::decode(&payload);
                panic!("seed {seed}, seq {}: {broken}\n{command:#?}\n{events:#?}", core.seq())
            });
            for event in &events {
                *kinds.entry(kind_of(event)).or_default() += 1;
            }
        }
    }
    // The stream is only worth something when it reaches everything.
    for kind in ["Traded", "SelfTradePrevented", "OrderClosed", "OrderAccepted", "ListAccepted", "ListClosed"] {
        assert!(kinds.get(kind).is_some_and(|n| *n > 300), "{kind} in {kinds:?}");
    }
    for kind in ["OrderReleased", "TrailingStarted", "OrderAmended", "CancelReplaced", "Allocated"] {
        assert!(kinds.get(kind).is_some_and(|n| *n > 100), "{kind} in {kinds:?}");
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
            Ok((_, Command::PlaceOrder(order))) => Some(core.check_order(&order)),
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
                Event::Rejected { code } if *code == RejectCode::CommandRepeated => continue,
                Event::Rejected { code } => Err(*code),
                _ => Ok(()),
            };
            assert_eq!(checked, placed);
            agreed += 1;
        }
    }
    assert!(agreed > 3_000);
}

fn name(core: &mut Core, session: u64, number: u64, name: &str) -> Event {
    let mut events = Vec::new();
    let (seq, time) = (Seq(core.seq().0 + 1), core.time());
    let command = Command::CreateAccount { name: name.to_owned() };
    core.apply_command(seq, time, Origin { session, number }, &command, &mut events).unwrap();
    events.remove(0)
}

#[test]
fn a_restored_core_forgets_the_same_sessions() {
    let mut core = Core::new();
    for session in 1..=5_000 {
        name(&mut core, session, 3, &format!("name {session}"));
    }
    // 905 is the first of the last 4096; using it again puts it behind all others.
    let repeated = Event::Rejected { code: RejectCode::CommandRepeated };
    assert_eq!(name(&mut core, 905, 3, "late"), repeated);
    assert_ne!(name(&mut core, 905, 4, "fresh"), repeated);
    let mut restored = Core::restore(&snapshot(&core)).unwrap();
    for core in [&mut core, &mut restored] {
        assert_ne!(name(core, 904, 3, "forgotten"), repeated);
        assert_ne!(name(core, 906, 3, "pushed out by 904"), repeated);
        assert_eq!(name(core, 905, 4, "remembered"), repeated);
        assert_eq!(name(core, 5_000, 3, "remembered"), repeated);
    }
    assert_eq!(restored.digest(), core.digest());
    assert_eq!(snapshot(&restored), snapshot(&core));
}

#[test]
fn a_broken_log_stops_the_core_for_good() {
    let cases = [
        (Seq(1), TimeUs(9), Broken::SeqNotNext),
        (Seq(3), TimeUs(9), Broken::SeqNotNext),
        (Seq(2), TimeUs(4), Broken::TimeFell),
    ];
    for (seq, time, broken) in cases {
        let mut core = Core::new();
        let mut events = Vec::new();
        core.apply(Seq(1), TimeUs(5), b"", &mut events).unwrap();
        assert_eq!(core.apply(seq, time, b"", &mut events), Err(broken));
        assert_eq!(core.apply(Seq(2), TimeUs(5), b"", &mut events), Err(broken));
        assert_eq!(core.check(), Err(broken));
        assert_eq!(events.len(), 1);
    }
}

#[test]
fn events_are_appended_and_the_digest_takes_in_only_new_ones() {
    let stream = stream(41, 800);
    let (mut one, mut two) = (Core::new(), Core::new());
    apply_all(&mut one, &stream).unwrap();
    let mut events = Vec::new();
    for (seq, (time, payload)) in (1..).zip(&stream) {
        two.apply(Seq(seq), *time, payload, &mut events).unwrap();
    }
    assert!(events.len() >= stream.len());
    assert_eq!(one.digest(), two.digest());
}
