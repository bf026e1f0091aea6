//! From a failing stream to a short one: drop steps while it still fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::compare::{Difference, Pair};
use crate::generate::{Generator, Step};

/// The steps of a seed's stream, as drawn against a sound model alone.
pub fn steps(seed: u64, count: u64) -> Vec<Step> {
    let mut generator = Generator::new(seed);
    let mut model = crate::model::Model::new();
    let mut steps = Vec::new();
    for seq in 1..=count {
        let step = generator.next(&model);
        model.apply_step(tandem_core::types::Seq(seq), &step);
        steps.push(step);
    }
    steps
}

/// Runs a stream on both; compares everything at the end and every `every` commands.
///
/// # Errors
/// The first difference.
pub fn replay(pair: &mut Pair, steps: &[Step], every: usize) -> Result<(), Difference> {
    for (index, step) in steps.iter().enumerate() {
        pair.step(step)?;
        if (index + 1) % every == 0 {
            pair.compare_all()?;
        }
    }
    pair.compare_all()
}

/// Everything is compared some fifty times a replay, and after each step of a short one.
fn fails(steps: &[Step], fresh: &dyn Fn() -> Pair) -> bool {
    let every = steps.len() / 50 + 1;
    let run = catch_unwind(AssertUnwindSafe(|| replay(&mut fresh(), steps, every)));
    !matches!(run, Ok(Ok(())))
}

/// A stream that still fails on what `fresh` gives and from which no single step can be dropped (or that ran out of `budget` replays).
pub fn shrink(steps: &[Step], budget: usize, fresh: &dyn Fn() -> Pair) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut replays = 0;
    let mut chunk = steps.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut has_shrunk = false;
        while start < steps.len() && replays < budget {
            let mut without = steps.clone();
            without.drain(start..(start + chunk).min(steps.len()));
            replays += 1;
            if fails(&without, fresh) {
                steps = without;
                has_shrunk = true;
            } else {
                start += chunk;
            }
        }
        if replays >= budget || (chunk == 1 && !has_shrunk) {
            return steps;
        }
        chunk = (chunk / 2).max(1);
    }
}
