//! Core and journal together, losing power again and again: nothing acknowledged is lost, nothing is applied twice.
//!
//! One client after the other sends commands with rising numbers; a batch is appended, synced, applied, answered. The
//! power goes after a random number of storage calls, recovery included. Whoever got no answer sends the same
//! commands again. In the end each command has had exactly the events that it has in a world without crashes.
//!
//! TANDEM_SIM_CRASH_SEED: the first seed; TANDEM_SIM_CRASH_SEEDS: how many.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Arc;

use tandem_core::Core;
use tandem_core::codec;
use tandem_core::command::{Command, Origin};
use tandem_core::event::Event;
use tandem_core::reject::RejectCode;
use tandem_core::types::{Seq, TimeUs};
use tandem_journal::testing::{FaultStorage, Tear};
use tandem_journal::{Config, Identity, Journal, LogDir, NewSnapshot, SnapshotStore, Start};
use tandem_sim::compare::payload;
use tandem_sim::generate::{Input, Step};
use tandem_sim::random::Random;
use tandem_sim::shrink::steps;

const COMMANDS: u64 = 1_500;
const CLIENTS: u64 = 3;
/// Added to the session of a retry that goes out as something new.
const RENAMED: u64 = 1_000;
const REPEATED: [Event; 1] = [Event::Rejected { code: RejectCode::CommandRepeated }];

fn config(random: &mut Random) -> Config {
    Config {
        segment_bytes: 512 * random.between(24, 128),
        max_payload_bytes: 2_048,
        reserve_bytes: 2_048,
        min_free_bytes: 0,
        prepare_in_background: false,
        ..Config::new(Identity { cluster_id: *b"simulated crash!", shard: 3 })
    }
}

/// A way to run the shard wrongly, which the rig has to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Commands are applied and answered before they are durable.
    AnswerBeforeSync,
    /// Who got no answer gives up.
    NoRetry,
    /// A retry is sent as a new command.
    RetryAsNew,
    /// A snapshot is taken of what is not yet durable.
    SnapshotAhead,
    /// The core that goes on after a start has not seen the last record.
    LastRecordSkipped,
}

const FLAWS: [Flaw; 5] =
    [Flaw::AnswerBeforeSync, Flaw::NoRetry, Flaw::RetryAsNew, Flaw::SnapshotAhead, Flaw::LastRecordSkipped];

/// A process between two crashes.
struct Life {
    core: Core,
    journal: Journal,
    snapshots: SnapshotStore,
}

/// What is known outside of the processes.
#[derive(Default)]
struct Witness {
    flaw: Option<Flaw>,
    /// Answered commands: their seq, payload and events.
    answers: BTreeMap<u64, (Vec<u8>, Vec<Event>)>,
    /// What each command came to the first time that it was applied, by its origin.
    outcomes: BTreeMap<(u64, u64), Vec<Event>>,
    /// The digest after each seq that was ever answered.
    digests: BTreeMap<u64, u64>,
    crashes: u64,
    crashes_in_recovery: u64,
    lost_unanswered: u64,
    repeated: u64,
    snapshot_starts: u64,
}

fn tear(random: &mut Random) -> Tear {
    match random.below(9) {
        0 => Tear::Nothing,
        1 => Tear::Everything,
        2 => Tear::Zeros,
        3 => Tear::HalfOfLast,
        4 => Tear::PrefixOfLast(random.below(300) as usize),
        5 => Tear::AllButFirstSector,
        6 => Tear::AllButLastSector,
        _ => Tear::Sectors(random.next()),
    }
}

fn crash(storage: &FaultStorage, random: &mut Random) -> FaultStorage {
    if random.one_in(4) { storage.after_process_death() } else { storage.after_power_loss(tear(random)) }
}

/// Starts on what a crash left; errors only because the power goes again.
fn recover(storage: &FaultStorage, config: &Config, witness: &mut Witness) -> Result<Life, tandem_journal::Error> {
    let dir = LogDir::lock(Arc::new(storage.clone()), config.clone())?;
    let snapshots = dir.snapshots();
    let (mut core, mut start) = (Core::new(), Start::Genesis);
    if let Some(found) = snapshots.newest()?.snapshot {
        core = Core::restore(&found.payload).expect("a verified snapshot");
        assert_eq!((core.seq(), core.digest()), (Seq(found.seq), found.digest));
        start = Start::after(&found);
        witness.snapshot_starts += 1;
    }
    let (journal, _report) = Journal::open(dir, start, |record| {
        let mut events = Vec::new();
        core.apply(Seq(record.seq), TimeUs(record.time_us), record.payload, &mut events).expect("not broken");
        check_replayed(record.seq, record.payload, &events, core.digest(), witness);
        Ok(())
    })?;
    let last_answered = witness.answers.keys().next_back().copied().unwrap_or(0);
    assert!(journal.last_seq() >= last_answered, "answered up to {last_answered}, {} left", journal.last_seq());
    core.check().expect("invariants hold after recovery");
    if witness.flaw == Some(Flaw::LastRecordSkipped) && core.seq().0 > 0 {
        core = without_last(&core, witness);
    }
    Ok(Life { core, journal, snapshots })
}

