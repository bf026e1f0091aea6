//! Whatever the bytes, the core answers: random payloads, mutated commands and mutated snapshots never make it panic.
//!
//! A panic anywhere fails the test. TANDEM_SIM_FUZZ: how many cases per test; TANDEM_SIM_SEED: the seed.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use tandem_core::codec;
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{Seq, TimeUs};
use tandem_core::{Broken, Core};
use tandem_sim::compare::payload;
use tandem_sim::random::Random;
use tandem_sim::shrink::steps;

const NOT_UNDERSTOOD: [Event; 1] = [Event::Rejected { code: RejectCode::CommandNotUnderstood }];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn cases() -> u64 {
    number("TANDEM_SIM_FUZZ", if cfg!(debug_assertions) { 30_000 } else { 500_000 })
}

fn seed() -> u64 {
    let seed = number("TANDEM_SIM_SEED", 1);
    println!("seed {seed}");
    seed
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>, donor: &[u8]) {
    for _ in 0..random.between(1, 4) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.push(random.next() as u8),
            2 if at + 8 <= bytes.len() => {
                let value = random.pick(&[0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 32, 255]);
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            3 if !donor.is_empty() => {
                let from = random.below(donor.len() as u64) as usize;
                let count = random.below(20) as usize;
                let end = (from + count).min(donor.len());
                bytes.splice(at.min(bytes.len()).., donor[from..end].iter().copied());
            }
            4 if at < bytes.len() => drop(bytes.remove(at)),
            5 => bytes.insert(at, random.next() as u8),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
}

/// Appends the checksum of the core's snapshots, so that what is behind it is tried too.
fn seal(bytes: &mut Vec<u8>) {
    let checksum = Core::snapshot_checksum(bytes);
    bytes.extend(checksum.to_le_bytes());
}

fn noise(random: &mut Random, max: u64) -> Vec<u8> {
    (0..random.below(max)).map(|_| random.next() as u8).collect()
}

#[test]
fn any_payload_is_answered() {
    let mut random = Random::new(seed());
    let (mut understood, mut done) = (0, 0);
    while done < cases() {
        let (mut core, mut donor) = (Core::new(), Vec::new());
        for step in steps(random.next(), 2_000) {
            let own = payload(&step.input);
            let time = TimeUs(step.time.0.max(core.time().0));
            for case in 0..4 {
                let mut bytes = own.clone();
                match case {
                    0 => {}
                    1 => bytes = noise(&mut random, 200),
                    _ => mutate(&mut random, &mut bytes, &donor),
                }
                let mut events = Vec::new();
                core.apply(Seq(core.seq().0 + 1), time, &bytes, &mut events).expect("no broken invariant");
                match codec::decode(&bytes) {
                    Ok((origin, command)) => {
                        let mut again = Vec::new();
                        codec::encode(origin, &command, &mut again);
                        assert_eq!(again, bytes, "one command has one encoding");
                        assert!(!events.is_empty() && events != NOT_UNDERSTOOD);
                        understood += 1;
                    }
                    Err(_) => assert_eq!(events, NOT_UNDERSTOOD),
                }
                done += 1;
            }
            donor = own;
        }
        core.check().expect("invariants hold");
    }
    println!("{done} payloads, {understood} of them commands");
    assert!(understood * 2 > done / 2 && understood < done);
}

#[test]
fn any_snapshot_is_refused_or_sound() {
    let mut random = Random::new(seed() ^ 0x5a5a);
    let (mut restored, mut changed, mut done) = (0_u64, 0_u64, 0);
    while done < cases() {
        let mut core = Core::new();
        let stream = steps(random.next(), 300);
        let (head, tail) = stream.split_at(random.between(1, 290) as usize);
        for step in head {
            core.apply(Seq(core.seq().0 + 1), step.time, &payload(&step.input), &mut Vec::new()).expect("sound");
        }
        let mut snapshot = Vec::new();
        core.snapshot(&mut snapshot);
        for case in 0..1_000 {
            let mut bytes = snapshot.clone();
            if case % 50 == 0 {
                bytes = noise(&mut random, 400);
            } else {
                bytes.truncate(bytes.len() - 8);
                mutate(&mut random, &mut bytes, &snapshot);
                seal(&mut bytes);
            }
            done += 1;
            let Ok(mut core) = Core::restore(&bytes) else { continue };
            restored += 1;
            changed += u64::from(bytes != snapshot);
            core.check().expect("what restore accepts is sound");
            let mut again = Vec::new();
            core.snapshot(&mut again);
            assert_eq!(again, bytes, "what restore accepts is canonical");
            for step in tail.iter().take(10) {
                let (seq, time) = (Seq(core.seq().0.saturating_add(1)), TimeUs(step.time.0.max(core.time().0)));
                // Near the end of its numbers a core may stop with Broken; it must not panic.
                let _ = core.apply(seq, time, &payload(&step.input), &mut Vec::new());
            }
        }
    }
    println!("{done} snapshots, {restored} restored, {changed} of them changed");
    assert!(changed > 0, "no change got past the checksum: has it changed?");
}

#[test]
fn a_log_with_a_hole_or_a_clock_that_went_back_stops_the_core_for_good() {
    let stream = steps(seed(), 200);
    let last = stream[199].time.0;
    let wrongs = [
        (Seq(202), last, Broken::SeqNotNext),
        (Seq(200), last, Broken::SeqNotNext),
        (Seq(201), last - 1, Broken::TimeFell),
    ];
    for (seq, time, expected) in wrongs {
        let mut core = Core::new();
        for step in &stream {
            core.apply(Seq(core.seq().0 + 1), step.time, &payload(&step.input), &mut Vec::new()).unwrap();
        }
        let mut events = Vec::new();
        let own = payload(&stream[50].input);
        assert_eq!(core.apply(seq, TimeUs(time), &own, &mut events), Err(expected));
        assert_eq!(core.apply(Seq(201), TimeUs(last), &own, &mut events), Err(expected));
        assert_eq!(events, []);
        assert_eq!(core.check(), Err(expected));
    }
}
