//! Equal seq, equal digest: full replay, snapshot + tail, debug and release build.
//!
//! `golden_digests.txt` holds the digests of fixed streams; both builds are held against it. When the rules or the
//! generator change on purpose: `TANDEM_SIM_REFRESH=1 cargo test --release -p tandem-sim --test digest`, and say why in the commit.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use std::fmt::Write as _;

use tandem_core::Core;
use tandem_core::types::Seq;
use tandem_sim::compare::payload;
use tandem_sim::generate::Step;
use tandem_sim::random::Random;
use tandem_sim::shrink::steps;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden_digests.txt");
const SEEDS: std::ops::RangeInclusive<u64> = 1..=40;
const COMMANDS: u64 = 1_500;

fn apply(core: &mut Core, step: &Step) {
    let mut events = Vec::new();
    let seq = Seq(core.seq().0 + 1);
    core.apply(seq, step.time, &payload(&step.input), &mut events).unwrap();
}

fn replayed(steps: &[Step]) -> Core {
    let mut core = Core::new();
    steps.iter().for_each(|step| apply(&mut core, step));
    core
}

fn snapshot(core: &Core) -> Vec<u8> {
    let mut bytes = Vec::new();
    core.snapshot(&mut bytes);
    bytes
}

#[test]
fn digests_are_those_of_the_golden_file_in_every_build() {
    let mut lines = String::from("# seed commands digest; see tests/digest.rs for how to refresh\n");
    for seed in SEEDS {
        let core = replayed(&steps(seed, COMMANDS));
        writeln!(lines, "{seed} {COMMANDS} {:016x}", core.digest()).unwrap();
    }
    if std::env::var_os("TANDEM_SIM_REFRESH").is_some() {
        std::fs::write(GOLDEN, &lines).unwrap();
    }
    assert_eq!(std::fs::read_to_string(GOLDEN).unwrap(), lines);
}

#[test]
fn a_snapshot_and_the_tail_give_what_a_full_replay_gives() {
    for seed in SEEDS {
        let steps = steps(seed, COMMANDS);
        let whole = replayed(&steps);
        let mut random = Random::new(!seed);
        for _ in 0..4 {
            let cut = random.below(COMMANDS + 1) as usize;
            let bytes = snapshot(&replayed(&steps[..cut]));
            let mut core = Core::restore(&bytes).unwrap();
            assert_eq!(snapshot(&core), bytes, "seed {seed}: a restored core writes the same snapshot, cut {cut}");
            // Replicas need not have the same seed.
            core.set_hash_seed(random.below(u64::MAX)).unwrap();
            core.check().unwrap();
            steps[cut..].iter().for_each(|step| apply(&mut core, step));
            assert_eq!(core.digest(), whole.digest(), "seed {seed}, snapshot at {cut}");
            assert!(snapshot(&core) == snapshot(&whole), "seed {seed}: whole state, snapshot at {cut}");
        }
    }
}

#[test]
fn digests_of_different_streams_differ() {
    let digests: std::collections::BTreeSet<u64> = SEEDS.map(|seed| replayed(&steps(seed, 200)).digest()).collect();
    assert_eq!(digests.len(), SEEDS.count());
}