/// A core that has missed the last record, as far as the answers can rebuild it.
fn without_last(core: &Core, witness: &Witness) -> Core {
    let mut other = Core::new();
    for (seq, (payload, _)) in witness.answers.range(..core.seq().0) {
        if other.apply(Seq(*seq), core.time(), payload, &mut Vec::new()).is_err() {
            break;
        }
    }
    other
}

fn check_replayed(seq: u64, payload: &[u8], events: &[Event], digest: u64, witness: &mut Witness) {
    if let Some((bytes, answered)) = witness.answers.get(&seq) {
        assert_eq!((bytes.as_slice(), answered.as_slice()), (payload, events), "seq {seq} is another after replay");
        assert_eq!(witness.digests[&seq], digest, "digest at seq {seq}");
        return;
    }
    let (origin, _) = codec::decode(payload).expect("a command");
    note_outcome(witness, origin, events);
}

/// The first time a command is applied it does what it does; ever after it is refused as repeated.
///
/// A record that was applied, never answered and then lost may be applied again: it never happened.
fn note_outcome(witness: &mut Witness, origin: Origin, events: &[Event]) {
    if events == REPEATED {
        witness.repeated += 1;
        assert!(witness.outcomes.contains_key(&key(origin)), "{origin:?} is refused as repeated but was never applied");
    } else if let Some(before) = witness.outcomes.insert(key(origin), events.to_vec()) {
        assert_eq!(before, events, "{origin:?} came to something else the second time");
    }
}

/// Appends, syncs, applies, answers; what the batch's commands came to.
fn serve(life: &mut Life, batch: &[(u64, Vec<u8>)], witness: &mut Witness) -> Result<(), tandem_journal::Error> {
    let appended = life.journal.write(batch)?;
    if witness.flaw != Some(Flaw::AnswerBeforeSync) || appended.first_seq.is_multiple_of(5) {
        life.journal.sync()?;
    }
    for (offset, (time, payload)) in batch.iter().enumerate() {
        let seq = appended.first_seq + offset as u64;
        let mut events = Vec::new();
        life.core.apply(Seq(seq), TimeUs(*time), payload, &mut events).expect("not broken");
        let (origin, _) = codec::decode(payload).expect("a command");
        note_outcome(witness, origin, &events);
        witness.answers.insert(seq, (payload.clone(), events));
        witness.digests.insert(seq, life.core.digest());
    }
    Ok(())
}

fn write_snapshot(
    life: &mut Life,
    next: &[(u64, Vec<u8>)],
    is_pruned: bool,
    witness: &mut Witness,
) -> Result<(), tandem_journal::Error> {
    if witness.flaw == Some(Flaw::SnapshotAhead) {
        life.journal.write(next)?;
        for (time, payload) in next {
            let seq = Seq(life.core.seq().0 + 1);
            let mut events = Vec::new();
            life.core.apply(seq, TimeUs(*time), payload, &mut events).expect("not broken");
            note_outcome(witness, codec::decode(payload).expect("a command").0, &events);
        }
    }
    let mut bytes = Vec::new();
    life.core.snapshot(&mut bytes);
    life.snapshots.write(&NewSnapshot {
        seq: life.journal.last_seq(),
        time_us: life.journal.last_time_us(),
        running_hash: life.journal.running_hash(),
        digest: life.core.digest(),
        payload: &bytes,
    })?;
    if is_pruned { life.snapshots.prune().map(|_| ()) } else { Ok(()) }
}

/// The stream of a seed as the commands of a few clients, each with rising numbers.
fn stream(seed: u64) -> Vec<(Origin, Step)> {
    let mut numbers = [0; CLIENTS as usize];
    let mut random = Random::new(seed ^ 0xc11e);
    let mut stream = Vec::new();
    for step in steps(seed, COMMANDS) {
        if let Input::Command(_, command) = step.input {
            let client = random.below(CLIENTS);
            numbers[client as usize] += 1;
            let origin = Origin { session: 100 + client, number: numbers[client as usize] };
            stream.push((origin, Step { time: step.time, input: Input::Command(origin, command) }));
        }
    }
    stream
}

fn restart(storage: &mut FaultStorage, config: &Config, random: &mut Random, witness: &mut Witness) -> Life {
    loop {
        *storage = crash(storage, random);
        witness.crashes += 1;
        let goes_again = random.one_in(3);
        if goes_again {
            storage.crash_after(random.below(12));
        }
        match recover(storage, config, witness) {
            Ok(life) => {
                storage.crash_after(random.between(1, 150));
                return life;
            }
            Err(error) => {
                assert!(goes_again, "recovery fails although the power is on: {error}");
                witness.crashes_in_recovery += 1;
            }
        }
    }
}

/// Commands as they are sent; a retry goes out as it was, or else it would be applied twice.
fn batch(stream: &[(Origin, Step)], last_time: u64, is_new: bool) -> Vec<(u64, Vec<u8>)> {
    let renumbered = |input: &Input| match input {
        Input::Command(origin, command) if is_new => {
            let origin = Origin { session: origin.session + RENAMED, ..*origin };
            payload(&Input::Command(origin, command.clone()))
        }
        input => payload(input),
    };
    stream.iter().map(|(_, step)| (step.time.0.max(last_time), renumbered(&step.input))).collect()
}

