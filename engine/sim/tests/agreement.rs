//! The core and the model agree on everything, for every stream that the seeds draw.
//!
//! TANDEM_SIM_COMMANDS: how many commands in all (default 5 million in release, 200 thousand in debug).
//! TANDEM_SIM_SEED: the first seed (default 1); with TANDEM_SIM_COMMANDS=1, the only one.
//! A failure prints the seed and a shrunk stream; that seed then belongs into `REGRESSIONS`.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tandem_sim::compare::{Difference, Pair};
use tandem_sim::coverage::Coverage;
use tandem_sim::generate::{Generator, Step};
use tandem_sim::shrink::{replay, shrink};

/// Seeds that once failed.
const REGRESSIONS: [u64; 0] = [];
/// Balances, books and invariants are compared in full after so many commands.
const COMPARE_ALL_EVERY: u64 = 97;
const CHECK_ORDER_EVERY: u64 = 7;
/// The core is replaced by what its snapshot restores.
const RESTART_EVERY: u64 = 1_499;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn run(seed: u64, steps: &mut Vec<Step>) -> Result<Coverage, Difference> {
    let (mut generator, mut pair, mut coverage) = (Generator::new(seed), Pair::new(), Coverage::default());
    for count in 1..=generator.profile().length() {
        let step = generator.next(&pair.model);
        steps.push(step.clone());
        if count % CHECK_ORDER_EVERY == 0 {
            pair.compare_check(&step)?;
        }
        let events = pair.step(&step)?;
        coverage.observe(&step, &events);
        if count % COMPARE_ALL_EVERY == 0 {
            pair.compare_all()?;
            coverage.observe_books(&pair.model);
        }
        if count % RESTART_EVERY == 0 {
            pair.restart_core()?;
        }
    }
    pair.compare_all()?;
    Ok(coverage)
}

fn run_or_explain(seed: u64) -> Coverage {
    let mut steps = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, &mut steps)));
    let outcome =
        outcome.unwrap_or_else(|_| panic!("seed {seed}: the rig itself panicked after {} steps", steps.len()));
    match outcome {
        Ok(coverage) => coverage,
        Err(difference) => {
            println!("seed {seed} differs {difference}");
            let shrunk = shrink(&steps, 3_000, &Pair::new);
            println!("shrunk from {} to {} commands:", steps.len(), shrunk.len());
            for step in &shrunk {
                println!("  {step:?}");
            }
            if let Err(difference) = replay(&mut Pair::new(), &shrunk, 1) {
                println!("which differs {difference}");
            }
            panic!("seed {seed}: core and model differ, see above");
        }
    }
}

#[test]
fn core_agrees_with_the_model_on_every_stream() {
    let default = if cfg!(debug_assertions) { 200_000 } else { 5_000_000 };
    let (wanted, first) = (number("TANDEM_SIM_COMMANDS", default), number("TANDEM_SIM_SEED", 1));
    let (started, mut total, mut poor, mut seed) = (Instant::now(), Coverage::default(), 0, first);
    for seed in REGRESSIONS {
        total.add(&run_or_explain(seed));
    }
    while total.commands < wanted {
        let coverage = run_or_explain(seed);
        poor += u64::from(coverage.accepted_percent() < 60);
        total.add(&coverage);
        seed += 1;
    }
    let seeds = seed - first;
    println!("seeds {first} to {}, {:?}\n{total}", seed - 1, started.elapsed());
    println!("{poor} of {seeds} seeds accept less than 60 % of their orders");
    assert!(poor * 4 <= seeds, "rejects dominate: the streams say little");
    if wanted >= 5_000_000 {
        assert_eq!(total.missing(), Vec::<String>::new(), "never seen");
    }
}
