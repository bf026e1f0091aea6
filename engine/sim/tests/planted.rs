//! The rig has teeth: a model with any one planted bug is told from the core.
#![allow(clippy::unwrap_used, clippy::panic)] // a test says so by stopping

use std::panic::{AssertUnwindSafe, catch_unwind};

use tandem_sim::compare::{Difference, Pair};
use tandem_sim::generate::{Generator, Step};
use tandem_sim::planted::Planted;
use tandem_sim::shrink::{replay, shrink, steps};

/// Commands after which a bug must have been seen.
const WITHIN: u64 = 300_000;

/// The number of commands that it took to see the bug.
fn caught_after(bug: Planted, streams: &[Vec<Step>]) -> Option<(u64, Difference)> {
    let mut before = 0;
    for stream in streams {
        let mut pair = Pair::with_bug(bug);
        for (index, step) in stream.iter().enumerate() {
            let after = before + index as u64 + 1;
            let checked = catch_unwind(AssertUnwindSafe(|| {
                pair.step(step)?;
                if after.is_multiple_of(97) { pair.compare_all() } else { Ok(()) }
            }));
            match checked {
                Ok(Ok(())) => {}
                Ok(Err(difference)) => return Some((after, difference)),
                Err(_) => panic!("{bug:?} does not differ but panics"),
            }
        }
        before += stream.len() as u64;
    }
    None
}

#[test]
fn every_planted_bug_is_caught() {
    let mut streams: Vec<Vec<Step>> = Vec::new();
    let mut commands = 0;
    for seed in 1.. {
        let length = Generator::new(seed).profile().length().min(WITHIN - commands);
        commands += length;
        streams.push(steps(seed, length));
        if commands == WITHIN {
            break;
        }
    }
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        match caught_after(*bug, &streams) {
            Some((after, difference)) => {
                let what = difference.what.lines().next().unwrap_or_default();
                println!("{bug:?}: after {after} commands: {}", what.chars().take(90).collect::<String>());
            }
            None => missed.push(*bug),
        }
    }
    println!("{} planted bugs, {} missed", Planted::ALL.len(), missed.len());
    assert_eq!(missed, []);
}

#[test]
fn a_failing_stream_shrinks_to_a_few_commands() {
    let bug = Planted::PriorityLostOnPartialFill;
    let fresh = || Pair::with_bug(bug);
    let steps = steps(3, 3_000);
    let shrunk = shrink(&steps, 2_000, &fresh);
    println!("from {} to {} commands", steps.len(), shrunk.len());
    replay(&mut fresh(), &shrunk, 1).unwrap_err();
    replay(&mut Pair::new(), &shrunk, 1).unwrap();
    assert!(shrunk.len() <= 40, "{shrunk:#?}");
}

#[test]
fn a_model_without_a_bug_is_not_told_from_the_core() {
    for seed in 1..=20 {
        replay(&mut Pair::new(), &steps(seed, 3_000), 97).unwrap();
    }
}