/// Sends the whole stream through crashes; gives the last life.
fn run(seed: u64, stream: &[(Origin, Step)], witness: &mut Witness) -> Life {
    let mut random = Random::new(seed);
    let config = config(&mut random);
    let prunes = random.one_in(2);
    let mut storage = FaultStorage::new();
    let mut life = restart(&mut storage, &config, &mut random, witness);
    let (mut answered, mut is_retry) = (0, false);
    while answered < stream.len() {
        let size = (random.between(1, 8) as usize).min(stream.len() - answered);
        let last_time = life.journal.last_time_us();
        let is_new = is_retry && witness.flaw == Some(Flaw::RetryAsNew);
        let commands = batch(&stream[answered..answered + size], last_time, is_new);
        let before = life.journal.last_seq();
        let mut outcome = serve(&mut life, &commands, witness);
        is_retry = outcome.is_err();
        if outcome.is_ok() {
            answered += size;
            if random.one_in(40) {
                let next = (answered + 3).min(stream.len());
                let next = batch(&stream[answered..next], life.journal.last_time_us(), false);
                outcome = write_snapshot(&mut life, &next, prunes, witness);
            }
        } else if witness.flaw == Some(Flaw::NoRetry) {
            answered += size;
        }
        if outcome.is_err() {
            drop(life);
            life = restart(&mut storage, &config, &mut random, witness);
            let survived = life.journal.last_seq().saturating_sub(before);
            witness.lost_unanswered += u64::from(survived == 0);
        }
    }
    life
}

/// A core that every command has reached once, and what each came to.
fn without_crashes(stream: &[(Origin, Step)]) -> (Core, BTreeMap<(u64, u64), Vec<Event>>) {
    let mut core = Core::new();
    let mut outcomes = BTreeMap::new();
    for (index, (origin, step)) in stream.iter().enumerate() {
        let mut events = Vec::new();
        core.apply(Seq(index as u64 + 1), step.time, &payload(&step.input), &mut events).expect("not broken");
        outcomes.insert(key(*origin), events);
    }
    (core, outcomes)
}

/// All that the commands have led to, whatever their seqs.
fn state(core: &Core) -> impl PartialEq + std::fmt::Debug {
    let accounts = core.accounts().to_vec();
    let balances: Vec<_> = accounts.iter().map(|account| core.balances(account.id).collect::<Vec<_>>()).collect();
    let books: Vec<_> = core.markets().map(|market| core.depth(market.id, usize::MAX)).collect();
    (accounts, balances, books, core.open_orders().collect::<Vec<_>>(), core.assets().to_vec())
}

/// Panics where the crashes have changed anything.
fn check_seed(seed: u64, flaw: Option<Flaw>) -> Witness {
    let stream = stream(seed);
    assert!(stream.iter().any(|(_, step)| matches!(step.input, Input::Command(_, Command::PlaceOrder(_)))));
    let mut witness = Witness { flaw, ..Witness::default() };
    let life = run(seed, &stream, &mut witness);
    life.core.check().expect("invariants hold");
    let (core, outcomes) = without_crashes(&stream);
    assert_eq!(witness.outcomes, outcomes, "each command exactly once");
    assert_eq!(state(&life.core), state(&core), "the state of a world without crashes");
    witness
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_answered_is_lost_and_nothing_is_applied_twice() {
    let (first, count) = (
        number("TANDEM_SIM_CRASH_SEED", 1),
        number("TANDEM_SIM_CRASH_SEEDS", if cfg!(debug_assertions) { 20 } else { 100 }),
    );
    println!("seeds {first} to {}", first + count - 1);
    let mut sums = [0; 5];
    for seed in first..first + count {
        let witness = catch_unwind(|| check_seed(seed, None));
        let witness = witness.unwrap_or_else(|_| panic!("seed {seed}: see above"));
        let counts = [
            witness.crashes,
            witness.crashes_in_recovery,
            witness.lost_unanswered,
            witness.repeated,
            witness.snapshot_starts,
        ];
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let [crashes, in_recovery, lost, repeated, snapshots] = sums;
    println!(
        "{crashes} crashes, {in_recovery} of them in recovery, {lost} took everything unanswered, \
         {repeated} retries refused as repeated, {snapshots} starts from a snapshot"
    );
    assert!(crashes >= 10 * count && repeated > 0 && lost > 0 && snapshots > 0, "the rig does what it says");
}

/// What a client meant, whatever session it was sent in.
const fn key(origin: Origin) -> (u64, u64) {
    (origin.session % RENAMED, origin.number)
}

#[test]
fn every_way_to_run_the_shard_wrongly_is_noticed() {
    for flaw in FLAWS {
        let noticed = (1..=20).find(|seed| catch_unwind(|| check_seed(*seed, Some(flaw))).is_err());
        println!("{flaw:?}: noticed with seed {noticed:?}");
        assert!(noticed.is_some(), "{flaw:?} goes unnoticed");
    }
}
